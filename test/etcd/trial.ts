// Several servers append to one log in etcd at once, each by a way of its own, and everything that came of it is held
// against what the log promises.

import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../src/clock.ts";
import type { LogEntry, LogState } from "../../src/store/commit-log.ts";
import type { EtcdCalls } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { paces } from "./etcd-home.ts";

export const serverCount = 3;
const appendsPerServer = 40;

export interface Server {
  readonly log: EtcdLog;
  readonly heard: LogEntry[];
  readonly states: LogState[];
}

export async function openServer(client: EtcdCalls, prefix: string): Promise<Server> {
  const log = await EtcdLog.open({ client, clock: systemClock, prefix, paces });
  const [heard, states]: [LogEntry[], LogState[]] = [[], []];
  log.follow(0, (entries) => {
    heard.push(...entries);
  });
  log.onState((state) => states.push(state));
  return { log, heard, states };
}

export interface TrialOptions {
  /** By what the server of that number speaks to etcd. */
  readonly clientOf: (index: number) => EtcdCalls;
  readonly prefix: string;
  /** What is not heard in this time is not heard. */
  readonly hearWithinMs: number;
}

/** What was promised and did not hold, as sentences; none when all is well. */
export async function brokenPromises({ clientOf, prefix, hearWithinMs }: TrialOptions): Promise<string[]> {
  const opening = Array.from({ length: serverCount }, (_, index) => openServer(clientOf(index), prefix));
  const servers = await Promise.all(opening);
  try {
    const appended = await Promise.all(servers.map(appendAll));
    const placed = appended.flatMap(({ names }) => names).toSorted(byPlace);
    const endMs = performance.now() + hearWithinMs;
    while (servers.some(({ heard }) => heard.length < placed.length) && performance.now() < endMs)
      await wait(10);
    const heard = servers.map((server) => server.heard.map(nameOf));
    return [
      ...appended.flatMap(({ broken }) => broken),
      ...servers.flatMap(({ states }, index) =>
        states.flatMap((state) =>
          state.state === "failed" ? [`server ${index} failed: ${state.cause}`] : [],
        ),
      ),
      ...heard.flatMap((names, index) =>
        names.join("\n") === placed.join("\n")
          ? []
          : [`server ${index} heard ${names.length} entries that are not the ${placed.length} appended`],
      ),
    ];
  } finally {
    await Promise.all(servers.map(({ log }) => log.close()));
  }
}

/** Each as it was answered; and whether the tail was there by then. */
async function appendAll({ log }: Server) {
  const broken: string[] = [];
  const appends = Array.from({ length: appendsPerServer }, async (_, index) => {
    const [seq, text] = [index + 1, `entry ${index}`];
    try {
      const lsn = await log.append(seq, bytesOf(text));
      if (seq % 8 === 0 && (await log.tail()) < lsn)
        broken.push(`the tail was before ${lsn}, which was answered`);
      return [`${lsn} ${log.writer} ${seq} ${text}`];
    } catch (error) {
      broken.push(`append ${seq} of ${log.writer}: ${(error as Error).message}`);
      return [];
    }
  });
  return { names: (await Promise.all(appends)).flat(), broken };
}

function nameOf({ lsn, writer, seq, body }: LogEntry): string {
  return `${lsn} ${writer} ${seq} ${Buffer.from(body)}`;
}

function byPlace(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10);
}
