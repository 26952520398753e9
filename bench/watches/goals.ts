// What must hold of watches: each goal is one row here, judged by the middle of the rounds.

import type { Verdict } from "../support/verdict.ts";
import type { FanOut } from "./fan-out.ts";
import type { StreamMemory } from "./memory.ts";
import type { Restarts } from "./restart.ts";
import type { Tails } from "./tails.ts";
import type { WatchedWrites } from "./writes.ts";

const fanOutRatioMin = 0.85;
const streamKibibytesMax = 20;
const writesRatioMin = 0.95;
const tailRatioMax = 1.5;
const syncedSecondsMax = 5;
/** The shortest timeout a session can have unless set otherwise: a later answer could be too late. */
const keepaliveSecondsMax = 1;

export function judgeFanOut(fanOuts: readonly FanOut[]): Verdict[] {
  return fanOuts.map(({ streams, ratio }) => ({
    goal: `one change to ${streams} streams: deliveries/s at least ${fanOutRatioMin} of the bare server's`,
    measured: ratio,
    isMet: ratio.median >= fanOutRatioMin,
  }));
}

export function judgeMemory(memories: readonly StreamMemory[]): Verdict[] {
  return memories
    .filter(({ kind }) => kind !== "bare")
    .map(({ kind, streams, heldKibibytes }) => ({
      goal: `${streams} idle streams (${kind}): at most ${streamKibibytesMax} KiB of memory each`,
      measured: heldKibibytes,
      isMet: heldKibibytes.median <= streamKibibytesMax,
    }));
}

export function judgeWrites({ streams, ratio }: WatchedWrites): Verdict[] {
  const goal = `PUT/s beside ${streams} streams on other paths at least ${writesRatioMin} of those without`;
  return [{ goal, measured: ratio, isMet: ratio.median >= writesRatioMin }];
}

export function judgeTails({ slowReaders, delivery, answer }: Tails): Verdict[] {
  const beside = `beside ${slowReaders} readers of a byte a second at most ${tailRatioMax} of that without`;
  return [
    {
      goal: `p99 of delivery ${beside}`,
      measured: delivery.ratio,
      isMet: delivery.ratio.median <= tailRatioMax,
    },
    { goal: `p99 of PUT ${beside}`, measured: answer.ratio, isMet: answer.ratio.median <= tailRatioMax },
  ];
}

export function judgeRestarts({ streams, syncedSeconds, slowestKeepaliveSeconds }: Restarts): Verdict[] {
  return [
    {
      goal: `${streams} streams back at once after a restart: all synced within ${syncedSecondsMax} s`,
      measured: syncedSeconds,
      isMet: syncedSeconds.median <= syncedSecondsMax,
    },
    {
      goal: `the slowest keepalive meanwhile answered within ${keepaliveSecondsMax} s`,
      measured: slowestKeepaliveSeconds,
      isMet: slowestKeepaliveSeconds.median <= keepaliveSecondsMax,
    },
  ];
}
