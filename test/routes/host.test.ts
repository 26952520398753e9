// Under which names the service serves: a page of a stranger whose name was pointed here is of another host, however it
// writes that name.

import { once } from "node:events";
import { connect } from "node:http2";
import { expect } from "vitest";
import { Http, type RawAnswer } from "../support/http.ts";
import { test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";
import { test as serverTest } from "./server-fixture.ts";

const ownHosts = ["localhost", "LocalHost.", "localhost:2281", "127.0.0.1", "10.0.0.7:80", "127.0.0.1."];
const ownV6Hosts = ["[::1]", "[::1]:2281", "[FE80::1]", "[::ffff:10.0.0.7]"];
const otherHosts = [
  ...[
    "evil.example",
    "evil.example:2281",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1.evil.example",
  ],
  ...["evil.example:80@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:80@evil.example", "127.0.0.1:x"],
  ...[
    "",
    ".",
    "[evil.example]",
    "[127.0.0.1]",
    "[::1",
    "::1",
    "127.1",
    "256.0.0.1",
    "localhost, evil.example",
  ],
];

function get(http: Http, target: string, host: string): Promise<RawAnswer> {
  return http.raw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
}

serverTest(
  "an address and localhost are served under, any other name is 421 and told how to be one",
  async ({ http, state }) => {
    for (const host of [...ownHosts, ...ownV6Hosts]) {
      expect([host, (await get(http, "/v1/znodes", host)).status]).toEqual([host, 200]);
    }
    for (const host of otherHosts) {
      const { status, body } = await get(http, "/v1/znodes", host);
      expect([host, status, JSON.parse(body).code]).toEqual([host, 421, "misdirected"]);
    }
    const { headers, body } = await get(http, "/v1/znodes", "tree.example:2281");
    expect(headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(JSON.parse(body).detail).toContain("--allowed-hosts tree.example ");
    expect(state()).toMatch(/^0 /);
  },
);

serverTest("the host of an absolute target counts, and not the header beside it", async ({ http }) => {
  expect((await get(http, "http://127.0.0.1/v1/znodes", "evil.example")).status).toBe(200);
  expect((await get(http, "http://evil.example/v1/znodes", "127.0.0.1")).status).toBe(421);
  expect((await get(http, "HTTPS://evil.example", "127.0.0.1")).status).toBe(421);
});

test("whatever is asked for under another name is 421: reads, writes, streams, pages and probes", async ({
  start,
}) => {
  const http = new Http((await start()).url);
  const targets = [
    "/",
    "/docs/",
    "/docs/json",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/v1/watch?path=/",
    "/none",
  ];
  for (const target of targets) {
    expect([target, (await get(http, target, "evil.example")).status]).toEqual([target, 421]);
  }
  // What a page that was rebound sends: its origin is the host.
  const page =
    "Host: evil.example\r\nOrigin: http://evil.example\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
    const { status } = await http.raw(`${method} /v1/znodes/a HTTP/1.1\r\n${page}`);
    expect([method, status]).toEqual([method, 421]);
  }
  expect((await http.get("/v1/znodes/a")).status).toBe(404);
});

test("names in --allowed-hosts, and that of --host, are the service's own", async ({ start }) => {
  const server = await start("--host", "localhost", "--allowed-hosts", "Tree.example, .cluster.local");
  const http = new Http(server.url);
  const own = ["tree.example", "TREE.example.:2281", "cluster.local", "a.b.cluster.local", "localhost"];
  for (const host of own) expect([host, (await get(http, "/livez", host)).status]).toEqual([host, 200]);
  for (const host of ["sub.tree.example", "notcluster.local", "cluster.local.evil.example"]) {
    expect([host, (await get(http, "/livez", host)).status]).toEqual([host, 421]);
  }
  const write = (origin: string) =>
    http.raw(
      `POST /v1/znodes/a HTTP/1.1\r\nHost: tree.example:80\r\nOrigin: ${origin}\r\nConnection: close\r\n\r\n`,
    );
  expect((await write("http://evil.example")).status).toBe(403);
  expect((await write("file://")).status).toBe(403);
  expect((await write("http://tree.example")).status).toBe(201);
});

test("with --allowed-hosts '*' any name is served under", async ({ start }) => {
  const http = new Http((await start("--allowed-hosts", "*", "--insecure")).url);
  expect((await get(http, "/livez", "any.example")).status).toBe(200);
});

test("over HTTP/2 it is the authority that counts", async ({ start }) => {
  const { url } = await start(...tlsSettings);
  const session = connect(url, { ca });
  const status = (headers: Record<string, string>) =>
    new Promise((resolve) => {
      const stream = session.request({ ":path": "/livez", ...headers });
      stream.once("response", (answer) => resolve(answer[":status"])).resume();
    });
  expect(await status({})).toBe(200);
  expect(await status({ ":authority": "evil.example" })).toBe(421);
  expect(await status({ ":authority": "evil.example", host: "127.0.0.1" })).toBe(421);
  session.destroy();
  await once(session, "close");
});
