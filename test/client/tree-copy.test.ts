import { expect } from "vitest";
import type { ZnodeEvent } from "../../src/client/watches/messages.ts";
import type { TreeChange, TreeCopy, TreeState } from "../../src/client/watches/tree-copy.ts";
import { test } from "./fixture.ts";
import { bookmark, change, reset, setTo, snapshot, synced, znode } from "./scripted-server.ts";

/** The copy in a line: every path and its data, in the order of iteration. */
function contents(copy: TreeCopy): string {
  return [...copy].map(({ path, data }) => `${path}=${data?.text()}`).join(" ");
}

function told(events: readonly ZnodeEvent[]): string {
  return events.map(({ type, path, data }) => `${type} ${path} ${data?.text() ?? "-"}`).join(", ");
}

/** Notes every change, and what the copy shows at that moment. */
class Notes {
  readonly changes: TreeChange[] = [];
  readonly states: TreeState[] = [];
  readonly seen: string[] = [];
  readonly #waiting = new Set<{ isThere: () => boolean; resolve: () => void }>();
  copy: TreeCopy | null = null;

  readonly changed = (treeChange: TreeChange): void => {
    this.changes.push(treeChange);
    if (this.copy !== null) this.seen.push(`${this.copy.zxid}: ${contents(this.copy)}`);
    this.#look();
  };

  readonly stateChanged = (state: TreeState): void => {
    this.states.push(state);
    this.#look();
  };

  get lines(): string[] {
    return this.changes.map(({ zxid, cause, events }) => `${zxid} ${cause}: ${told(events)}`);
  }

  async until(isThere: () => boolean): Promise<void> {
    if (isThere()) return;
    await new Promise<void>((resolve) => this.#waiting.add({ isThere, resolve }));
  }

  #look(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.isThere()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}

test("a tree is there, whole, when its snapshot is complete", async ({ client, server, abort }) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  notes.copy = copy;
  expect([copy.state, copy.size, copy.zxid]).toEqual(["connecting", 0, 0]);
  const exchange = await server.request();
  expect(exchange.query.get("scope")).toBe("subtree");
  exchange.begin().send(snapshot(7, znode("/a", "1"), znode("/a/y", "3")));
  exchange.send(snapshot(7, znode("/a/x", "2"), znode("/a/x/z", "4")) + synced(7));
  await copy.ready;
  expect([copy.state, copy.size, copy.zxid]).toEqual(["synced", 4, 7]);
  expect(contents(copy)).toBe("/a=1 /a/x=2 /a/x/z=4 /a/y=3");
  expect(copy.children("/a")).toEqual(["x", "y"]);
  expect([copy.children("/a/y"), copy.children("/none")]).toEqual([[], []]);
  expect([copy.has("/a/x/z"), copy.has("/a/z"), copy.get("/none")]).toEqual([true, false, undefined]);
  expect(notes.lines).toEqual(["7 snapshot: created /a 1, created /a/x 2, created /a/x/z 4, created /a/y 3"]);
  expect(notes.seen).toEqual(["7: /a=1 /a/x=2 /a/x/z=4 /a/y=3"]);
  expect(notes.states).toEqual(["synced"]);
});

test("a change is told once per transaction, when the copy shows all of it [W19]", async ({
  client,
  server,
  abort,
}) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const exchange = (await server.request()).begin().send(snapshot(7, znode("/a", "1")) + synced(7));
  await copy.ready;
  notes.copy = copy;
  const gone = { type: "deleted", path: "/a/x", stat: znode("/a/x", "").stat };
  exchange.send(
    change(
      8,
      { type: "created", ...znode("/a/x", "2") },
      { type: "created", ...znode("/a/y", "3") },
      { type: "changed", ...znode("/a/y", "4") },
      gone,
    ),
  );
  await notes.until(() => notes.changes.length === 2);
  expect(notes.seen).toEqual(["8: /a=1 /a/y=4"]);
  expect(notes.lines[1]).toBe("8 request: created /a/x 2, created /a/y 3, changed /a/y 4, deleted /a/x -");
  expect(notes.changes[1]).toMatchObject({ timeMs: 1_700_000_000_000 });
});

test("a parent's stat follows its children, of which no event is its own [S3, S7]", async ({
  client,
  server,
  abort,
}) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const parent = znode("/a", "1", { cversion: 4, numChildren: 2, pzxid: 3 });
  const exchange = (await server.request()).begin().send(snapshot(7, parent) + synced(7));
  await copy.ready;
  const created = { type: "created", ...znode("/a/x", "") };
  exchange.send(change(8, created) + change(9, { ...created, type: "deleted" }));
  await notes.until(() => notes.changes.length === 2);
  expect(copy.get("/a")?.stat).toMatchObject({ cversion: 5, numChildren: 3, pzxid: 8 });
  await notes.until(() => notes.changes.length === 3);
  expect(copy.get("/a")?.stat).toMatchObject({ cversion: 6, numChildren: 2, pzxid: 9, mzxid: 1 });
});

test("after a reset readers see the old copy until the new one is whole, and are told what differs [W28]", async ({
  client,
  server,
  abort,
}) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const old = [znode("/a", "1"), znode("/a/gone", "2"), znode("/a/gone/too", "3"), znode("/a/made", "4")];
  const same = znode("/a/same", "5");
  const exchange = (await server.request()).begin().send(snapshot(7, ...old, same) + synced(7));
  await copy.ready;
  const before = contents(copy);
  exchange.send(reset("history_trimmed", 20) + snapshot(20, znode("/a", "one", { mzxid: 12, version: 1 })));
  await notes.until(() => copy.state === "disconnected");
  expect([contents(copy), copy.zxid]).toEqual([before, 7]);
  exchange.send(snapshot(20, znode("/a/made", "4", { czxid: 15 }), same, znode("/a/new", "6")) + synced(20));
  await notes.until(() => notes.changes.length === 2);
  expect(notes.lines[1]).toBe(
    "20 snapshot: deleted /a/made -, deleted /a/gone/too -, deleted /a/gone -, " +
      "changed /a one, created /a/made 4, created /a/new 6",
  );
  expect(contents(copy)).toBe("/a=one /a/made=4 /a/new=6 /a/same=5");
  expect(notes.states).toEqual(["synced", "disconnected", "synced"]);
});

test("a store that came to the same numbers by another way is told from the old one by its data", async ({
  client,
  server,
  abort,
}) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const exchange = (await server.request()).begin().send(snapshot(7, znode("/a", "1")) + synced(7));
  await copy.ready;
  exchange.send(reset("unknown_zxid", 5) + snapshot(5, znode("/a", "other")) + synced(5));
  await notes.until(() => notes.changes.length === 2);
  expect([notes.lines[1], copy.zxid]).toEqual(["5 snapshot: changed /a other", 5]);
  exchange.send(setTo(6, "on"));
  await notes.until(() => notes.changes.length === 3);
  expect(contents(copy)).toBe("/a=on");
});

test("a snapshot that was interrupted leaves nothing in the copy [W20]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const copy = client.tree("/a", abort);
  const exchange = (await server.request()).begin().send(snapshot(7, znode("/a", "1"), znode("/a/x", "2")));
  exchange.end();
  (await nextRequest()).begin().send(snapshot(8, znode("/a", "3")) + synced(8));
  await copy.ready;
  expect([contents(copy), copy.zxid]).toEqual(["/a=3", 8]);
});

test("a lost connection shows in the state, and the copy goes on from where it was [W28]", async ({
  client,
  server,
  nextRequest,
  abort,
}) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const exchange = (await server.request()).begin().send(snapshot(7, znode("/a", "1")) + synced(7));
  await copy.ready;
  exchange.cut();
  await notes.until(() => copy.state === "disconnected");
  expect(contents(copy)).toBe("/a=1");
  const resumed = await nextRequest();
  expect(resumed.headers["last-event-id"]).toBe("7");
  resumed.begin().send(setTo(8, "2"));
  await notes.until(() => notes.changes.length === 2);
  expect([copy.state, copy.zxid]).toEqual(["disconnected", 8]);
  resumed.send(synced(9));
  await notes.until(() => copy.state === "synced");
  expect([contents(copy), copy.zxid]).toEqual(["/a=2", 9]);
});

test("the zxid of a quiet copy moves on with bookmarks", async ({ client, server, abort }) => {
  const notes = new Notes();
  const copy = client.tree("/a", { ...notes, signal: abort.signal });
  const exchange = (await server.request()).begin().send(synced(7) + bookmark(70));
  await copy.ready;
  exchange.end();
  await notes.until(() => copy.state === "disconnected");
  expect([copy.zxid, copy.size, notes.changes]).toEqual([70, 0, []]);
});

test("the copy stays where it is until `changed` has settled", async ({ client, server, abort }) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const zxids: number[] = [];
  const { promise: second, resolve: onSecond } = Promise.withResolvers<void>();
  const changed = async ({ zxid }: TreeChange) => {
    zxids.push(zxid);
    if (zxid === 9) onSecond();
    await promise;
    zxids.push(copy.zxid);
  };
  const copy = client.tree("/a", { changed, signal: abort.signal });
  (await server.request())
    .begin()
    .send(snapshot(7, znode("/a", "")) + synced(7) + setTo(8, "") + setTo(9, ""));
  while (zxids.length === 0) await new Promise((next) => setImmediate(next));
  expect([zxids, copy.zxid]).toEqual([[7], 7]);
  resolve();
  await second;
  expect(zxids).toEqual([7, 7, 8, 8, 9]);
});

test("a refusal is told by ready, and later ones by closed", async ({ client, server, nextRequest }) => {
  const refused = client.tree("a");
  (await server.request()).refuse(400, { code: "bad_path", detail: "A path starts with a slash." });
  await expect(refused.ready).rejects.toMatchObject({ code: "bad_path", status: 400 });
  expect(refused.state).toBe("closed");

  const copy = client.tree("/a");
  const exchange = (await server.request()).begin().send(synced(1));
  await copy.ready;
  exchange.end();
  (await nextRequest()).refuse(403, { code: "forbidden", detail: "Ask for access." });
  await expect(copy.closed).rejects.toMatchObject({ code: "forbidden" });
  expect(copy.state).toBe("closed");
});

test("a fault in a callback closes the tree and is told", async ({ client, server, clock }) => {
  const fault = new Error("a bug in the consumer");
  const changed = ({ cause }: TreeChange) => {
    if (cause !== "snapshot") throw fault;
  };
  const copy = client.tree("/a", { changed });
  const exchange = (await server.request()).begin().send(snapshot(1, znode("/a", "")) + synced(1));
  await copy.ready;
  exchange.send(setTo(2, "x"));
  await expect(copy.closed).rejects.toBe(fault);
  await exchange.closed;
  expect([copy.state, clock.timers.size]).toEqual(["closed", 0]);
});

test("events that do not fit the copy close it: it never shows what cannot be", async ({
  client,
  server,
}) => {
  for (const event of [
    { type: "created", ...znode("/a", "") },
    { type: "changed", ...znode("/a/x", "") },
    { type: "deleted", ...znode("/a/x", "") },
  ]) {
    const copy = client.tree("/a");
    const exchange = (await server.request()).begin().send(snapshot(1, znode("/a", "")) + synced(1));
    await copy.ready;
    exchange.send(change(2, event));
    await expect(copy.closed).rejects.toThrow(`${event.path} cannot be ${event.type}`);
  }
});
