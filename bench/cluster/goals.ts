// What must hold of several servers: each goal is one row here.

import { spreadOf } from "../support/statistics.ts";
import type { Verdict } from "../support/verdict.ts";
import type { ClientDeath } from "./client-deaths.ts";
import type { HousekeeperDeaths } from "./housekeeper-deaths.ts";
import type { Reads } from "./reads.ts";
import { perSecondOf, type System, type Writes } from "./writes.ts";

const writesRatioMin = 5;
/** Below, a write waits for the members' disks and for nothing else, as a put does. */
const judgedClientsMin = 64;
const twoServersRatioMin = 1.8;
const readCostRatioMax = 1.1;
const clientGoesOnMsMax = 2_000;
/** After which a housekeeper counts as gone. */
const housekeeperSilentMs = 10_000;
const housekeeperSpareMs = 1_000;

export function judgeWrites(writes: readonly Writes[]): Verdict[] {
  const judged = writes.filter(({ clients }) => clients >= judgedClientsMin);
  const atEqual = judged.map((row) => ratioVerdict(`with ${row.clients} clients each`, row, row));
  const best = (system: System) =>
    writes.reduce((one, other) => (medianOf(other, system) > medianOf(one, system) ? other : one));
  const [gateway, ours] = [best("gateway"), best("threeServers")];
  const numbers = `${ours.clients} and ${gateway.clients} clients`;
  return [...atEqual, ratioVerdict(`each at its best (${numbers})`, ours, gateway)];
}

/** Round by round. */
function ratioVerdict(when: string, ours: Writes, theirs: Writes): Verdict {
  const gateway = perSecondOf(theirs).gateway as readonly number[];
  const ratios = (perSecondOf(ours).threeServers as readonly number[]).map(
    (perSecond, round) => perSecond / (gateway[round] as number),
  );
  const measured = spreadOf(ratios);
  const goal = `writes/s of three servers at least ${writesRatioMin} times etcd's gateway, ${when}`;
  return { goal, measured, isMet: measured.median >= writesRatioMin };
}

function medianOf(writes: Writes, system: System): number {
  return spreadOf(perSecondOf(writes)[system] as readonly number[]).median;
}

export function judgeReads({ one, two }: Reads): Verdict[] {
  const ratio = (value: (round: Reads["one"][number]) => number) =>
    spreadOf(two.map((round, index) => value(round) / value(one[index] as Reads["one"][number])));
  const rate = ratio(({ perSecond }) => perSecond);
  const cost = ratio(({ loopMicroseconds }) => loopMicroseconds);
  return [
    {
      goal: `reads/s of two servers at least ${twoServersRatioMin} times those of one, each with a core`,
      measured: rate,
      isMet: rate.median >= twoServersRatioMin,
    },
    {
      goal: `event loop's time for a read, with two servers at most ${readCostRatioMax} of that with one`,
      measured: cost,
      isMet: cost.median <= readCostRatioMax,
    },
  ];
}

/** Not only in the middle: what is late is late. */
export function judgeClientDeaths(deaths: readonly ClientDeath[]): Verdict[] {
  const rows: [string, (death: ClientDeath) => number][] = [
    ["the next write of the library is acknowledged", ({ writeMs }) => writeMs],
    ["the watch of the library goes on", ({ watchMs }) => watchMs],
    ["a write of the command line is done", ({ commandWriteMs }) => commandWriteMs],
    ["the watch of the command line goes on", ({ commandWatchMs }) => commandWatchMs],
  ];
  return rows.map(([what, value]) => {
    const measured = spreadOf(deaths.map(value));
    const goal = `server killed: ${what} within ${clientGoesOnMsMax} ms`;
    return { goal, measured, isMet: measured.max <= clientGoesOnMsMax };
  });
}

export function judgeHousekeeperDeaths({ sessionTimeoutMs, deaths }: HousekeeperDeaths): Verdict[] {
  const takenOverMsMax = housekeeperSilentMs + housekeeperSpareMs;
  const grantedMsMax = takenOverMsMax + sessionTimeoutMs;
  const takenOver = spreadOf(deaths.map(({ takenOverMs }) => takenOverMs));
  const granted = spreadOf(deaths.map(({ grantedMs }) => grantedMs));
  return [
    {
      goal: `housekeeper killed: another keeps house within ${takenOverMsMax} ms`,
      measured: takenOver,
      isMet: takenOver.max <= takenOverMsMax,
    },
    {
      goal: `housekeeper killed with a holder: the lock is given within ${grantedMsMax} ms`,
      measured: granted,
      isMet: granted.max <= grantedMsMax,
    },
  ];
}
