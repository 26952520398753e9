// The table of metrics and what is made of it: names and units as Prometheus wants them, text that a parser takes, labels
// that are bounded, and that they are told to nobody from whom something is kept.

import { expect } from "vitest";
import { metrics } from "../../src/metrics/metrics.ts";
import { problemKinds } from "../../src/routes/http/problems.ts";
import { test as serverTest } from "../routes/server-fixture.ts";
import { addTokenWith, turnOnAccess } from "../support/access.ts";
import { readMetrics } from "./reading.ts";

const test = serverTest;

test("names say their units, and counters that they only grow", () => {
  for (const [name, { type, help }] of Object.entries(metrics)) {
    expect(name).toMatch(/^(treekeeper|process)_[a-z0-9]+(_[a-z0-9]+)*$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(name).not.toMatch(/_(ms|millis|kb|mb|count|bucket|sum)(_|$)/);
    expect(help, name).toMatch(/^[A-Z0-9].*[.]$/);
  }
});

test("what is served is text of the format, family by family, each as the table has it", async ({
  http,
  keeper,
}) => {
  await keeper.create("/a");
  const answer = await http.get("/metrics");
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const families = readMetrics(answer.text);
  expect(families.get("treekeeper_znodes")?.samples.get("treekeeper_znodes")).toBe(keeper.reader.zxid + 1);
  for (const [name, { type, help, samples }] of families) {
    expect(metrics[name], name).toMatchObject({ type, help });
    const labels = metrics[name]?.labels ?? [];
    for (const sample of samples.keys())
      expect(labelsIn(sample).filter((label) => label !== "le")).toEqual(labels);
  }
});

test("buckets of a histogram count upwards, and the last of them counts all", async ({ http }) => {
  for (let count = 0; count < 3; count += 1) await http.get("/v1/znodes");
  const family = readMetrics((await http.get("/metrics")).text).get(
    "treekeeper_http_request_duration_seconds",
  );
  const of = (name: string) =>
    [...(family?.samples ?? [])].filter(
      ([key]) => key.startsWith(name) && key.includes('route="/v1/znodes"'),
    );
  const buckets = of("treekeeper_http_request_duration_seconds_bucket").map(([, value]) => value);
  expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  expect(buckets.at(-1)).toBe(3);
  expect(of("treekeeper_http_request_duration_seconds_count")).toEqual([[expect.any(String), 3]]);
});

test("whatever is asked for, routes are named by their patterns, and requests without one are counted together", async ({
  http,
}) => {
  await http.get("/metrics");
  for (let index = 0; index < 50; index += 1) {
    await http.put(`/v1/znodes/secret-${index}`);
    await http.get(`/nowhere/${index}`);
    await http.request("PATCH", `/v1/znodes/secret-${index}`);
    await http.rawRequest("GET", `/v1/znodes/%ff${index}`);
  }
  const { text } = await http.get("/metrics");
  expect(text).not.toMatch(/secret|nowhere|127\.0\.0\.1/);
  const requests = readMetrics(text).get("treekeeper_http_requests_total")?.samples ?? new Map();
  expect(requests.size).toBeLessThan(12);
  const counted = (labels: string) => requests.get(`treekeeper_http_requests_total{${labels}}`);
  expect(counted('method="PUT",route="/v1/znodes/*",status="404"')).toBe(50);
  expect(counted('method="any",route="",status="404"')).toBe(50);
  expect(counted('method="any",route="",status="400"')).toBe(50);
});

test("a HEAD is counted as one, and a stream when it begins", async ({ http }) => {
  await http.request("HEAD", "/v1/znodes");
  const stream = await http.stream("/v1/watch?path=/");
  stream.close();
  const requests = readMetrics((await http.get("/metrics")).text).get(
    "treekeeper_http_requests_total",
  )?.samples;
  const counted = (labels: string) => requests?.get(`treekeeper_http_requests_total{${labels}}`);
  expect(counted('method="HEAD",route="/v1/znodes",status="200"')).toBe(1);
  expect(counted('method="GET",route="/v1/znodes",status="200"')).toBeUndefined();
  expect(counted('method="GET",route="/v1/watch",status="200"')).toBe(1);
});

test("every code has its count from the start on", async ({ http }) => {
  const codes = readMetrics((await http.get("/metrics")).text).get("treekeeper_http_problems_total")?.samples;
  expect(codes?.size).toBe(Object.keys(problemKinds).length);
});

test("a parameter is refused", async ({ http }) => {
  expect((await http.get("/metrics?all=1")).code).toBe("bad_request");
});

test("with access control on they are told to those alone who may observe the whole tree, be it nothing else", async ({
  http,
  keeper,
}) => {
  const { store } = keeper;
  const admin = await turnOnAccess(store);
  const everything = [
    { prefix: "/", allow: ["read", "write", "create", "delete", "session", "coordinate"] },
  ] as const;
  const others = {
    reader: await addTokenWith(store, "reader", everything),
    inPart: await addTokenWith(store, "in-part", [{ prefix: "/teams", allow: ["admin", "observe"] }]),
    confined: await addTokenWith(
      store,
      "confined",
      [{ prefix: "/", allow: ["admin", "observe"] }],
      "/teams/red",
    ),
  };
  const collector = await addTokenWith(store, "collector", [{ prefix: "/", allow: ["observe"] }]);
  expect((await http.get("/metrics")).code).toBe("unauthenticated");
  const ask = (headers: { authorization: string }) => http.get("/metrics", { headers });
  expect((await ask({ authorization: "Bearer tk_wrong" })).code).toBe("unauthenticated");
  for (const [name, headers] of Object.entries(others))
    expect((await ask(headers)).code, name).toBe("forbidden");
  for (const headers of [admin, collector]) expect((await ask(headers)).status).toBe(200);
  expect((await http.get("/v1/znodes", { headers: collector })).code).toBe("forbidden");
});

function labelsIn(sample: string): string[] {
  return Array.from(sample.matchAll(/[{,]([a-z_]+)="/g), ([, label]) => label as string);
}
