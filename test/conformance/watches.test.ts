// Watches over HTTP: every parameter and every event of section 5, as a client on the other end sees them.

import type { Stat } from "../../src/core/tree/stat.ts";
import { type EventStream, type StreamEvent, zxidIn } from "../support/http.ts";
import { expect, expectProblem, expectStatus, test, tokenOf, type Znodes } from "./fixture.ts";

interface Told {
  readonly type: string;
  readonly path: string;
  readonly data?: string;
  readonly dataBase64?: string;
  readonly stat: Stat;
}

function eventsOf({ data }: StreamEvent): Told[] {
  return data.events as Told[];
}

function snapshotOf(stream: EventStream): Told[] {
  return stream.named("snapshot").flatMap(({ data }) => data.znodes as Told[]);
}

/** One change of each kind, at the watched znode and around it. */
async function changeEverything(znodes: Znodes, path: string): Promise<void> {
  await znodes.create(path);
  await znodes.create(`${path}/c`);
  await znodes.create(`${path}/c/g`);
  await znodes.create(`${path}x`);
  await znodes.set(path, "1");
  await znodes.set(`${path}/c`, "1");
  await znodes.set(`${path}/c/g`, "1");
  await znodes.delete(`${path}/c/g`);
  await znodes.delete(`${path}/c`);
  await znodes.delete(path);
}

const all = ["", "/c", "/c/g"];
const scopes = {
  node: [""],
  children: ["", "/c"],
  subtree: all,
} as const;

test("a stream begins at once, tells how to come back, and cannot be cached", async ({ root, watch }) => {
  const stream = await watch(`path=${root}`);
  const { headers } = stream;
  expect(headers.get("content-type")).toBe("text/event-stream");
  expect(headers.get("cache-control")).toBe("no-store, no-transform");
  expect(headers.get("x-accel-buffering")).toBe("no");
  const { id, data } = await stream.untilEvent("synced");
  expect(zxidIn(String(id))).toBe(data.zxid);
  expect(Number(headers.get("zxid"))).toBe(data.zxid);
  expect(stream.retryMs).toBeGreaterThanOrEqual(1000);
  expect(stream.retryMs).toBeLessThanOrEqual(3000);
});

test("each scope is told of what is in it, and of nothing else [W1, W8, W9, W11, W14, W-op1]", async ({
  root,
  znodes,
  watch,
}) => {
  const path = `${root}/a`;
  const streams = new Map<string, EventStream>();
  for (const scope of Object.keys(scopes)) streams.set(scope, await watch(`path=${path}&scope=${scope}`));
  const others = await watch(`path=${root}/a/c/g/h&path=${root}/b&scope=subtree`);
  for (const stream of [...streams.values(), others]) await stream.untilEvent("synced");
  await changeEverything(znodes, path);
  for (const [scope, below] of Object.entries(scopes)) {
    const covered = (list: readonly string[]) =>
      list.filter((name) => (below as readonly string[]).includes(name));
    const expected = [
      ...covered(all).map((name) => `created ${path}${name}`),
      ...covered(all).map((name) => `changed ${path}${name}`),
      ...covered(all.toReversed()).map((name) => `deleted ${path}${name}`),
    ];
    expect(await (streams.get(scope) as EventStream).untilChanges(expected.length), scope).toEqual(expected);
  }
  await znodes.create(`${root}/b`);
  expect(await others.untilChanges(1)).toEqual([`created ${root}/b`]);
});

test("an event has its type, path, data and stat as of its transaction [W5, Z9]", async ({
  root,
  znodes,
  watch,
}) => {
  const stream = await watch(`path=${root}&scope=children`);
  await stream.untilEvent("synced");
  const { stat: created } = await znodes.create(`${root}/a`, "one");
  const changed = await znodes.set(`${root}/a`, "two");
  await znodes.delete(`${root}/a`);
  await stream.untilChanges(3);
  const told = stream.named("change");
  expect(eventsOf(told[0] as StreamEvent)).toEqual([
    { type: "created", path: `${root}/a`, data: "one", stat: created },
  ]);
  expect(eventsOf(told[1] as StreamEvent)).toEqual([
    { type: "changed", path: `${root}/a`, data: "two", stat: changed },
  ]);
  expect(eventsOf(told[2] as StreamEvent)).toEqual([{ type: "deleted", path: `${root}/a`, stat: changed }]);
  expect(told.map(({ id, data }) => zxidIn(String(id)) === data.zxid)).toEqual([true, true, true]);
  expect(told.slice(0, 2).map(({ data }) => data.zxid)).toEqual([created.czxid, changed.mzxid]);
});

test("a set with equal bytes is told, and bytes that are no text as base64 [W6]", async ({
  http,
  root,
  watch,
}) => {
  const stream = await watch(`path=${root}`);
  await stream.untilEvent("synced");
  for (const _ of [1, 2]) await http.put(`/v1/znodes${root}`, { body: Uint8Array.of(0xff) });
  await stream.untilChanges(2);
  const told = stream.named("change").flatMap(eventsOf);
  expect(told.map(({ data, dataBase64, stat }) => [data, dataBase64, stat.version])).toEqual([
    [undefined, "/w==", 1],
    [undefined, "/w==", 2],
  ]);
});

test("initial=true begins with what is there, each znode once, parents first [W20]", async ({
  root,
  znodes,
  watch,
}) => {
  const paths = ["/b", "/a", "/a/y", "/a/x"].map((name) => root + name);
  for (const path of paths) await znodes.create(path, `at ${path}`);
  const stream = await watch(`path=${root}&path=${root}/a&scope=subtree&initial=true`);
  const synced = await stream.untilEvent("synced");
  const snapshot = snapshotOf(stream);
  expect(snapshot.map(({ path }) => path)).toEqual([
    root,
    ...["/a", "/a/x", "/a/y", "/b"].map((name) => root + name),
  ]);
  expect(snapshot[1]).toEqual({
    path: `${root}/a`,
    data: `at ${root}/a`,
    stat: await znodes.stat(`${root}/a`),
  });
  expect(stream.events.every(({ event, id }) => event !== "snapshot" || id === undefined)).toBe(true);
  expect(stream.named("snapshot").map(({ data }) => data.zxid)).toEqual([synced.data.zxid]);
  await znodes.set(paths[0] as string, "later");
  expect(await stream.untilChanges(1)).toEqual([`changed ${paths[0]}`]);
});

test("no change is missed or doubled between the snapshot and what follows it [W20]", async ({
  root,
  znodes,
  watch,
}) => {
  let isWriting = true;
  const write = async () => {
    while (isWriting) await znodes.set(root, "x");
  };
  const writing = Promise.all([write(), write()]);
  for (let round = 0; round < 10; round += 1) {
    const stream = await watch(`path=${root}&initial=true&data=false`);
    await stream.untilChanges(5);
    stream.close();
    const first = snapshotOf(stream)[0]?.stat.version as number;
    const versions = stream
      .named("change")
      .flatMap(eventsOf)
      .map(({ stat }) => stat.version);
    expect(versions).toEqual(versions.map((_, index) => first + 1 + index));
  }
  isWriting = false;
  await writing;
});

test("types narrows what is told, data=false leaves the data out [W1]", async ({ root, znodes, watch }) => {
  const narrow = await watch(`path=${root}&scope=children&types=deleted,created&data=false`);
  await narrow.untilEvent("synced");
  await znodes.create(`${root}/a`, "x");
  await znodes.set(`${root}/a`, "y");
  await znodes.delete(`${root}/a`);
  expect(await narrow.untilChanges(2)).toEqual([`created ${root}/a`, `deleted ${root}/a`]);
  const [created] = narrow.named("change").flatMap(eventsOf);
  expect(Object.keys(created as Told)).toEqual(["type", "path", "stat"]);
  const initial = await watch(`path=${root}&initial=true&data=false`);
  await initial.untilEvent("synced");
  expect(initial.events[0]?.data.znodes).toEqual([{ path: root, stat: await znodes.stat(root) }]);
});

test("once ends the stream after the first change [W3, W21]", async ({ root, znodes, watch }) => {
  const stream = await watch(`path=${root}&once=true`);
  await stream.untilEvent("synced");
  await znodes.set(root, "1");
  await znodes.set(root, "2");
  await stream.untilEnd();
  expect([stream.isCut, stream.named("change").length]).toEqual([false, 1]);
  expect(eventsOf(stream.named("change")[0] as StreamEvent)[0]?.data).toBe("1");
});

test("a stream that watches a znode in several ways is told once [W2, W10, W-op6]", async ({
  root,
  znodes,
  watch,
}) => {
  const stream = await watch(`path=${root}&path=${root}/a&path=${root}&path=${root}/a&scope=children`);
  await stream.untilEvent("synced");
  await znodes.create(`${root}/a`);
  await znodes.set(`${root}/a`, "x");
  await znodes.delete(`${root}/a`);
  await znodes.set(root, "end");
  expect(await stream.untilChanges(4)).toEqual([
    `created ${root}/a`,
    `changed ${root}/a`,
    `deleted ${root}/a`,
    `changed ${root}`,
  ]);
});

test("a stream resumes by Last-Event-ID or sinceZxid, byte for byte, and goes on [W28]", async ({
  root,
  znodes,
  watch,
}) => {
  const query = `path=${root}&scope=subtree`;
  const live = await watch(query);
  const { id: start } = await live.untilEvent("synced");
  await changeEverything(znodes, `${root}/a`);
  await znodes.transact([
    { op: "create", path: `${root}/m`, data: "zweiß" },
    { op: "set", path: `${root}/m`, dataBase64: "/w==" },
  ]);
  await live.untilChanges(12);
  const told = live.named("change");
  const middle = told[4]?.id as string;
  const resumed = [
    { stream: await watch(query, { "last-event-id": start as string }), from: 0 },
    { stream: await watch(`${query}&sinceZxid=${zxidIn(String(start))}`), from: 0 },
    { stream: await watch(query, { "last-event-id": middle }), from: 5 },
    {
      stream: await watch(`${query}&initial=true&sinceZxid=${zxidIn(String(start))}`, {
        "last-event-id": middle,
      }),
      from: 5,
    },
  ];
  await znodes.set(`${root}/m`, "live again");
  await live.untilChanges(13);
  const end = live.named("change").at(-1)?.id;
  for (const { stream, from } of resumed) {
    await stream.until(() => stream.lastId === end);
    const texts = stream.named("change").map(({ text }) => text);
    expect(texts).toEqual(
      live
        .named("change")
        .slice(from)
        .map(({ text }) => text),
    );
    expect(stream.named("snapshot")).toEqual([]);
    expect(stream.named("synced")).toHaveLength(1);
  }
});

test("events come in zxid order whoever writes, each once [W19]", async ({ root, znodes, watch }) => {
  const stream = await watch(`path=${root}&scope=children`);
  await stream.untilEvent("synced");
  const write = async (name: string) => {
    await znodes.create(`${root}/${name}`);
    for (let version = 0; version < 15; version += 1) await znodes.set(`${root}/${name}`, "x");
  };
  await Promise.all(["a", "b", "c", "d"].map(write));
  await stream.untilChanges(64);
  const zxids = stream.named("change").map(({ data }) => data.zxid as number);
  expect(zxids).toEqual([...new Set(zxids)].toSorted((a, b) => a - b));
  const versionsOf = (name: string) =>
    stream
      .named("change")
      .flatMap(eventsOf)
      .filter(({ path }) => path === `${root}/${name}`);
  for (const name of ["a", "b", "c", "d"]) {
    expect(versionsOf(name).map(({ stat }) => stat.version)).toEqual(
      Array.from({ length: 16 }, (_, index) => index),
    );
  }
});

test("a quiet stream says bookmarks, which move the resume point on, and heartbeats [W28]", async ({
  root,
  znodes,
  watch,
}) => {
  const stream = await watch(`path=${root}/none&bookmarkMs=200&heartbeatMs=100`);
  const synced = await stream.untilEvent("synced");
  await znodes.set(root, "elsewhere");
  const { mzxid } = await znodes.stat(root);
  await stream.until(() => stream.named("bookmark").some(({ data }) => (data.zxid as number) >= mzxid));
  const bookmark = stream.named("bookmark").at(-1) as StreamEvent;
  expect(zxidIn(String(bookmark.id))).toBe(bookmark.data.zxid);
  expect(bookmark.data.zxid).toBeGreaterThan(synced.data.zxid as number);
  await stream.until(() => stream.comments > 0);
  expect(stream.changes).toEqual([]);
});

test("a resume point that never was is answered by reset and the current state; without SSE by 410 [W28]", async ({
  http,
  root,
  znodes,
  watch,
}) => {
  await znodes.create(`${root}/a`, "now");
  const query = { path: `${root}/a`, sinceZxid: 9_000_000_000_000_000 };
  const stream = await watch(
    new URLSearchParams({ path: query.path, sinceZxid: String(query.sinceZxid) }).toString(),
  );
  const synced = await stream.untilEvent("synced");
  expect(stream.events.map(({ event }) => event)).toEqual(["reset", "snapshot", "synced"]);
  expect(stream.events[0]?.data).toEqual({ reason: "unknown_zxid", zxid: synced.data.zxid });
  expect(snapshotOf(stream).map(({ data }) => data)).toEqual(["now"]);
  const answer = await http.get("/v1/watch", { query, headers: { accept: "application/json" } });
  const problem = expectProblem(answer, 410, "history_trimmed");
  expect(answer.header("zxid-oldest")).toBe(String(problem.oldestZxid));
  const garbled = await watch(`path=${root}/a`, { "last-event-id": "not a zxid" });
  await garbled.untilEvent("synced");
  expect(garbled.events[0]?.event).toBe("reset");
});

test("what happens because a session ends says so [W31]", async ({
  http,
  root,
  znodes,
  openSession,
  watch,
}) => {
  const stream = await watch(`path=${root}&scope=children&types=deleted`);
  await stream.untilEvent("synced");
  const [closing, expiring] = [await openSession(), await openSession({ timeoutMs: 1000 })];
  await znodes.create(`${root}/c`, "", { query: "ephemeral=true", ...tokenOf(closing) });
  await znodes.create(`${root}/x`, "", { query: "ephemeral=true", ...tokenOf(expiring) });
  expectStatus(await http.delete(`/v1/sessions/${closing.id}`, tokenOf(closing)), 204);
  await stream.untilChanges(2);
  const told = stream.named("change").map(({ data }) => [data.cause, data.session]);
  expect(told).toEqual([
    ["session_closed", closing.id],
    ["session_expired", expiring.id],
  ]);
});

test("the event is on its way before the answer to the write that caused it [W17, W18, W22]", async ({
  http,
  root,
  watch,
}) => {
  const stream = await watch(`path=${root}`);
  await stream.untilEvent("synced");
  for (let version = 1; version <= 20; version += 1) {
    const answer = expectStatus(await http.put(`/v1/znodes${root}`, { body: "x" }), 200);
    const zxid = answer.json<{ stat: Stat }>().stat.mzxid;
    expect(answer.zxid).toBeGreaterThanOrEqual(zxid);
    await stream.until(() => stream.lastZxid === zxid);
  }
});

test("the root can be watched like any znode [P12]", async ({ http, znodes, watch }) => {
  const stream = await watch("path=/");
  await stream.untilEvent("synced");
  const { data = "" } = await znodes.read("/");
  await http.put("/v1/znodes", { body: data });
  expect(await stream.untilChanges(1)).toEqual(["changed /"]);
});

test("a stream watches at most 100 paths, and says so [W32]", async ({ http, root, watch }) => {
  const paths = Array.from({ length: 100 }, (_, index) => `path=${root}/n${index}`).join("&");
  await (await watch(paths)).untilEvent("synced");
  expectProblem(await http.get("/v1/watch", { query: `${paths}&path=${root}` }), 400, "bad_request");
  expectProblem(await http.get("/v1/watch", { query: "" }), 400, "bad_request");
});
