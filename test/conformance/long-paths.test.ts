// A path of the greatest length, in a script whose characters take nine bytes of a URL each: what can be made can be
// read, watched and deleted, and no answer has a header that clients and proxies refuse.

import { randomBytes } from "node:crypto";
import { encodeSegments, expect, expectStatus, test, urlOf } from "./fixture.ts";

const pathLengthMax = 4096;

function longest(root: string): string {
  return `${root}/${"路".repeat(pathLengthMax - root.length - 1)}`;
}

test("a znode with the longest path is served by every route that a znode has", async ({
  http,
  root,
  watch,
}) => {
  const path = longest(root);
  const encoded = encodeSegments(path);
  const url = urlOf(path);
  expect(url.length).toBeGreaterThan(36_000);
  expectStatus(await http.post(url, { body: "x" }), 201);
  expect(expectStatus(await http.get(url), 200).json()).toMatchObject({ path, data: "x" });
  expectStatus(await http.request("HEAD", url), 200);
  expectStatus(await http.put(url, { body: "y" }), 200);
  expectStatus(await http.get(`/v1/children${encoded}`), 200);
  expectStatus(await http.get(`/v1/tree${encoded}`), 200);
  expectStatus(await http.put(`/v1/quotas${encoded}`, { json: { countHard: 10 } }), 201);
  expectStatus(await http.get(`/v1/quotas${encoded}`), 200);
  expectStatus(await http.delete(`/v1/quotas${encoded}`), 204);
  const stream = await watch(`path=${encodeURIComponent(path)}&initial=true`);
  const { data } = await stream.untilEvent("snapshot");
  expect(data.znodes).toMatchObject([{ path, data: "y" }]);
  expectStatus(await http.delete(url), 204);
  expect(await stream.untilChanges(1)).toEqual([`deleted ${path}`]);
});

test("a path that is too long for a URL on the way is named in a body: to read, to write, to watch", async ({
  http,
  root,
}) => {
  const path = longest(root);
  const batch = async (...operations: object[]) => {
    const answer = expectStatus(await http.post("/v1/batch", { json: { operations } }), 200);
    return answer.json<{ results: { status: number }[] }>().results;
  };
  const [created, read, listed] = await batch(
    { op: "create", path, data: "x" },
    { op: "get", path },
    { op: "children", path },
  );
  expect([created?.status, read, listed?.status]).toMatchObject([201, { status: 200, data: "x" }, 200]);
  const json = { path: [path], initial: true, once: true };
  const response = await http.fetch("POST", "/v1/watch", { json });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const [deleted] = await batch({ op: "delete", path });
  expect(deleted?.status).toBe(204);
  const told = await response.text();
  expect(told).toContain(`"znodes":[{"path":"${path}","data":"x"`);
  expect(told).toContain(`"events":[{"type":"deleted","path":"${path}"`);
});

test("a Location of up to 2 KiB says where it is, and a longer one is left out: the body says the same", async ({
  http,
  root,
}) => {
  const name = (bytes: number) => "x".repeat(bytes - urlOf(`${root}/`).length);
  for (const [path, isTold] of [
    [`${root}/${name(2048)}`, true],
    [`${root}/${name(2049)}`, false],
    [`${root}/${"路".repeat(450)}`, false],
  ] as const) {
    const answer = expectStatus(await http.post(urlOf(path)), 201);
    expect(answer.header("location")).toBe(isTold ? urlOf(path) : null);
    expect(answer.json().path).toBe(path);
    const upserted = await http.put(urlOf(`${path}y`), { query: "upsert=true" });
    expect(expectStatus(upserted, 201).header("location") === null).toBe(
      !isTold || urlOf(`${path}y`).length > 2048,
    );
  }
  const longName = `${"路".repeat(247)}${randomBytes(4).toString("hex")}`;
  const session = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const headers = { "session-token": session.token };
  const claimed = expectStatus(
    await http.post(`/v1/locks/${encodeURIComponent(longName)}/claims`, { headers }),
    201,
  );
  expect(claimed.header("location")).toBeNull();
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, { headers }), 204);
  expectStatus(await http.delete(urlOf(`/locks/${longName}`)), 204);
});

test("no header of any answer about the longest path has more than 4 KiB", async ({ http, root }) => {
  const url = urlOf(longest(root));
  for (const answer of [
    await http.post(url),
    await http.post(url),
    await http.get(`${url}x`),
    await http.delete(url),
  ]) {
    const bytes = [...answer.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
    expect(bytes).toBeLessThan(4096);
  }
});
