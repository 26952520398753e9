// treekeeper behind real proxies, configured as `ops/` has it: what reaches its clients is what they would get without one.

import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect } from "vitest";
import { makePair } from "../support/certificates.ts";
import { ClientAt } from "../support/client-at.ts";
import { Http } from "../support/http.ts";
import { projectFolder } from "../support/markdown.ts";
import { test as base, makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { type ProxyKind, ProxyProcess } from "./proxy-process.ts";

/** How long the proxy waits for a silent side. */
const timeoutMs = 3000;
/** Silence before a heartbeat, and times of it that are longer than the proxy waits. */
const heartbeatMs = 500;
const heartbeats = 8;
const pollMs = 20;

const tls = makePair("tree.example");

interface ProxiesFixture {
  kind: ProxyKind;
  folder: string;
  service: ServerProcess;
  proxy: ProxyProcess;
  /** The service itself, and by way of the proxy. */
  direct: Http;
  http: Http;
}

const test = base.extend<ProxiesFixture>({
  kind: "nginx",
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = makeDataDir();
    await use(folder);
    removeDataDir(folder);
  },
  service: async ({ folder }, use) => {
    const service = await ServerProcess.start({
      dataDir: join(folder, "data"),
      args: [
        ...["--trust-proxy", "127.0.0.1", "--insecure", "--audit-file", join(folder, "audit.jsonl")],
        // Less than the tests open by way of the proxy.
        ...["--connections-per-client-max", "4", "--waits-per-connection-max", "4"],
      ],
    });
    await use(service);
    await service.terminate();
  },
  proxy: async ({ kind, folder, service }, use) => {
    const { port } = new URL(service.url);
    const proxy = await ProxyProcess.start(kind, { port, folder, tls, timeoutMs });
    await use(proxy);
    await proxy.stop();
  },
  direct: async ({ service }, use) => use(new Http(service.url)),
  http: async ({ proxy }, use) => use(new Http(proxy.url)),
});

describe.for<ProxyKind>(["nginx", "HAProxy"])("%s", (kind) => {
  test.override({ kind });

  test("an event arrives before the next one is made", async ({ http, direct }) => {
    const stream = await http.stream("/v1/watch", { query: { path: "/a" } });
    await stream.untilEvent("synced");
    for (let count = 1; count <= 10; count += 1) {
      await direct.put("/v1/znodes/a", { body: String(count), query: "upsert=true" });
      await stream.untilEvent("change", count);
    }
    stream.close();
  });

  test("a stream with heartbeats outlives the proxy's patience, and goes on where it was left", async ({
    http,
    direct,
  }) => {
    const stream = await http.stream("/v1/watch", { query: { path: "/a", heartbeatMs } });
    await stream.untilEvent("synced");
    await stream.until(() => stream.comments >= heartbeats);
    await direct.post("/v1/znodes/a", { body: "one" });
    const { id } = await stream.untilEvent("change");
    stream.close();
    await direct.put("/v1/znodes/a", { body: "two" });
    const headers = { "last-event-id": String(id) };
    const again = await http.stream("/v1/watch", { query: { path: "/a" }, headers });
    const { data } = await again.untilEvent("change");
    expect(data).toMatchObject({ zxid: 2, events: [{ data: "two" }] });
    again.close();
  });

  test("a long poll has its answer, when there is one and when its time is up", async ({ http, direct }) => {
    const { zxid } = await direct.post("/v1/znodes/a", { body: "one" });
    const query = { waitAfterZxid: zxid, waitMs: timeoutMs / 2 };
    expect((await http.get("/v1/znodes/a", { query })).json().data).toBe("one");
    const waiting = http.get("/v1/znodes/a", { query });
    await direct.put("/v1/znodes/a", { body: "two" });
    expect((await waiting).json().data).toBe("two");
  });

  test("requests come from their client's address, whatever else it says of itself", async ({
    proxy,
    service,
    folder,
  }) => {
    const spoofed = { "X-Forwarded-For": "203.0.113.9" };
    const client = new ClientAt(proxy.url, "127.0.0.5");
    expect((await client.ask("POST", "/v1/znodes/a")).status).toBe(201);
    expect((await client.ask("PUT", "/v1/znodes/a", { headers: spoofed })).status).toBe(200);
    const stranger = new ClientAt(service.url, "127.0.0.6");
    expect((await stranger.ask("PUT", "/v1/znodes/a", { headers: spoofed })).status).toBe(200);
    await service.terminate();
    const lines = readFileSync(join(folder, "audit.jsonl"), "utf8").trim().split("\n");
    const addresses = lines.map((line) => JSON.parse(line).address);
    expect(addresses).toEqual(["127.0.0.5", "127.0.0.5", "127.0.0.6"]);
  });

  test("a client that goes away leaves no stream and no wait behind", async ({ http, direct }) => {
    const { zxid } = await direct.post("/v1/znodes/a", { body: "one" });
    // It would end by the proxy's patience, too, if it were silent.
    const stream = await http.stream("/v1/watch", { query: { path: "/a", heartbeatMs } });
    await stream.untilEvent("synced");
    const abort = new AbortController();
    // A session that ended would give the place up as well.
    const open = async () => {
      const opened = await direct.post("/v1/sessions", { json: { timeoutMs: 600_000 } });
      return opened.json<{ token: string }>().token;
    };
    const [token, other] = [await open(), await open()];
    const claim = (session: string, waitMs: number, by = direct, signal?: AbortSignal) =>
      by.fetch(
        "POST",
        "/v1/locks/l/claims",
        { json: { waitMs }, headers: { "session-token": session, "content-type": "application/json" } },
        signal,
      );
    expect((await claim(token, 0)).status).toBe(201);
    // Whose wait has ended by itself keeps its place.
    const waiting = claim(other, timeoutMs / 2, http, abort.signal).catch(() => {});
    const queue = async () =>
      (await direct.get("/v1/children/locks/l")).json<{ children: string[] }>().children.length;
    while ((await queue()) < 2) await pause(pollMs);
    expect((await direct.get("/v1/admin/watches")).json<{ watches: object[] }>().watches).toHaveLength(1);
    stream.close();
    abort.abort();
    await waiting;
    const watches = async () => (await direct.get("/v1/admin/watches")).json<{ watches: object[] }>().watches;
    while ((await watches()).length > 0 || (await queue()) > 1) await pause(pollMs);
    expect(zxid).toBe(1);
  });

  test("conditions meet the ETags that were given, whatever encoding is asked for", async ({
    http,
    direct,
  }) => {
    const headers = { "accept-encoding": "gzip, br" };
    await direct.post("/v1/znodes/a", { body: "x".repeat(100_000) });
    const [etag] = [await direct.get("/v1/znodes/a"), await http.get("/v1/znodes/a", { headers })].map(
      (answer) => answer.header("etag"),
    );
    const proxied = await http.get("/v1/znodes/a", { headers });
    expect([proxied.header("etag"), proxied.header("content-encoding")]).toEqual([etag, null]);
    const ifMatch = { "if-match": String(etag) };
    expect((await http.get("/v1/znodes/a", { headers: { "if-none-match": String(etag) } })).status).toBe(304);
    expect((await http.put("/v1/znodes/a", { headers: ifMatch, body: "y" })).status).toBe(200);
    expect((await http.put("/v1/znodes/a", { headers: ifMatch, body: "z" })).code).toBe("bad_version");
  });

  test("paths pass as they were sent", async ({ http, direct }) => {
    const targets = [
      ...["/v1/znodes/%E4%B8%AD%E6%96%87", "/v1/znodes/%2Fa%2Fb", "/v1/znodes//a/b", "/v1/znodes/a//b"],
      ...["/v1/znodes/a%20b", "/v1/znodes/a%25b", "/v1/znodes/a+b", "/v1/znodes/%61", "/v1/znodes/a%2Fb"],
      ...["/v1/znodes/a%3Fb%23c", "/v1/znodes/a;b", "/v1/znodes/x%2E%2Ey", "/v1/znodes/..%2Fa"],
      ...["/v1/znodes/a/", "/v1/znodes/a%FF", "/v1/znodes/a?x=%2F", "/v1/znodes/a/../b"],
      `/v1/znodes/${encodeURIComponent("中".repeat(4000))}`,
    ];
    for (const target of targets) {
      const [own, proxied] = [
        await direct.rawRequest("GET", target),
        await http.rawRequest("GET", target),
      ].map(({ status, body }) => ({ status, body: body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, "") }));
      expect(proxied, target.slice(0, 100)).toEqual(own);
    }
  });

  test("an import of many lines goes through as it is sent, and its progress as it is made", async ({
    http,
  }) => {
    const lines = Array.from(
      { length: 20_000 },
      (_, index) => `{"path":"/${index}","data":"${"x".repeat(100)}"}`,
    );
    const headers = { "content-type": "application/x-ndjson", accept: "application/x-ndjson" };
    const { status, text } = await http.post("/v1/import", { headers, body: `${lines.join("\n")}\n` });
    expect(status).toBe(200);
    expect(JSON.parse(text.trim().split("\n").at(-1) as string)).toMatchObject({ created: 20_000 });
  });

  test("over one HTTP/2 connection a client has many streams, more than a proxy has of the service's", async ({
    proxy,
    direct,
  }) => {
    const session = connectHttp2(proxy.tlsUrl, { ca: tls.cert });
    const streams = Array.from({ length: 20 }, () => {
      const stream = session.request({ ":path": "/v1/watch?path=/a", accept: "text/event-stream" });
      let text = "";
      stream.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      return { stream, text: () => text };
    });
    const until = async (part: string) => {
      while (!streams.every(({ text }) => text().includes(part))) await pause(pollMs);
    };
    await until("event: synced");
    await direct.post("/v1/znodes/a", { body: "to all of them" });
    await until("to all of them");
    session.destroy();
  });
});

test("what ops/ waits is longer than the service lets anybody wait", () => {
  const waits = ["nginx.conf", "haproxy.cfg"].flatMap((file) => {
    const text = readFileSync(join(projectFolder, "ops", file), "utf8");
    return Array.from(
      text.matchAll(/(?:proxy_read_timeout|timeout (?:client|server)) (\d+)s/g),
      ([, seconds]) => Number(seconds),
    );
  });
  expect(waits).toEqual([75, 75, 75]);
  expect(Math.min(...waits) * 1000).toBeGreaterThan(60_000);
});
