// The log in etcd where etcd answers as it seldom does: from before, without room, or for somebody else's log.

import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { EtcdCalls, Txn } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf, Keys, textOf } from "../../src/store/etcd/keys.ts";
import { EtcdInMemory } from "../metrics/etcd-in-memory.ts";
import { Between } from "./between.ts";

const prefix = "/log/";
const keys = new Keys(prefix);
/** Nothing is found out by a look at the tail: that comes when the test is over. */
const paces = { suspendAfterMs: 600_000, probeEveryMs: 600_000, retryMs: 5 };

async function opened(client: EtcdCalls): Promise<EtcdLog> {
  const log = await EtcdLog.open({ client, clock: systemClock, prefix, paces });
  onTestFinished(() => log.close());
  return log;
}

function isListing({ success }: Txn): boolean {
  return success.some((step) => "range" in step && step.range.sortTarget !== undefined);
}

/** One that has heard two entries, and is answered from before either of them once its watch has ended. */
async function followerAnsweredFromBefore() {
  const etcd = new EtcdInMemory();
  const writer = await opened(etcd);
  const between = new Between(etcd);
  const log = await opened(between);
  for (const seq of [1, 2]) await writer.append(seq, bytesOf("x"));
  const heard: number[] = [];
  log.follow(0, (entries) => {
    heard.push(...entries.map(({ lsn }) => lsn));
  });
  await expect.poll(() => heard).toEqual([1, 2]);
  await writer.append(3, bytesOf("x"));
  const answerFromBefore = (times: number) => {
    let left = times;
    between.instead = (txn) => {
      if (!isListing(txn) || left === 0) return null;
      left -= 1;
      return emptyLog;
    };
    between.endWatch();
  };
  return { etcd, log, heard, answerFromBefore };
}

const header = { clusterId: 1n, revision: 2n };
const none = { header, kvs: [], more: false, count: 0n };
const emptyLog = { header, succeeded: true, ranges: [none, none] };

test("a follower that is answered from before asks again until it is answered from now", async () => {
  const { heard, answerFromBefore } = await followerAnsweredFromBefore();
  answerFromBefore(3);
  await expect.poll(() => heard).toEqual([1, 2, 3]);
});

test("a follower that is answered from before, by a log that is another's by now, ends with it", async () => {
  const { etcd, log, answerFromBefore } = await followerAnsweredFromBefore();
  const states: string[] = [];
  log.onState(({ state }) => states.push(state));
  await takeOver(etcd);
  answerFromBefore(1);
  await expect.poll(() => states).toEqual(["failed"]);
});

async function takeOver(etcd: EtcdInMemory): Promise<void> {
  await etcd.txn({ compare: [], success: [{ put: { key: keys.format, value: bytesOf("{}") } }] });
}

test("where the log ends is told without room, however often etcd says that there is none", async () => {
  const etcd = new EtcdInMemory();
  const between = new Between(etcd);
  const log = await opened(between);
  await log.append(1, bytesOf("x"));
  let refusals = 0;
  between.instead = () => {
    refusals += 1;
    if (refusals > 2) return null;
    throw new ConnectError("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted);
  };
  expect(await log.tail()).toBe(1);
  expect(refusals).toBe(3);
});

test("no part of an entry is put into a log that is another's by now", async () => {
  const etcd = new EtcdInMemory();
  const log = await opened(etcd);
  await log.append(1, bytesOf("x"));
  await takeOver(etcd);
  await expect(log.append(2, new Uint8Array(3 * 2 ** 20))).rejects.toThrow("The log has failed.");
  const { kvs } = await etcd.range({ ...keys.partsOf(log.writer), keysOnly: true });
  expect(kvs.map(({ key }) => textOf(key))).toEqual([]);
});
