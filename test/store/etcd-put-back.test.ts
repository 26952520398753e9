// The log in etcd when etcd was put back to an earlier copy while a server runs: whatever it is about to read, hear or put,
// it goes by nothing of another past than its own. And what only looks like it, an answer from before, ends nothing.

import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { LogState } from "../../src/store/commit-log.ts";
import { EntriesRead } from "../../src/store/etcd/entries-read.ts";
import { valueFor } from "../../src/store/etcd/entry-value.ts";
import type { RangeAnswer, Step, Txn } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import { encodeFormat, formatVersion } from "../../src/store/etcd/log-format.ts";
import { EtcdInMemory } from "../metrics/etcd-in-memory.ts";
import { Between } from "./between.ts";

const prefix = "/log/";
const keys = new Keys(prefix);
/** Nothing is found out by a look at the tail: that comes when the test is over. */
const paces = { suspendAfterMs: 600_000, probeEveryMs: 600_000, retryMs: 5 };

class Past {
  readonly etcd = new EtcdInMemory();
  readonly between = new Between(this.etcd);

  /** Entries of a writer. */
  async write(writer: string, last: number, first = 1): Promise<void> {
    for (let seq = first; seq <= last; seq += 1) {
      const entry = { put: { key: keys.entry(writer, seq), value: valueFor(bytesOf("x")) } };
      const tail = { put: { key: keys.tail, value: bytesOf(`${writer}/${seq}`) } };
      await this.etcd.txn({ compare: [], success: [entry, tail] });
    }
  }

  /** Another past, which has come so far. */
  async putBack(count: number): Promise<void> {
    await this.etcd.txn({ compare: [], success: [{ deleteRange: keys.log }] });
    await this.write("new", count);
  }

  async trim(writer: string, upTo: number): Promise<void> {
    await this.etcd.txn({ compare: [], success: [{ deleteRange: keys.entriesUpTo(writer, upTo) }] });
  }

  /** A server whose rows end with an entry, before it follows. */
  async open(after: number, entryName?: string) {
    const log = await EtcdLog.open({ client: this.between, clock: systemClock, prefix, paces });
    onTestFinished(() => log.close());
    const heard: string[] = [];
    const states: LogState[] = [];
    log.onState((state) => states.push(state));
    const follow = () =>
      log.follow(
        after,
        (entries) => {
          heard.push(...entries.map(({ lsn, writer, seq }) => `${lsn}:${writer}/${seq}`));
        },
        entryName,
      );
    return { log, heard, states, follow };
  }

  async listening(): Promise<void> {
    await expect.poll(() => this.between.watches).toBe(1);
  }
}

async function oldPast(count: number): Promise<Past> {
  const past = new Past();
  await past.write("old", count);
  return past;
}

const anotherPast = [
  expect.objectContaining({ state: "failed", cause: expect.stringContaining("restored from") }),
];

describe("a server that was handed nothing yet goes by no other past than that of its rows, where the log", () => {
  test.for([1, 3])("was put back and ends at %i", async (count) => {
    const past = await oldPast(3);
    const { log, states, heard, follow } = await past.open(3, "old/3");
    follow();
    await past.listening();
    await past.putBack(count);
    await expect(log.tail()).rejects.toThrow("another past");
    expect([states, heard]).toEqual([anotherPast, []]);
  });

  test("was put back and has come further", async () => {
    const past = await oldPast(3);
    const { states, heard, follow } = await past.open(3, "old/3");
    follow();
    await past.listening();
    await past.putBack(4);
    past.between.endWatch();
    await expect.poll(() => states).toEqual(anotherPast);
    expect(heard).toEqual([]);
  });

  test("was put back, and takes an entry where another stood", async () => {
    const past = await oldPast(3);
    const { log, states, heard, follow } = await past.open(3, "old/3");
    await past.putBack(1);
    // What it reads first is not answered yet.
    past.between.instead = (txn) => {
      if (writes(txn)) return null;
      throw new ConnectError("lost on the way", Code.Unavailable);
    };
    follow();
    await expect(log.append(1, bytesOf("x"))).rejects.toThrow("another past");
    expect([states, heard]).toEqual([anotherPast, []]);
  });

  test("was put back before it was asked for anything", async () => {
    const past = await oldPast(3);
    const { states, heard, follow } = await past.open(3, "old/3");
    await past.putBack(4);
    follow();
    await expect.poll(() => states).toEqual(anotherPast);
    expect(heard).toEqual([]);
  });
});

test("rows from before entries had names are of any past that reaches so far", async () => {
  const past = await oldPast(3);
  const { log, states, heard, follow } = await past.open(3);
  await past.putBack(4);
  follow();
  await expect.poll(() => heard).toEqual(["4:new/4"]);
  expect([await log.tail(), states]).toEqual([4, []]);
});

describe("rows from before entries had names are of the past that was there when they were followed, when", () => {
  async function followed() {
    const past = await oldPast(3);
    const server = await past.open(3);
    server.follow();
    await past.listening();
    expect(await server.log.tail()).toBe(3);
    return { past, ...server };
  }

  test("the log is asked where it ends", async () => {
    const { past, log } = await followed();
    await past.putBack(3);
    await expect(log.tail()).rejects.toThrow("another past");
  });

  test("the log is read", async () => {
    const { past, heard, states } = await followed();
    await past.putBack(4);
    past.between.endWatch();
    await expect.poll(() => states).toEqual(anotherPast);
    expect(heard).toEqual([]);
  });
});

test("what was heard and not handed over yet was there: a log that ends before it was put back", async () => {
  const past = await oldPast(1);
  const { log, states } = await past.open(0);
  // Busy with the second for good.
  log.follow(0, ([entry]) => (entry?.lsn === 2 ? new Promise(() => {}) : undefined));
  await past.listening();
  expect(await log.append(1, bytesOf("x"))).toBe(2);
  expect(await log.append(2, bytesOf("x"))).toBe(3);
  await past.etcd.txn({ compare: [], success: [{ deleteRange: keys.log }] });
  await past.write("old", 1);
  await past.write(log.writer, 1);
  await expect(log.tail()).rejects.toThrow("another past");
  expect(states).toEqual(anotherPast);
});

describe("where the last entry that a server has was trimmed it", () => {
  test("does not go on behind it: it may have been another", async () => {
    const past = await oldPast(3);
    const { states, heard, follow } = await past.open(0);
    follow();
    await expect.poll(() => heard.length).toBe(3);
    await past.listening();
    await past.putBack(4);
    await past.trim("new", 3);
    past.between.endWatch();
    const cause = expect.stringMatching(
      /^Log entry 3, the last that this server has, is missing.*Start it again/,
    );
    await expect.poll(() => states).toEqual([expect.objectContaining({ state: "failed", cause })]);
    expect(heard).toEqual(["1:old/1", "2:old/2", "3:old/3"]);
  });

  test("goes on where that was done by an earlier version, whose rows name no entry", async () => {
    const past = await oldPast(4);
    await past.trim("old", 3);
    const { heard, follow } = await past.open(3);
    follow();
    await expect.poll(() => heard).toEqual(["4:old/4"]);
  });

  test("goes on where the log was moved here: what was before it never stood in it", async () => {
    const past = new Past();
    const format = encodeFormat({ format: formatVersion, clusterId: "c", logId: "l", before: 3 });
    await past.etcd.txn({ compare: [], success: [{ put: { key: keys.format, value: format } }] });
    await past.write("new", 1);
    const { log, heard, follow } = await past.open(3, "elsewhere/3");
    follow();
    await expect.poll(() => heard).toEqual(["4:new/1"]);
    expect(await log.tail()).toBe(4);
  });
});

/** As a member answers that was paused before anything was written. */
const none: RangeAnswer = { header: { clusterId: 1n, revision: 1n }, kvs: [], more: false, count: 0n };

function writes({ success }: Txn): boolean {
  return success.some((step) => "put" in step);
}

function isAppend({ success }: Txn): boolean {
  return success.some((step) => "put" in step && Buffer.from(keys.tail).equals(step.put.key));
}

/** One that has heard three entries; then there is room for no write, and so many reads are answered as of the first. */
async function fullAndFromBefore(times: number) {
  const past = new Past();
  const { log, states, heard, follow } = await past.open(0);
  await past.write("old", 1);
  const success: Step[] = [{ range: { key: keys.tail } }, { range: { key: keys.format } }];
  const before = await past.etcd.txn({ compare: [], success });
  await past.write("old", 3, 2);
  follow();
  await expect.poll(() => heard.length).toBe(3);
  let left = times;
  past.between.instead = (txn) => {
    if (writes(txn))
      throw new ConnectError("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted);
    left -= 1;
    return left < 0 ? null : before;
  };
  return { log, states };
}

describe("where etcd has no room, so that the end of the log is read, an end before what was there", () => {
  test("is asked for again", async () => {
    const { log, states } = await fullAndFromBefore(3);
    expect(await log.tail()).toBe(3);
    expect(states).toEqual([]);
  });

  test("is believed when it is said again and again", async () => {
    const { log, states } = await fullAndFromBefore(1000);
    await expect(log.tail()).rejects.toThrow("another past");
    expect(states).toEqual(anotherPast);
  });
});

describe("an own entry whose answer got lost has its place, whatever is answered from before when", () => {
  /** One that has heard two entries of others, and whose next append is answered the second time. */
  async function whoseAnswerIsLost() {
    const past = await oldPast(2);
    const { log, states, heard, follow } = await past.open(0);
    follow();
    await expect.poll(() => heard.length).toBe(2);
    await past.listening();
    past.between.onAnswer = (txn) => {
      if (!isAppend(txn)) return;
      past.between.onAnswer = () => {};
      throw new ConnectError("lost on the way back", Code.Unavailable);
    };
    return { past, log, states };
  }

  test("it is looked up where it stands", async () => {
    const { past, log, states } = await whoseAnswerIsLost();
    const before = await past.etcd.txn({ compare: [], success: [{ range: { key: keys.tail } }] });
    let left = 2;
    past.between.instead = ({ success }) => {
      if (!success.some((step) => "range" in step && step.range.minModRevision !== undefined)) return null;
      left -= 1;
      return left < 0 ? null : { ...before, ranges: [...before.ranges, none] };
    };
    expect([await log.append(1, bytesOf("x")), left < 0]).toEqual([3, true]);
    expect(states).toEqual([]);
  });

  test("it is seen whether it is there", async () => {
    const { past, log, states } = await whoseAnswerIsLost();
    let left = 2;
    past.between.insteadOfRange = () => {
      left -= 1;
      return left < 0 ? null : none;
    };
    expect([await log.append(1, bytesOf("x")), left < 0]).toEqual([3, true]);
    expect(states).toEqual([]);
  });
});

test("an entry that was refused for want of room, and was put, is not said to be absent by an answer from before", async () => {
  const past = new Past();
  const { between, etcd } = past;
  const { log, states } = await past.open(0);
  await log.append(1, bytesOf("x"));
  const key = keys.entry(log.writer, 2);
  const range = { key, keysOnly: true };
  const fence = { key: keys.fence(log.writer), keysOnly: true };
  const alone = await etcd.range(range);
  const before = await etcd.txn({ compare: [], success: [{ range: fence }, { range }] });
  between.onAnswer = (txn) => {
    if (!isAppend(txn)) return;
    between.onAnswer = () => {};
    throw new ConnectError("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted);
  };
  between.onRemoved = () => {
    between.onRemoved = () => {};
    let left = 2;
    between.insteadOfRange = () => (left-- > 0 ? alone : null);
    between.instead = ({ success }) => (success.length === 2 && left-- > 0 ? before : null);
    throw new ConnectError("lost on the way back", Code.Unavailable);
  };
  expect([await log.append(2, bytesOf("y")), states]).toEqual([2, []]);
});

test("a start that is answered from before asks by a write whether the log has come as far as its rows", async () => {
  const past = await oldPast(3);
  const read = new EntriesRead(past.between, keys);
  past.between.instead = (txn) => (writes(txn) ? null : { ...none, succeeded: true, ranges: [none, none] });
  const known = { lsn: 3, name: "old/3" };
  expect(await read.lookAt(known)).toEqual({ isBeyond: false, isAnother: false });
  await past.putBack(1);
  expect(await read.lookAt(known)).toEqual({ isBeyond: true, isAnother: false });
});
