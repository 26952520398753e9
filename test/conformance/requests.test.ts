// HTTP itself: methods a resource has not, URLs nothing is at, parameters and fields nobody knows, bytes that are no
// request and requests that never end. All get an answer, none gets a 5xx, and nobody else waits.

import { once } from "node:events";
import { type Http, withBearer } from "../support/http.ts";
import { expect, expectProblem, test, urlOf } from "./fixture.ts";

const resources = {
  "/v1/znodes": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
  "/v1/znodes/a/b": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
  "/v1/children": "GET, HEAD, OPTIONS",
  "/v1/children/a": "GET, HEAD, OPTIONS",
  "/v1/transactions": "POST, OPTIONS",
  "/v1/quotas": "GET, HEAD, OPTIONS",
  "/v1/quotas/a/b": "GET, HEAD, PUT, DELETE, OPTIONS",
  "/v1/batch": "POST, OPTIONS",
  "/v1/sessions": "GET, HEAD, POST, OPTIONS",
  "/v1/sessions/keepalive": "POST, OPTIONS",
  "/v1/sessions/1f3a5c7e9b2d4f60": "GET, HEAD, PUT, DELETE, OPTIONS",
  "/v1/sessions/1f3a5c7e9b2d4f60/events": "GET, OPTIONS",
  "/v1/watch": "GET, POST, OPTIONS",
};

test("OPTIONS lists the methods of a resource, and any other method is 405 with that list", async ({
  http,
}) => {
  for (const [path, allow] of Object.entries(resources)) {
    const options = await http.request("OPTIONS", path);
    expect([options.status, options.header("allow"), options.text], path).toEqual([204, allow, ""]);
    const others = ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "PURGE", "LOCK"];
    for (const method of others.filter((other) => !allow.split(", ").includes(other))) {
      const answer = await http.request(method, path);
      expectProblem(answer, 405, "method_not_allowed");
      expect(answer.header("allow"), `${method} ${path}`).toBe(allow);
    }
  }
});

test("where nothing is, every method gets 404 no_route", async ({ http }) => {
  for (const path of ["/v1", "/v1/", "/v1/none", "/v1/znodesx", "/v2/znodes", "/v1/sessions/a/b", "/none"]) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expectProblem(await http.request(method, path), 404, "no_route");
    }
    expect((await http.request("HEAD", path)).status).toBe(404);
  }
});

test("an unknown parameter is refused, so that a typo is never ignored", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/a`);
  const requests = [
    ["GET", url, "rav=true"],
    ["POST", url, "sequental=true"],
    ["POST", url, "version=1"],
    ["PUT", url, "upsrt=true"],
    ["DELETE", url, "recursiv=true"],
    ["GET", `/v1/children${root}`, "limt=1"],
    ["GET", "/v1/sessions", "x=1"],
    ["GET", "/v1/quotas", "limt=1"],
    ["GET", "/v1/watch", `path=${root}&scop=node`],
  ] as const;
  for (const [method, path, query] of requests) {
    const problem = expectProblem(await http.request(method, path, { query }), 400, "bad_request");
    expect(problem.detail).toMatch(/unknown member/);
  }
  expect(await znodes.children(root)).toEqual([]);
});

test("a parameter of the wrong kind, or twice, is refused", async ({ http, root, znodes }) => {
  const url = urlOf(`${root}/a`);
  const queries = [
    ["POST", url, "sequential=maybe"],
    ["POST", url, "sequential=1"],
    ["POST", url, "sequential"],
    ["POST", url, "ephemeral=true&ephemeral=true"],
    ["POST", url, "ttlMs=1.5"],
    ["POST", url, "ttlMs=soon"],
    ["PUT", url, "version=abc"],
    ["PUT", url, "version="],
    ["PUT", url, "version=99999999999999999999"],
    ["GET", `/v1/children${root}`, "limit=0"],
    ["GET", `/v1/children${root}`, "limit=10001"],
    ["GET", `/v1/children${root}`, "include=everything"],
  ] as const;
  for (const [method, path, query] of queries) {
    expectProblem(await http.request(method, path, { query }), 400, "bad_request");
  }
  expect(await znodes.children(root)).toEqual([]);
});

test("a body that is no JSON, not the right one, or names an operation there is not, is refused [O15, M1]", async ({
  http,
  root,
  znodes,
}) => {
  const create = `{"op":"create","path":"${root}/a"}`;
  const bodies = [
    "{",
    "[]",
    "5",
    "{bad}",
    '{"operations":[]',
    '{"operations":[]} x',
    '{"operations":[],"operatons":[]}',
    '{"operations":5}',
    '{"operations":[5]}',
    '{"operations":[{}]}',
    '{"operations":[{"op":"rename","path":"/a"}]}',
    '{"operations":[{"op":"setACL","path":"/a"}]}',
    `{"operations":[${create},{"op":"create"}]}`,
    `{"operations":[${create},{"op":"create","path":"${root}/b","dat":"x"}]}`,
    `{"operations":[${create},{"op":"check","path":"${root}/a","version":"one"}]}`,
    `{"operations":[${create},{"op":"increment","path":"${root}/a","by":1.5}]}`,
    `{"operations":[${create},{"op":"set","path":"${root}/a","dataBase64":"?"}]}`,
    `{"operations":[${create},{"op":"set","path":"${root}/a","data":"x","dataBase64":""}]}`,
    '{"__proto__":{"operations":[]}}',
    '{"operations":[{"op":"check","path":"/","__proto__":{}}]}',
  ];
  for (const body of bodies) {
    expectProblem(await http.post("/v1/transactions", { body }), 400, "bad_request");
  }
  expectProblem(await http.post("/v1/sessions", { body: '{"timeout":5000}' }), 400, "bad_request");
  expectProblem(await http.post("/v1/sessions", { body: '{"timeoutMs":"soon"}' }), 400, "bad_request");
  expectProblem(await http.post("/v1/sessions/keepalive", { body: '{"token":"x"}' }), 400, "bad_request");
  expect(await znodes.children(root)).toEqual([]);
});

test("a JSON body is read whatever its Content-Type says", async ({ http }) => {
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "///"]) {
    const headers = { "content-type": type };
    const answer = await http.post("/v1/transactions", { body: '{"operations":[]}', headers });
    expect(answer.json(), type).toMatchObject({ results: [] });
  }
});

test("bytes that are no HTTP get a 400 problem, and the connection closes", async ({ http }) => {
  const garbage = [
    "hello\r\n\r\n",
    "GET\r\n\r\n",
    "GET /v1/znodes HTTX/1.1\r\n\r\n",
    "GET /v1/znodes/\u0001 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /v1/znodes/a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NONSENSE /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /v1/znodes HTTP/1.1\r\nHost x\r\n\r\n",
    "POST /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "POST /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "POST /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    Buffer.concat([Buffer.from("GET /v1/znodes/"), Buffer.of(0xff, 0xfe), Buffer.from(" HTTP/1.1\r\n\r\n")]),
    Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03),
  ];
  for (const bytes of garbage) {
    const answer = await http.raw(bytes);
    expect(answer.status, String(bytes)).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(JSON.parse(answer.body), String(bytes)).toMatchObject({ status: 400, code: "bad_request" });
  }
});

/** A request that has no answer for so long. */
async function pollOf(http: Http, path: string, waitMs: number): Promise<string> {
  const { zxid } = await http.get(urlOf(path));
  return `GET ${urlOf(path)}?waitAfterZxid=${zxid}&waitMs=${waitMs} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

test("what is no HTTP is told behind the answers to all requests in front of it, however late those come", async ({
  http,
  root,
}) => {
  const poll = await pollOf(http, root, 300);
  const next = `GET ${urlOf(root)}/none HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const { status, body } = await http.raw(withBearer(`${poll}${next}hello\r\n\r\n`));
  expect(status).toBe(200);
  expect(body).toMatch(/"path":.* 404 .*"code":"no_node".* 400 .*"code":"bad_request"/s);
});

test("a fault in a body is never told in place of the answer to a request in front of it", async ({
  http,
  root,
}) => {
  const poll = await pollOf(http, root, 20_000);
  const spoilt = `PUT ${urlOf(root)} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`;
  const socket = await http.connect();
  const heard: Buffer[] = [];
  socket.on("data", (piece: Buffer) => heard.push(piece));
  socket.write(withBearer(poll + spoilt));
  await once(socket, "close");
  expect(Buffer.concat(heard).toString()).toBe("");
});

test("a URL or headers beyond 48 KiB get a 431 problem", async ({ http }) => {
  const long = "x".repeat(60_000);
  for (const answer of [
    await http.rawRequest("GET", `/v1/znodes/${long}`),
    await http.rawRequest("GET", "/v1/znodes", `X-Long: ${long}\r\n`),
  ]) {
    expect(answer.status).toBe(431);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 431, code: "bad_request" });
  }
});

test("requests that never end hold up nobody else, and do nothing", async ({ http, root, znodes }) => {
  const beginnings = [
    "GET /v1/zno",
    "GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\nX-",
    `POST /v1/znodes${root}/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf`,
    `POST /v1/znodes${root}/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel`,
  ];
  const sockets = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const socket = await http.connect();
      socket.write(beginnings[index % beginnings.length] as string);
      return socket;
    }),
  );
  for (let round = 0; round < 10; round += 1) await znodes.create(`${root}/ok${round}`, "served");
  await Promise.all(
    sockets.map((socket) => {
      socket.destroy();
      return once(socket, "close");
    }),
  );
  await znodes.create(`${root}/z`);
  expect((await znodes.children(root)).filter((name) => name === "a" || name === "b")).toEqual([]);
});

test("requests sent in one go on one connection are answered in their order [Z4]", async ({
  http,
  root,
  znodes,
}) => {
  const values = ["1", "2", "3"];
  const sets = values.map(
    (value) => `PUT ${urlOf(root)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n${value}`,
  );
  const last = `GET ${urlOf(root)}/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  const [first = "", ...others] = [...sets, last];
  const { body } = await http.raw(first + others.map(withBearer).join(""));
  const versions = [...body.matchAll(/"version":(\d+)|"code":"(no_node)"/g)].map(
    ([, version, code]) => version ?? code,
  );
  expect(versions).toEqual(["1", "2", "3", "no_node"]);
  expect((await znodes.read(root)).data).toBe("3");
});
