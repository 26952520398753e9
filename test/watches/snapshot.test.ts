import fc from "fast-check";
import { expect } from "vitest";
import type { Znode } from "../../src/core/tree/znode.ts";
import { Keeper, plain } from "../support/keeper.ts";
import { open, test, watchesOf } from "./fixture.ts";
import { changeEventsOf, RecordingSink, type SentEvent } from "./recording-sink.ts";

function snapshotPaths(sink: RecordingSink): string[] {
  return sink
    .named("snapshot")
    .flatMap(({ data }) => (data.znodes as { path: string }[]).map(({ path }) => path));
}

/** What a client believes: the snapshot's pages, then every change after it. */
function believed(events: readonly SentEvent[]): Map<string, unknown> {
  const tree = new Map<string, unknown>();
  for (const { event, data } of events) {
    if (event === "reset") tree.clear();
    if (event === "snapshot") {
      for (const znode of data.znodes as { path: string; data: string }[]) tree.set(znode.path, znode.data);
    }
    if (event !== "change") continue;
    for (const change of changeEventsOf(data)) {
      if (change.type === "deleted") expect(tree.delete(change.path)).toBe(true);
      else expect(tree.set(change.path, change.data).has(change.path)).toBe(true);
    }
  }
  return tree;
}

function treeOf(keeper: Keeper, path: string): Map<string, string> {
  const text = ({ data }: Znode) => new TextDecoder().decode(data);
  return new Map([...keeper.state.tree.subtree(path)].map((znode) => [znode.path, text(znode)]));
}

test("the current state comes first, then synced, then what happens [W20]", async ({ keeper, watches }) => {
  for (const path of ["/a", "/a/b", "/a/b/c", "/ab"]) await keeper.create(path, plain, `in ${path}`);
  const { sink } = open(watches, { initial: true, scope: "children" });
  expect(sink.events).toEqual([
    {
      id: undefined,
      event: "snapshot",
      data: {
        zxid: 4,
        znodes: ["/a", "/a/b"].map((path) => ({ path, data: `in ${path}`, stat: keeper.stat(path) })),
      },
    },
    { id: "4", event: "synced", data: { zxid: 4 } },
  ]);
  await keeper.set("/a/b", "next");
  expect(sink.changeZxids).toEqual([5]);
});

test("where there is nothing, the snapshot says so and the creation is told [W4, W20]", async ({
  keeper,
  watches,
}) => {
  const { sink } = open(watches, { initial: true });
  expect(sink.named("snapshot").map(({ data }) => data)).toEqual([{ zxid: 0, znodes: [] }]);
  await keeper.create("/a");
  expect(sink.changes).toEqual(["created /a"]);
});

test("a snapshot of overlapping paths has each znode once, parents before children [W11]", async ({
  keeper,
  watches,
}) => {
  for (const path of ["/a", "/a/b", "/a/b/c", "/d"]) await keeper.create(path);
  const paths = ["/a/b", "/d", "/a"];
  const children = open(watches, { paths, scope: "children", initial: true });
  const subtree = open(watches, { paths, scope: "subtree", initial: true });
  const node = open(watches, { paths, scope: "node", initial: true });
  expect(snapshotPaths(children.sink)).toEqual(["/a", "/a/b", "/a/b/c", "/d"]);
  expect(snapshotPaths(subtree.sink)).toEqual(["/a", "/a/b", "/a/b/c", "/d"]);
  expect(snapshotPaths(node.sink)).toEqual(["/a", "/a/b", "/d"]);
});

test("a snapshot is paged by count and by bytes, and every page is at one zxid", async ({ keeper }) => {
  const watches = watchesOf(keeper, { snapshotPageZnodesMax: 3, snapshotPageBytesMax: 1500 });
  await keeper.create("/a");
  for (let name = 0; name < 10; name += 1) await keeper.create(`/a/${name}`);
  for (let name = 10; name < 13; name += 1) await keeper.create(`/a/${name}`, plain, "x".repeat(1500));
  const { sink } = open(watches, { initial: true, scope: "children" });
  const pages = sink.named("snapshot").map(({ data }) => data.znodes as unknown[]);
  expect(pages.flat().length).toBe(14);
  for (const page of pages) expect(page.length).toBeLessThanOrEqual(3);
  expect(new Set(sink.named("snapshot").map(({ data }) => data.zxid))).toEqual(new Set([14]));
  const largeTwice = sink.named("snapshot").filter(({ data }) => JSON.stringify(data).length > 3500);
  expect(largeTwice).toEqual([]);
  watches.close("shutdown");
});

test("a snapshot of data=false has stats alone", async ({ keeper, watches }) => {
  await keeper.create("/a", plain, "x");
  const { sink } = open(watches, { initial: true, withData: false });
  expect(sink.named("snapshot")[0]?.data.znodes).toEqual([{ path: "/a", stat: keeper.stat("/a") }]);
});

test("snapshot at Z plus the changes after Z is the tree, however written and read [W20]", async () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    action: fc.constantFrom("create", "set", "delete", "read", "open"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const keeper = new Keeper();
      await keeper.store.start();
      const watches = watchesOf(keeper, { snapshotPageZnodesMax: 1, bufferBytesMax: 600 });
      await keeper.create("/t");
      await keeper.create("/t/b", plain, "here before");
      const opened = [openHeld()];
      function openHeld() {
        const sink = new RecordingSink(300);
        sink.hold();
        return open(watches, { paths: ["/t"], scope: "subtree", initial: true }, sink);
      }
      for (const [index, { name, action }] of steps.entries()) {
        const path = `/t/${name}`;
        if (action === "create" && !keeper.exists(path)) await keeper.create(path, plain, `made ${index}`);
        if (action === "set" && keeper.exists(path)) await keeper.set(path, `set ${index}`);
        if (action === "delete" && keeper.exists(path)) await keeper.delete(path);
        if (action === "read") for (const { sink, stream } of opened) sink.readOnce(stream);
        if (action === "open") opened.push(openHeld());
      }
      for (const { sink, stream } of opened) {
        sink.release(stream);
        expect(believed(sink.events)).toEqual(treeOf(keeper, "/t"));
        const zxids = sink.changeZxids;
        expect(zxids).toEqual([...new Set(zxids)].sort((a, b) => a - b));
        expect(sink.events.at(-1)?.id).toBe(
          String(Math.max(...zxids, sink.named("synced")[0]?.data.zxid as number)),
        );
      }
      watches.close("shutdown");
      await keeper.store.close();
    }),
    { numRuns: 60 },
  );
});
