// What each answer says to caches, over every operation of the document, and in which forms a znode has which ETag.

import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Answer, Http } from "../support/http.ts";
import { test } from "./server-fixture.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly isStream: boolean;
}

interface Responses {
  readonly [status: string]: { readonly content?: Readonly<Record<string, unknown>> };
}

const document = JSON.parse(readFileSync(new URL("../../openapi/openapi.json", import.meta.url), "utf8")) as {
  paths: Record<string, Record<string, { responses: Responses }>>;
};

const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { responses }]) => ({
    method: method.toUpperCase(),
    path,
    isStream: responses["200"]?.content?.["text/event-stream"] !== undefined,
  })),
);
const others = [
  "/",
  "/docs",
  "/openapi.json",
  "/openapi-3.0.json",
  "/livez",
  "/readyz",
  "/v1/znodes",
  "/v1/children",
  "/v1/tree",
  "/v1/nowhere",
];
const reads = [
  ...operations.filter(({ method, isStream }) => method === "GET" && !isStream).map(({ path }) => path),
  ...others,
];

/** Something of each kind, all named alike. */
async function fill(http: Http): Promise<{ id: string; headers: Record<string, string> }> {
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const headers = { "session-token": token };
  const made = [
    await http.post("/v1/znodes/a", { body: "x" }),
    await http.post("/v1/znodes/a/b", { body: "x" }),
    await http.put("/v1/quotas/a", { json: { countHard: 10 } }),
    await http.post("/v1/locks/a/claims", { headers }),
    await http.post("/v1/elections/a/candidates", { headers }),
    await http.post("/v1/counters/a", { json: { by: 1 } }),
    await http.put("/v1/services/a/instances/a", { headers, json: { address: "10.0.0.1", port: 80 } }),
  ];
  expect(made.map(({ status }) => status).filter((status) => status >= 300)).toEqual([]);
  return { id, headers };
}

function target(path: string, sessionId: string): string {
  return path.replace("/sessions/{id}", `/sessions/${sessionId}`).replaceAll(/\{\w+\}/g, "a");
}

function told(answer: Answer): string | null {
  return answer.header("cache-control");
}

test("answers of reads may be kept and are asked for each time; nothing else is kept, of no operation", async ({
  http,
}) => {
  const { id, headers } = await fill(http);
  const counts = new Map<string, number>();
  const look = (answer: Answer, isRead: boolean, name: string) => {
    const meant = isRead && answer.status === 200 ? "no-cache" : "no-store";
    expect([name, answer.status, told(answer)]).toEqual([name, answer.status, meant]);
    counts.set(`${isRead} ${meant}`, (counts.get(`${isRead} ${meant}`) ?? 0) + 1);
  };
  for (const path of reads.filter((read) => !read.startsWith("/docs"))) {
    const isRead = !/^\/v1\/(sessions|acl|admin\/backup)/.test(path);
    look(await http.get(target(path, id)), isRead, path);
    look(await http.get(`${target(path, id)}?no=such`), isRead, path);
    if (path.startsWith("/v1/")) look(await http.get(target(path, id), { headers }), false, path);
  }
  for (const { method, path, isStream } of operations) {
    if (method === "GET" || method === "HEAD" || isStream) continue;
    look(await http.request(method, target(path, id), { json: {}, headers }), false, `${method} ${path}`);
    look(await http.request(method, target(path, id), { json: { no: "such" } }), false, `${method} ${path}`);
  }
  for (const [kind, count] of counts) expect(count, kind).toBeGreaterThan(5);
  expect(counts.size).toBe(3);
});

test("an answer that holds a token is kept by nobody, the first time and told again", async ({ http }) => {
  const headers = { "idempotency-key": "k" };
  const first = await http.post("/v1/sessions", { headers });
  const again = await http.post("/v1/sessions", { headers });
  expect(again.header("idempotency-replayed")).toBe("true");
  expect(again.json().token).toBe(first.json().token);
  expect([told(first), told(again)]).toEqual(["no-store", "no-store"]);
});

test("event streams are kept by nobody", async ({ http }) => {
  const { id } = await fill(http);
  const streams = operations.filter(({ isStream, method }) => isStream && method === "GET");
  expect(streams.length).toBeGreaterThan(4);
  for (const { path } of streams) {
    const url = path === "/v1/watch" ? "/v1/watch?path=/a" : target(path, id);
    const stream = await http.stream(url);
    expect(stream.headers.get("cache-control"), path).toBe("no-store, no-transform");
    await stream.until(() => stream.events.length > 0);
    stream.close();
  }
});

test("HEAD says what GET says, of every read", async ({ http }) => {
  const { id } = await fill(http);
  for (const path of reads.filter((read) => !changedByAsking.has(read))) {
    for (const query of ["", "?no=such"]) {
      const url = target(path, id) + query;
      const [get, head] = [await http.get(url), await http.request("HEAD", url)];
      expect([url, head.status, head.text]).toEqual([url, get.status, ""]);
      expect(headersOf(head), url).toEqual(headersOf(get));
    }
  }
});

/**
 * A URL that nothing is at says which method found nothing there; no two figures of the service are alike, since asking
 * counts and takes a connection.
 */
const changedByAsking = new Set([
  ...["/v1/nowhere", "/metrics", "/v1/stats", "/v1/admin/connections"],
  // No backup is taken for its headers, and no log is told for them.
  ...["/v1/admin/backup", "/v1/admin/log"],
]);

/** Those of the answer, and not of the moment or the connection; a session's remaining time may grow shorter. */
function headersOf({ headers }: Answer): Record<string, string> {
  const {
    date: _,
    connection: __,
    "keep-alive": ___,
    "transfer-encoding": ____,
    ...said
  } = Object.fromEntries(headers);
  return said;
}

test("where Accept chooses the form, every answer says so", async ({ http }) => {
  await fill(http);
  for (const path of [
    "/v1/znodes/a",
    "/v1/children/a",
    "/v1/tree/a",
    "/v1/znodes",
    "/v1/children",
    "/v1/tree",
  ]) {
    for (const accept of [
      "application/json",
      "application/octet-stream",
      "application/x-ndjson",
      "*/*",
      "text/x",
    ]) {
      for (const query of ["", "?no=such"]) {
        const { headers } = await http.get(path + query, { headers: { accept } });
        expect([path, accept, headers.get("vary")]).toEqual([path, accept, "Accept"]);
      }
    }
  }
});

test("each form of a znode has a tag of its own, a 304 is of that form, and If-Match takes any of them [S11]", async ({
  http,
}) => {
  const url = "/v1/znodes/a";
  await http.post(url, { body: "x" });
  const forms: [string, Record<string, string>][] = [
    [url, {}],
    [url, { accept: "application/octet-stream" }],
    [`${url}?encoding=base64`, {}],
  ];
  const tags: string[] = [];
  for (const [form, headers] of forms)
    tags.push((await http.get(form, { headers })).header("etag") as string);
  expect(tags).toEqual(['"1-0"', '"1-0-bytes"', '"1-0-base64"']);
  expect((await http.get(`${url}?raw=true`)).header("etag")).toBe('"1-0-bytes"');
  for (const [index, [form, headers]] of forms.entries()) {
    for (const tag of tags) {
      const answer = await http.get(form, { headers: { ...headers, "if-none-match": tag } });
      const isKnown = tag === tags[index];
      expect([form, tag, answer.status]).toEqual([form, tag, isKnown ? 304 : 200]);
      expect([answer.header("etag"), told(answer), answer.header("vary")]).toEqual([
        tags[index],
        "no-cache",
        "Accept",
      ]);
    }
  }
  for (const [version, form] of ["", "-bytes", "-base64"].entries()) {
    const headers = { "if-match": `"1-${version}${form}"` };
    expect((await http.put(url, { body: "y", headers })).status).toBe(200);
    expect((await http.put(url, { body: "z", headers })).status).toBe(412);
  }
  for (const tag of ['"1-3-text"', '"1-3-"', '"1-3-bytes-base64"']) {
    expect((await http.put(url, { body: "y", headers: { "if-match": tag } })).status).toBe(412);
  }
  expect((await http.delete(url, { headers: { "if-match": '"1-3-bytes"' } })).status).toBe(204);
});
