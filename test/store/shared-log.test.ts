import { expect, test } from "vitest";
import type { LogEntry } from "../../src/store/commit-log.ts";
import { SharedEntries } from "../../src/store/memory/shared-entries.ts";
import { freePassage, type Passage, SharedLog } from "../../src/store/memory/shared-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { random } from "../support/random.ts";

const body = new Uint8Array([1]);

function opened(passages: readonly Partial<Passage>[]) {
  const [entries, clock] = [new SharedEntries(), new FakeClock()];
  const servers = passages.map((passage, index) => {
    const writer = `server-${index + 1}`;
    const log = new SharedLog({ writer, entries, clock, passage: { ...freePassage, ...passage } });
    const heard: LogEntry[] = [];
    log.follow(0, (entries) => {
      heard.push(...entries);
    });
    return { log, heard };
  });
  return { entries, clock, servers };
}

function names(entries: readonly LogEntry[]): string[] {
  return entries.map(({ lsn, writer, seq }) => `${lsn} ${writer} ${seq}`);
}

/** Time passes bit by bit: what is set in motion on the way has its own timers. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  await clock.advance(0);
  for (let passedMs = 0; passedMs < ms; passedMs += 1) await clock.advance(1);
}

/** What is asked for once after the other, the last again and again. */
function inTurn<T>(...values: readonly T[]): () => T {
  let index = -1;
  return () => {
    index = Math.min(index + 1, values.length - 1);
    return values[index] as T;
  };
}

test("servers that write to one log hear the same entries in the same order", async () => {
  const { clock, servers } = opened([{ toLogMs: () => 3 }, { toLogMs: () => 1 }]);
  const appends = servers.map(({ log }) => log.append(1, body));
  await pass(clock, 10);
  expect(await Promise.all(appends)).toEqual([2, 1]);
  expect(servers.map(({ heard }) => names(heard))).toEqual([
    ["1 server-2 1", "2 server-1 1"],
    ["1 server-2 1", "2 server-1 1"],
  ]);
});

test("what never reaches the log is sent again, and what one server sends stays in its order", async () => {
  const { clock, servers } = opened([{ toLogMs: inTurn<number | null>(null, 0), resendMs: 20 }]);
  const [{ log, heard }] = servers as [(typeof servers)[number]];
  const appends = [log.append(1, body), log.append(2, body)];
  await pass(clock, 19);
  expect(heard).toEqual([]);
  await pass(clock, 1);
  expect(await Promise.all(appends)).toEqual([1, 2]);
  expect(names(heard)).toEqual(["1 server-1 1", "2 server-1 2"]);
});

test("an entry whose answer is lost is sent again, and is in the log once", async () => {
  const { entries, clock, servers } = opened([
    { toServerMs: inTurn<number | null>(null, null, 0), resendMs: 20 },
  ]);
  const [{ log, heard }] = servers as [(typeof servers)[number]];
  const append = log.append(1, body);
  await pass(clock, 40);
  expect([await append, entries.tail, names(heard)]).toEqual([1, 1, ["1 server-1 1"]]);
});

test("a server hears of others' entries late, and of what came meanwhile at once", async () => {
  const { clock, servers } = opened([{}, { lagMs: () => 50 }]);
  const [writer, late] = servers as [(typeof servers)[number], (typeof servers)[number]];
  await pass(clock, 0);
  for (const seq of [1, 2]) {
    const append = writer.log.append(seq, body);
    await pass(clock, 20);
    await append;
  }
  expect([writer.heard.length, late.heard.length]).toEqual([2, 0]);
  await pass(clock, 10);
  expect(late.heard.length).toBe(2);
});

test("a server that is cut off neither writes nor hears, and has missed nothing when it is back", async () => {
  const { entries, clock, servers } = opened([{}, {}]);
  const [one, other] = servers as [(typeof servers)[number], (typeof servers)[number]];
  other.log.hold();
  const appends = [other.log.append(1, body), one.log.append(1, body)];
  await pass(clock, 1000);
  expect([entries.tail, one.heard.length, other.heard.length]).toEqual([1, 1, 0]);
  other.log.release();
  await pass(clock, 0);
  expect(await Promise.all(appends)).toEqual([2, 1]);
  expect(names(other.heard)).toEqual(["1 server-1 1", "2 server-2 1"]);
});

test.each([1, 2, 3, 4, 5])(
  "whatever is lost or late, with seed %i every append has its own place",
  async (seed) => {
    const chance = random(seed);
    const way = () => (chance() < 0.3 ? null : Math.floor(chance() * 20));
    const passage = { toLogMs: way, toServerMs: way, lagMs: () => Math.floor(chance() * 40), resendMs: 10 };
    const { entries, clock, servers } = opened([passage, passage, passage]);
    const appends: Promise<string>[] = [];
    for (let seq = 1; seq <= 30; seq += 1) {
      for (const { log } of servers) {
        appends.push(log.append(seq, body).then((lsn) => `${lsn} ${log.writer} ${seq}`));
      }
      await pass(clock, Math.floor(chance() * 10));
    }
    await pass(clock, 10_000);
    const answered = (await Promise.all(appends)).toSorted(
      (one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10),
    );
    expect(answered.length).toBe(entries.tail);
    for (const { heard } of servers) expect(names(heard)).toEqual(answered);
  },
);
