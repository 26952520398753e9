// Input that is too long, too deep, too many, or could be read in two ways: each is refused in one sentence that names
// the limit, the client gets to read it, and nothing was done.

import { once } from "node:events";
import { withBearer } from "../support/http.ts";
import { encodeSegments, expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

type Bounds = Record<string, number>;

test("a path over its limit is 400 bad_path that names the limit, wherever a path can stand [P9]", async ({
  http,
  root,
}) => {
  const { pathLengthMax } = (await http.get("/v1/limits")).json<{ bounds: Bounds }>().bounds;
  const path = `/${"x".repeat(pathLengthMax as number)}`;
  const answers = [
    await http.get(urlOf(path)),
    await http.post(urlOf(path)),
    await http.post(urlOf(path), { query: "sequential=true" }),
    await http.put(urlOf(path), { headers: { "session-token": "none" } }),
    await http.delete(urlOf(path)),
    await http.get(`/v1/children${encodeSegments(path)}`),
    await http.get("/v1/watch", { query: { path } }),
    await http.put(urlOf(root), { headers: { fence: `${path}@1` } }),
    await http.post("/v1/transactions", { json: { operations: [{ op: "check", path }] } }),
  ];
  for (const answer of answers) {
    const limit = { limit: "pathLengthMax", limitValue: pathLengthMax, size: path.length };
    expect(expectProblem(answer, 400, "bad_path")).toMatchObject(limit);
  }
  expectStatus(await http.request("HEAD", urlOf(path)), 400);
  expectStatus(await http.get(urlOf(path.slice(0, -1))), 404);
});

test("whoever sends a body far over its limit sends it to the end and then reads the 413 [P9, L3]", async ({
  http,
  root,
}) => {
  const body = new Uint8Array(24 * 1024 * 1024);
  const answer = expectProblem(await http.put(urlOf(root), { body }), 413, "too_large");
  expect(answer).toMatchObject({ limit: "dataBytesMax", size: body.length });

  const socket = await http.connect();
  const failures: unknown[] = [];
  socket.on("error", (error) => failures.push(error));
  const head = `PUT ${urlOf(root)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(withBearer(head));
  const [first] = (await once(socket, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1\.1 413 /);
  socket.write(body);
  await once(socket, "close");
  expect(failures).toEqual([]);
});

test("a body that will be refused is not asked for, and any other one is, by who waits to be asked", async ({
  http,
  root,
  znodes,
}) => {
  const head = (length: number) =>
    `PUT ${urlOf(root)} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
  const refused = await http.raw(head(1_000_000_000));
  expect([refused.status, JSON.parse(refused.body).code]).toEqual([413, "too_large"]);

  const socket = await http.connect();
  socket.write(withBearer(head(5)));
  const [asked] = (await once(socket, "data")) as [Buffer];
  expect(asked.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  socket.write("hello");
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  expect((await znodes.read(root)).data).toBe("hello");
});

test("another expectation is 417, and no Host or two are 400, each with a problem document", async ({
  http,
  root,
}) => {
  const start = `GET ${urlOf(root)} HTTP/1.1\r\nConnection: close\r\n`;
  const requests = [
    [417, `${start}Host: localhost\r\nExpect: miracles\r\n\r\n`],
    [400, `${start}\r\n`],
    [400, `${start}Host: localhost\r\nHost: localhost\r\n\r\n`],
  ] as const;
  for (const [status, request] of requests) {
    const answer = await http.raw(request);
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(JSON.parse(answer.body)).toMatchObject({ status, code: "bad_request" });
    expect(answer.status).toBe(status);
  }
  const old = await http.raw(`GET ${urlOf(root)} HTTP/1.0\r\n\r\n`);
  expect(old.status).toBe(200);
});

test("JSON deeper than its limit is 400, however deep; within strings nothing is deep", async ({
  http,
  root,
}) => {
  const deep = (count: number) => "[".repeat(count) + "]".repeat(count);
  const body = (data: string) => `{"operations":[{"op":"set","path":"${root}","data":${data}}]}`;
  for (const count of [40, 100_000]) {
    const problem = expectProblem(
      await http.post("/v1/transactions", { body: body(deep(count)) }),
      400,
      "bad_request",
    );
    expect(problem).toMatchObject({ limit: "jsonDepthMax", limitValue: 32, size: 33 });
  }
  const open = await http.post("/v1/transactions", { body: "[".repeat(100_000) });
  expect(expectProblem(open, 400, "bad_request").limit).toBe("jsonDepthMax");
  const text = JSON.stringify(`${deep(500)}\\" ${deep(500)} \\\\`);
  expectStatus(await http.post("/v1/transactions", { body: body(text) }), 200);
  expect((await http.get(urlOf(root), { query: "raw=true" })).text).toBe(JSON.parse(text));
});

test("text that is no Unicode is refused rather than changed", async ({ http, root, znodes }) => {
  const bodies = [
    Buffer.from(`{"operations":[{"op":"set","path":"${root}","data":"\xff"}]}`, "latin1"),
    Buffer.from(`{"operations":[{"op":"set","path":"${root}","data":"\\ud800"}]}`),
  ];
  for (const body of bodies) {
    const answer = await http.post("/v1/transactions", { body: new Uint8Array(body) });
    expectProblem(answer, 400, "bad_request");
  }
  expectProblem(await http.post("/v1/sessions", { body: '{"name":"\\udfff"}' }), 400, "bad_request");
  expect((await znodes.stat(root)).version).toBe(0);
});

test("a resource without parameters refuses those it is sent, and a request that takes no body refuses one", async ({
  http,
  openSession,
}) => {
  const session = await openSession();
  const url = `/v1/sessions/${session.id}`;
  const query = "dryRun=true";
  const answers = [
    await http.post("/v1/transactions", { query, json: { operations: [] } }),
    await http.post("/v1/sessions", { query }),
    await http.put(url, { query, ...tokenOf(session) }),
    await http.delete(url, { query, ...tokenOf(session) }),
    await http.get(url, { query }),
    await http.get("/v1/limits", { query }),
    await http.put(url, { json: { timeoutMs: 60_000 }, ...tokenOf(session) }),
    await http.delete(url, { json: [1], ...tokenOf(session) }),
  ];
  for (const answer of answers) expectProblem(answer, 400, "bad_request");
  expectStatus(await http.put(url, { body: "", ...tokenOf(session) }), 200);
});

test("two session tokens are refused; several Fence headers are one list", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const [first, second] = [await openSession(), await openSession()];
  const tokens = `Session-Token: ${first.token}\r\nSession-Token: ${second.token}\r\n`;
  const twice = await http.rawRequest("PUT", urlOf(root), tokens, "x");
  expect([twice.status, JSON.parse(twice.body).code]).toEqual([400, "bad_request"]);
  const fence = `${encodeSegments(root)}@${(await znodes.stat(root)).czxid}`;
  const held = await http.rawRequest("PUT", urlOf(root), `Fence: ${fence}\r\nFence: ${fence}\r\n`, "x");
  const stale = await http.rawRequest("PUT", urlOf(root), `Fence: ${fence}\r\nFence: /none@1\r\n`, "x");
  expect([held.status, stale.status, JSON.parse(stale.body).code]).toEqual([200, 409, "fence_stale"]);
});

test("every refusal of a number or a length names a limit that the listing has, and the size", async ({
  http,
  root,
  openSession,
}) => {
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Bounds }>();
  const { token } = await openSession();
  const many = (count: number) => Array.from({ length: count }, (_, index) => `path=/n${index}`).join("&");
  const answers = {
    pageEntriesMax: await http.get(`/v1/children${root}`, { query: "limit=10001" }),
    cursorLengthMax: await http.get(`/v1/children${root}`, { query: { after: "x".repeat(16_385) } }),
    waitMsMax: await http.get(urlOf(root), { query: "waitAfterZxid=0&waitMs=60001" }),
    watchPathsMax: await http.get("/v1/watch", { query: many(101) }),
    intervalMsMax: await http.get("/v1/watch", { query: "path=/&heartbeatMs=3600001" }),
    sessionNameLengthMax: await http.post("/v1/sessions", { json: { name: "x".repeat(256) } }),
    sessionTokenLengthMax: await http.get(urlOf(root), { headers: { "session-token": "x".repeat(256) } }),
    sessionIdLengthMax: await http.get(`/v1/sessions/${"x".repeat(256)}`),
    keepaliveTokensMax: await http.post("/v1/sessions/keepalive", {
      json: { tokens: Array.from({ length: 1001 }, () => token) },
    }),
  };
  for (const [limit, answer] of Object.entries(answers)) {
    const limitValue = bounds[limit] as number;
    const expected = { limit, limitValue, size: limitValue + 1 };
    expect(expectProblem(answer, 400, "bad_request"), limit).toMatchObject(expected);
  }
});

test("every answer says that it is what it says it is, and no other origin's to load, whatever came of the request", async ({
  http,
  root,
  watch,
}) => {
  const url = urlOf(root);
  const tag = (await http.get(url)).header("etag") as string;
  const line = (text: string) => http.raw(`${text}\r\nConnection: close\r\n\r\n`);
  interface Head {
    readonly status: number;
    readonly headers: { get(name: string): string | null | undefined };
  }
  const { headers } = await watch({ path: root });
  const answers: [number, Head][] = [
    [200, { status: 200, headers }],
    [200, await http.get(url)],
    [200, await http.request("HEAD", url)],
    [201, await http.post(`${url}/page`, { body: "<script>alert(1)</script>" })],
    [200, await http.get(`${url}/page`, { query: "raw=true" })],
    [
      200,
      await http.get(`/v1/children${encodeSegments(root)}`, { headers: { accept: "application/x-ndjson" } }),
    ],
    [204, await http.request("OPTIONS", url)],
    [304, await http.get(url, { headers: { "if-none-match": tag } })],
    [400, await http.get(url, { query: "no=such" })],
    [404, await http.get(`${url}/absent`)],
    [404, await http.get("/nowhere")],
    [405, await http.post("/v1/limits")],
    [412, await http.put(url, { body: "x", headers: { "if-match": '"1-999"' } })],
    [200, await http.get("/livez")],
    [200, await http.get("/openapi.json")],
    [200, await http.get("/docs/static/swagger-initializer.js")],
    [400, await line("GET /%ff HTTP/1.1\r\nHost: localhost")],
    [400, await line("GET / HTTP/1.1")],
    [400, await line("nonsense")],
    [404, await line("PROPFIND /nowhere HTTP/1.1\r\nHost: localhost")],
    [417, await line("GET / HTTP/1.1\r\nHost: localhost\r\nExpect: miracles")],
    [421, await line("GET / HTTP/1.1\r\nHost: evil.example")],
    [431, await line(`GET / HTTP/1.1\r\nHost: localhost\r\nA: ${"x".repeat(200_000)}`)],
  ];
  for (const [index, [status, answer]] of answers.entries()) {
    expect([index, answer.status]).toEqual([index, status]);
    expect([index, answer.headers.get("x-content-type-options")]).toEqual([index, "nosniff"]);
    expect([index, answer.headers.get("cross-origin-resource-policy")]).toEqual([index, "same-origin"]);
  }
});

test("a page may be shown within no other, and has only what this service has; its links tell nobody where it is", async ({
  http,
}) => {
  for (const path of ["/", "/docs", "/docs/", "/docs/static/index.css"]) {
    for (const method of ["GET", "HEAD"]) {
      const { status, headers } = await http.request(method, path, { headers: { accept: "text/html" } });
      expect([path, status]).toEqual([path, 200]);
      const policy = (headers.get("content-security-policy") as string).split(";");
      for (const directive of ["default-src", "base-uri", "form-action", "frame-ancestors"])
        expect(policy, path).toContain(`${directive} 'none'`);
      expect(policy.join(), path).not.toMatch(/unsafe|\*|https?:/);
      expect([headers.get("x-frame-options"), headers.get("referrer-policy")]).toEqual([
        "DENY",
        "no-referrer",
      ]);
      // Neither for other ports of this host, nor where there is no TLS.
      expect([headers.get("strict-transport-security"), policy.join().includes("upgrade")]).toEqual([
        null,
        false,
      ]);
    }
  }
});
