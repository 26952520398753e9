import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Command, Operation } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store, type StoreParts } from "../../src/store/store.ts";
import type { ChangeRow } from "../../src/store/tables.ts";
import { defaultWatchLimits, type WatchLimits } from "../../src/watches/limits.ts";
import { Watches } from "../../src/watches/watches.ts";
import { bytes, plain } from "../support/keeper.ts";
import { open } from "./fixture.ts";
import type { RecordingSink } from "./recording-sink.ts";

const everything = { paths: ["/"], scope: "subtree" } as const;
const fromTheStart = { ...everything, start: { kind: "after", zxid: 0 } } as const;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "treekeeper-watches-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

interface Server {
  readonly store: Store;
  readonly watches: Watches;
  stop(): Promise<void>;
}

/** A server as it starts: the watches are there before the store replays its log. */
async function start(
  parts: Omit<StoreParts, "clock" | "limits">,
  rows: readonly ChangeRow[] = [],
  limits: Partial<WatchLimits> = {},
): Promise<Server> {
  const store = new Store({
    ...parts,
    clock: systemClock,
    limits: { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 67_108_864 },
  });
  const saved = { rows, floorZxid: parts.position.historyFloorZxid };
  const watches = new Watches({
    store,
    saved,
    limits: { ...defaultWatchLimits, ...limits },
    chance: Math.random,
  });
  await store.start();
  const stop = async () => {
    watches.close("shutdown");
    await store.close();
  };
  return { store, watches, stop };
}

async function startOnFile(limits?: Partial<WatchLimits>): Promise<Server> {
  const sqlite = await openSqlite(directory);
  const { loaded } = sqlite;
  const { state, position } = loaded;
  return await start({ state, position, log: sqlite.log, tables: sqlite.tables }, loaded.changes, limits);
}

async function writeSome({ store }: Server): Promise<void> {
  await store.submit({ type: "create", path: "/a", data: bytes("é\u2028\n"), mode: plain });
  await store.submit({ type: "create", path: "/b", data: Uint8Array.of(0xff), mode: plain });
  await store.submit({
    type: "multi",
    operations: [
      { type: "setData", path: "/a", data: bytes("y") },
      {
        type: "create",
        path: "/a/b",
        data: bytes(""),
        mode: { kind: "persistent", sequential: true, ttlMs: 9_000 },
      },
      { type: "create", path: "/a/c", data: bytes(""), mode: { kind: "container" } },
    ],
  });
  await store.submit({ type: "delete", path: "/b" });
}

function changeTexts(sink: RecordingSink): string[] {
  return sink.text.split("\n\n").filter((block) => block.includes("event: change\n"));
}

test("after a restart on its file, a resumed stream is sent the same bytes as live [W28]", async () => {
  const first = await startOnFile();
  const live = open(first.watches, everything);
  await writeSome(first);
  await first.stop();
  const sent = changeTexts(live.sink);
  expect(sent.length).toBe(4);
  const second = await startOnFile();
  for (let zxid = 0; zxid <= 4; zxid += 1) {
    const { sink } = open(second.watches, { ...everything, start: { kind: "after", zxid } });
    expect(changeTexts(sink)).toEqual(sent.slice(zxid));
  }
  await second.stop();
});

test("what only the log still has is in the history after a restart [W23, W28]", async () => {
  const entries = new MemoryEntries();
  const position = { appliedLsn: 0, historyFloorZxid: 0 };
  const first = await start({ state: State.fresh(), position, log: new MemoryLog("first", entries) });
  const live = open(first.watches, everything);
  await writeSome(first);
  await first.stop();
  const second = await start({ state: State.fresh(), position, log: new MemoryLog("second", entries) });
  expect(changeTexts(open(second.watches, fromTheStart).sink)).toEqual(changeTexts(live.sink));
  await second.stop();
});

test("what the history forgot is forgotten in the file too, and known to be [W28]", async () => {
  const first = await startOnFile({ history: { ...defaultWatchLimits.history, messagesMax: 1 } });
  await writeSome(first);
  await first.stop();
  const second = await startOnFile();
  expect(second.watches.history.floorZxid).toBe(3);
  expect(second.watches.history.messageCount).toBe(1);
  expect(open(second.watches, fromTheStart).sink.events[0]?.data).toEqual({
    reason: "history_trimmed",
    zxid: 4,
  });
  await second.stop();
});

test("behind a transaction too long to be told, as older logs may hold, the history begins anew", async () => {
  const entries = new MemoryEntries();
  const data = new Uint8Array(1_048_576);
  const large = Array.from({ length: 65 }, (_, index) => ({
    ...{ type: "create", path: `/${index}`, data, mode: plain },
  })) as readonly Operation[];
  const commands: readonly Command[] = [
    { type: "create", path: "/before", data: bytes(""), mode: plain },
    { type: "multi", operations: large },
    { type: "create", path: "/behind", data: bytes(""), mode: plain },
  ];
  for (const [index, command] of commands.entries()) {
    entries.add("older", index + 1, encodeBatch({ timeMs: Date.now(), commands: [command] }));
  }
  const position = { appliedLsn: 0, historyFloorZxid: 0 };
  const state = State.fresh();
  const { watches, stop } = await start({ state, position, log: new MemoryLog("test", entries) });
  expect(state.tree.size).toBe(68);
  expect([watches.history.floorZxid, watches.history.messageCount, watches.history.zxid]).toEqual([2, 1, 3]);
  await stop();
});
