// What Accept or a parameter may ask for in another form has a URL of its own, with one form of answer, whatever Accept
// says: bytes, lines and progress, for clients that are made from the OpenAPI document.

import { encodeSegments, expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

const bytes = new Uint8Array([0, 255, 10, 128]);
const anyForm = { headers: { accept: "text/html" } };

test("the bytes of a znode have a URL, slashes encoded or not, and the ETag of bytes", async ({
  http,
  root,
}) => {
  const path = `${root}/a b.c`;
  expectStatus(await http.post(urlOf(path), { body: bytes }), 201);
  for (const url of [`/v1/data${encodeSegments(path)}`, `/v1/data/${encodeURIComponent(path)}`]) {
    const answer = expectStatus(await http.get(url, anyForm), 200);
    expect([...answer.bytes]).toEqual([...bytes]);
    expect(answer.header("content-type")).toBe("application/octet-stream");
    expect(answer.header("x-content-type-options")).toBe("nosniff");
    const etag = answer.header("etag") as string;
    expect(etag).toBe((await http.get(urlOf(path), { query: "raw=true" })).header("etag"));
    expect((await http.get(url, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await http.put(urlOf(path), { body: bytes, headers: { "if-match": etag } })).status).toBe(200);
  }
  expectProblem(await http.get(`/v1/data${encodeSegments(root)}/none`), 404, "no_node");
  expectProblem(await http.get(`/v1/data${encodeSegments(root)}`, { query: "raw=true" }), 400, "bad_request");
});

test("a long poll of the bytes answers when they change", async ({ http, root, znodes }) => {
  const { zxid } = await http.get(`/v1/data${root}`);
  const waiting = http.get(`/v1/data${root}`, { query: { waitAfterZxid: zxid, waitMs: 15_000 } });
  await znodes.set(root, "new");
  expect((await waiting).text).toBe("new");
});

test("an export is what Accept asks of the tree and of the children, as bytes", async ({
  http,
  root,
  znodes,
}) => {
  for (const name of ["a", "b", "a/c"]) await znodes.create(`${root}/${name}`, name);
  const lines = { headers: { accept: "application/x-ndjson" } };
  for (const [url, form] of [
    [`/v1/export${root}`, `/v1/tree${root}`],
    [`/v1/export-children${root}`, `/v1/children${root}`],
  ] as const) {
    const exported = expectStatus(await http.get(url, anyForm), 200);
    expect(exported.header("content-type")).toBe("application/octet-stream");
    expect(exported.text).toBe((await http.get(form, lines)).text);
    expect(exported.text.split("\n").length).toBeGreaterThan(2);
    expectProblem(await http.get(url, { query: "limit=1" }), 400, "bad_request");
  }
});

test("a subtree is deleted in parts, and its ETag counts", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`);
  await znodes.create(`${root}/a/b`);
  const url = `/v1/tree${root}/a`;
  expectProblem(await http.delete(url, { query: "version=7" }), 412, "bad_version");
  const answer = expectStatus(await http.delete(url, { query: "version=0", ...anyForm }), 200);
  const { zxid, ...deleted } = answer.json();
  expect(deleted).toEqual({ path: `${root}/a`, deleted: 2, remaining: 0 });
  // Others may have written by the time of the answer.
  expect(zxid).toBeLessThanOrEqual(answer.zxid);
  expectProblem(await http.delete(url), 404, "no_node");
  expect(await znodes.exists(`${root}/a`)).toBe(false);
});

test("progress is told as events, and ends with done", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/a`);
  const exported = await http.get(`/v1/export${root}/a`);
  const gone = expectStatus(await http.delete(`/v1/tree-with-progress${root}/a`, anyForm), 200);
  const back = await http.post("/v1/import-with-progress", {
    body: exported.bytes as Uint8Array<ArrayBuffer>,
  });
  for (const answer of [gone, expectStatus(back, 200)]) {
    expect(answer.header("content-type")).toBe("text/event-stream");
    const events = Array.from(answer.text.matchAll(/^event: (\w+)$/gm), ([, event]) => event);
    expect([events[0], events.at(-1)]).toEqual(["progress", "done"]);
  }
  expect(await znodes.exists(`${root}/a`)).toBe(true);
});

test("instances are selected by metadata in one parameter as well, as often as one likes", async ({
  http,
  root,
  openSession,
}) => {
  const session = await openSession();
  const service = `/v1/services${root}`;
  for (const [id, metadata] of Object.entries({ a: { v: "1=2", w: "x" }, b: { v: "1=2" } })) {
    const json = { address: "h", port: 80, metadata };
    expectStatus(await http.put(`${service}/instances/${id}`, { json, ...tokenOf(session) }), 201);
  }
  const idsWith = async (query: string) =>
    (await http.get(service, { query }))
      .json<{ instances: { id: string }[] }>()
      .instances.map(({ id }) => id);
  expect(await idsWith("meta=v=1=2")).toEqual(["a", "b"]);
  expect(await idsWith("meta=v=1=2&meta=w=x")).toEqual(["a"]);
  expect(await idsWith("meta=v=1")).toEqual([]);
  expect(await idsWith("meta.v=1%3D2&meta=w=x")).toEqual(["a"]);
  const refused = expectProblem(await http.get(service, { query: "meta=v" }), 400, "bad_request");
  expect(refused.detail).toContain("<name>=<value>");
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  await http.delete(urlOf(`/services${root}`), { query: "recursive=true" });
});
