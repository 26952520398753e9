// A real browser's EventSource against a real server process, from a page of another origin: what the browser does by
// itself, the service must fit. Reconnects are the browser's own and take the one to three seconds the stream told it.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect } from "vitest";
import { Http } from "../support/http.ts";
import type { ServerProcess } from "../support/process.ts";
import { tlsSettings } from "../support/tls-pair.ts";
import { skipReason } from "./chromium.ts";
import { test } from "./fixture.ts";
import type { PageStream } from "./visit.ts";

const watchOfA = "/v1/watch?path=/a&initial=true";
const closedForGood = 2;

// Said aloud: a report that counts skipped tests does not show why.
if (skipReason !== null) process.stderr.write(`test/browser is skipped: ${skipReason}\n`);

describe.skipIf(skipReason !== null)("an EventSource in Chromium", () => {
  test("hears the state, `synced` and each change, with the zxid as its lastEventId [W20]", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin);
    const http = new Http(server.url);
    await http.post("/v1/znodes/a", { body: "first" });
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    const synced = await stream.untilEvent("synced");
    expect(stream.names).toEqual(["open", "snapshot", "synced"]);
    expect(JSON.parse(stream.heard[1]?.text as string)).toMatchObject({
      zxid: 1,
      znodes: [{ path: "/a", data: "first" }],
    });
    expect(synced).toMatchObject({ id: expect.stringMatching(/^1(\.[0-9a-f]+)?$/), text: '{"zxid":1}' });
    for (const body of ["second", "third"]) await http.put("/v1/znodes/a", { body });
    await stream.untilEvent("change", 2);
    expect(stream.changes).toEqual(["2 second", "3 third"]);
  });

  test("comes back after kill -9 with Last-Event-ID; it misses nothing and hears nothing twice [W28]", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin);
    await new Http(server.url).post("/v1/znodes/a");
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    await stream.untilEvent("synced");
    await put(server, "before");
    await stream.untilEvent("change");
    await server.kill();
    // Another port: the page finds nobody where it looks.
    const elsewhere = await start();
    for (const body of ["meanwhile", "meanwhile too"]) await put(elsewhere, body);
    await elsewhere.kill();
    const again = await startAgain(start, server, "--cors-origin", site.origin);
    await put(again, "after");
    await stream.untilEvent("change", 4);
    await put(again, "last");
    await stream.untilEvent("change", 5);
    expect(stream.changes).toEqual(["2 before", "3 meanwhile", "4 meanwhile too", "5 after", "6 last"]);
    expect(stream.named("snapshot").length).toBe(1);
    expect(await page.streamAnswers()).toMatchObject([
      { status: 200, lastEventId: undefined },
      { status: 200, lastEventId: "2" },
    ]);
    expectNeverClosed(stream);
  });

  test("does not give up when its resume point was trimmed: `reset`, then the state; docs/browser.md copes [W28]", async ({
    start,
    site,
    visit,
  }) => {
    const args = ["--cors-origin", site.origin, "--history-messages-max", "1"];
    const server = await start(...args);
    for (const path of ["a", "a/gone"]) await new Http(server.url).post(`/v1/znodes/${path}`);
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    const example = await page.follow(server.url, "/a");
    await stream.untilEvent("synced");
    await untilShown(example, { "/a": "", "/a/gone": "" });
    await server.kill();
    const elsewhere = await start(...args);
    await new Http(elsewhere.url).delete("/v1/znodes/a/gone");
    for (const body of ["one", "two"]) await put(elsewhere, body);
    await elsewhere.kill();
    const again = await startAgain(start, server, ...args);
    await expectReset(stream, { reason: "history_trimmed", zxid: 5 }, [{ path: "/a", data: "two" }]);
    await untilShown(example, { "/a": "two" });
    await put(again, "three");
    await new Http(again.url).post("/v1/znodes/a/new", { body: "1" });
    await untilShown(example, { "/a": "three", "/a/new": "1" });
    await new Http(again.url).delete("/v1/znodes/a/new");
    await untilShown(example, { "/a": "three" });
    await stream.untilEvent("change");
    expect(stream.changes).toEqual(["6 three"]);
    expect((await page.streamAnswers()).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  test("does not give up when a planned stop brings another store: `bye`, `reset`, the state of that one [W28]", async ({
    dataDir,
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin);
    await new Http(server.url).post("/v1/znodes/a");
    await put(server, "old");
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    await stream.untilEvent("synced");
    await expectBye(server, stream);
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true });
    const again = await startAgain(start, server, "--cors-origin", site.origin);
    await expectReset(stream, { reason: "unknown_zxid", zxid: 0 }, []);
    await new Http(again.url).post("/v1/znodes/a", { body: "new" });
    await stream.untilEvent("change");
    expect(stream.changes).toEqual(["1 new"]);
    expect((await page.streamAnswers()).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("hears `bye` at a planned stop and comes back by itself, over HTTP/2 as well [W28]", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin, ...tlsSettings);
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    await stream.untilEvent("synced");
    await expectBye(server, stream);
    const again = await startAgain(start, server, "--cors-origin", site.origin, ...tlsSettings);
    await stream.untilEvent("synced", 2);
    const created = await page.request(`${again.url}/v1/znodes/a`, { method: "POST", body: "after" });
    expect(created).toMatchObject({ status: 201, zxid: "1" });
    await stream.untilEvent("change");
    expect(stream.changes).toEqual(["1 after"]);
    expect(stream.named("snapshot").length).toBe(1);
    expectNeverClosed(stream);
  });

  test("of an origin that is not allowed hears nothing, and the page may neither read nor write", async ({
    start,
    site,
    otherSite,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin);
    const http = new Http(server.url);
    await http.post("/v1/znodes/a", { body: "kept" });
    const limitsUrl = `${server.url}/v1/limits`;
    expect(await (await visit()).request(limitsUrl)).toMatchObject({ status: 200, zxid: "1" });
    const stranger = await visit(otherSite);
    const stream = await stranger.listen(server.url + watchOfA);
    expect((await stream.untilEvent("error")).readyState).toBe(closedForGood);
    expect(stream.names).toEqual(["error"]);
    const refused = { refused: "TypeError" };
    expect(await stranger.request(limitsUrl)).toEqual(refused);
    expect(await stranger.request(`${server.url}/v1/znodes/a`, { method: "PUT", body: "x" })).toEqual(
      refused,
    );
    expect(await stranger.request(`${server.url}/v1/znodes/a`, { method: "DELETE" })).toEqual(refused);
    // A browser carries this one, and keeps only the answer from the page.
    expect(await stranger.request(`${server.url}/v1/znodes/b`, { method: "POST", body: "x" })).toEqual(
      refused,
    );
    expect((await http.get("/v1/znodes/b")).status).toBe(404);
    expect((await http.get("/v1/znodes/a")).json()).toMatchObject({ data: "kept", stat: { version: 0 } });
  });

  test("over HTTP/2 is one of any number: twenty are live at once and requests pass", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin, ...tlsSettings);
    const page = await visit();
    const streams = await Promise.all(Array.from({ length: 20 }, () => page.listen(server.url + watchOfA)));
    await Promise.all(streams.map((stream) => stream.untilEvent("synced")));
    const created = await page.request(`${server.url}/v1/znodes/a`, { method: "POST", body: "for all" });
    expect(created).toMatchObject({ status: 201, zxid: "1" });
    for (const stream of streams) {
      await stream.untilEvent("change");
      expect(stream.changes).toEqual(["1 for all"]);
      expectNeverClosed(stream);
    }
    const answers = await page.streamAnswers();
    expect(answers.map(({ httpVersion }) => httpVersion)).toEqual(streams.map(() => "HTTP/2.0"));
  });

  test("over HTTP/1.1 is one of six: the seventh waits until another is closed", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin);
    const page = await visit();
    const streams = await Promise.all(Array.from({ length: 6 }, () => page.listen(server.url + watchOfA)));
    await Promise.all(streams.map((stream) => stream.untilEvent("synced")));
    const seventh = await page.listen(server.url + watchOfA);
    await new Http(server.url).post("/v1/znodes/a", { body: "for six" });
    await Promise.all(streams.map((stream) => stream.untilEvent("change")));
    expect(seventh.heard).toEqual([]);
    await streams[0]?.close();
    await seventh.untilEvent("synced");
    expect((await page.streamAnswers()).map(({ httpVersion }) => httpVersion)).toEqual(
      Array.from({ length: 7 }, () => "HTTP/1.1"),
    );
  });

  test("is closed for good by a refusal; the code of docs/browser.md opens another [W32]", async ({
    start,
    site,
    visit,
  }) => {
    const server = await start("--cors-origin", site.origin, "--streams-max", "1");
    const http = new Http(server.url);
    await http.post("/v1/znodes/a", { body: "there" });
    const holder = await http.stream("/v1/watch", { query: "path=/x" });
    const page = await visit();
    const stream = await page.listen(server.url + watchOfA);
    expect((await stream.untilEvent("error")).readyState).toBe(closedForGood);
    const refused = page.untilStreamAnswer(429);
    const example = await page.follow(server.url, "/a");
    await refused;
    holder.close();
    await untilShown(example, { "/a": "there" });
    expect(stream.names).toEqual(["error"]);
  });
});

type Start = (...args: string[]) => Promise<ServerProcess>;

/** On the port it had, on the folder it had. */
async function startAgain(start: Start, before: ServerProcess, ...args: string[]): Promise<ServerProcess> {
  return await start("--port", new URL(before.url).port, ...args);
}

async function put(server: ServerProcess, body: string): Promise<void> {
  const answer = await new Http(server.url).put("/v1/znodes/a", { body });
  expect(answer.status).toBe(200);
}

async function expectBye(server: ServerProcess, stream: PageStream): Promise<void> {
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
  expect((await stream.untilEvent("bye")).text).toBe('{"reason":"shutdown"}');
}

/** The second connection begins with a reset and the whole state; the EventSource was connecting, never closed. */
async function expectReset(stream: PageStream, reset: object, znodes: readonly object[]): Promise<void> {
  await stream.untilEvent("synced", 2);
  expectNeverClosed(stream);
  const since = stream.heard.slice(stream.names.lastIndexOf("open"));
  expect(since.map(({ name }) => name)).toEqual(["open", "reset", "snapshot", "synced"]);
  expect(JSON.parse(since[1]?.text as string)).toEqual(reset);
  expect(JSON.parse(since[2]?.text as string)).toMatchObject({ znodes });
}

function expectNeverClosed({ heard }: PageStream): void {
  expect(heard.filter(({ readyState }) => readyState === closedForGood)).toEqual([]);
}

async function untilShown(example: PageStream, expected: Readonly<Record<string, string>>): Promise<void> {
  await example.until(() => {
    const znodes = JSON.parse(example.heard.at(-1)?.text ?? "[]") as { path: string; data: string }[];
    const shown = Object.fromEntries(znodes.map(({ path, data }) => [path, data]));
    return isDeepStrictEqual(shown, expected);
  });
}
