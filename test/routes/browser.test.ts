// What a page in a browser needs: HTTP/2 once TLS is on, so that any number of streams share one connection, and
// leave to read for the origins that were given it.

import { once } from "node:events";
import { connect } from "node:http2";
import { request } from "node:https";
import { expect } from "vitest";
import { test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

const streamCount = 20;

test("with TLS on, many streams share one HTTP/2 connection and each hears the change", async ({ start }) => {
  const server = await start(...tlsSettings);
  const session = connect(server.url, { ca });
  const target = "/v1/watch?path=/watched&once=true";
  const streams = Array.from({ length: streamCount }, () =>
    session.request({ ":path": target, accept: "text/event-stream" }).setEncoding("utf8"),
  );
  const texts = streams.map(async (stream) => {
    let text = "";
    const [head] = await once(stream, "response");
    expect(head["x-content-type-options"]).toBe("nosniff");
    for await (const part of stream) {
      text += part;
      if (part.includes("event: synced")) synced.count += 1;
      if (synced.count === streamCount) synced.resolve();
    }
    return text;
  });
  const synced = { count: 0, ...Promise.withResolvers<void>() };
  await synced.promise;
  const create = session.request({ ":method": "POST", ":path": "/v1/znodes/watched" });
  create.end("hello");
  const [headers] = await once(create, "response");
  expect(headers).toMatchObject({ ":status": 201, zxid: "1", "x-content-type-options": "nosniff" });
  for (const text of await Promise.all(texts)) {
    expect(text).toContain('"type":"created","path":"/watched"');
    // A body without a length is a body, though over HTTP/2 no header announces it.
    expect(text).toContain('"data":"hello"');
  }
  session.close();
});

test("with TLS on, a client that speaks HTTP/1.1 is served as well", async ({ start }) => {
  const server = await start(...tlsSettings);
  const sent = request(`${server.url}/v1/znodes/absent`, { ca, agent: false });
  sent.end();
  const [response] = await once(sent, "response");
  expect([response.statusCode, response.httpVersion]).toEqual([404, "1.1"]);
  response.resume();
});

const origin = "https://console.example";

test("a page of an allowed origin may read, and sees the headers it needs", async ({ start }) => {
  const server = await start("--cors-origin", `${origin}, https://other.example`);
  const answer = await fetch(`${server.url}/v1/children`, { headers: { origin } });
  expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
  expect(answer.headers.get("access-control-expose-headers")).toContain("Zxid");
  const preflight = await fetch(`${server.url}/v1/znodes/a`, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "PUT",
      "access-control-request-headers": "session-token,if-match",
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT");
  expect(preflight.headers.get("access-control-allow-headers")).toBe("session-token,if-match");
});

test("an event stream carries the same permission", async ({ start }) => {
  const server = await start("--cors-origin", "*");
  const abort = new AbortController();
  const answer = await fetch(`${server.url}/v1/watch?path=/a`, { headers: { origin }, signal: abort.signal });
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  abort.abort();
});

test("no page is allowed anything unless origins are named, and only those", async ({ start }) => {
  const closed = await start();
  const refused = await fetch(`${closed.url}/v1/children`, { headers: { origin } });
  expect(refused.headers.get("access-control-allow-origin")).toBe(null);
  await closed.terminate();
  const open = await start("--cors-origin", "https://other.example");
  const other = await fetch(`${open.url}/v1/children`, { headers: { origin } });
  expect(other.headers.get("access-control-allow-origin")).not.toBe(origin);
});

test("a write that a page sends is refused and not done, unless its origin was let in or is the service's own", async ({
  start,
}) => {
  const server = await start("--cors-origin", "https://other.example");
  const { host } = new URL(server.url);
  const write = (method: string, from: string) =>
    fetch(`${server.url}/v1/znodes/a`, {
      method,
      headers: { origin: from },
      ...(method === "PUT" && { body: "x" }),
    });
  for (const from of [origin, "null", "https://other.example.evil", "nonsense", `http://${host}0`]) {
    for (const method of ["POST", "PUT", "DELETE"]) {
      const answer = await write(method, from);
      expect([from, method, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        from,
        method,
        403,
        "forbidden",
      ]);
    }
  }
  expect((await fetch(`${server.url}/v1/znodes/a`)).status).toBe(404);
  for (const from of ["https://other.example", `http://${host}`]) {
    expect((await write("POST", from)).status).toBe(201);
    expect((await write("DELETE", from)).status).toBe(204);
  }
});

test("a page of another origin is never let in with the browser's cookies and logins, least of all any page", async ({
  start,
}) => {
  for (const allowed of ["*", origin]) {
    const server = await start("--cors-origin", allowed);
    const asked = { origin, cookie: "a=b", "access-control-request-method": "PUT" };
    for (const [method, path] of [
      ["GET", "/v1/children"],
      ["GET", "/v1/znodes/absent"],
      ["OPTIONS", "/v1/znodes/a"],
      ["GET", "/v1/watch?path=/a"],
    ] as const) {
      const abort = new AbortController();
      const answer = await fetch(server.url + path, { method, headers: asked, signal: abort.signal });
      expect([path, answer.headers.get("access-control-allow-origin")]).toEqual([path, allowed]);
      expect([path, answer.headers.get("access-control-allow-credentials")]).toEqual([path, null]);
      abort.abort();
    }
    await server.kill();
  }
});
