// Whether an operation costs more beside many siblings: a small service and a large one, measured in turn with the
// same load. All znodes are siblings, so a cost per sibling and a cost per znode would both show.

import { setTimeout as wait } from "node:timers/promises";
import { type ServiceUnderTest, withService } from "./service-under-test.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import type { Pace } from "./throughput.ts";
import { type LoadKind, measure } from "./wrk.ts";

export interface Growth {
  readonly kind: LoadKind;
  readonly smallCount: number;
  readonly largeCount: number;
  readonly smallPerSecond: Spread;
  readonly largePerSecond: Spread;
  /** Cost of one operation in the large service by its cost in the small one, round by round. */
  readonly cost: Spread;
}

/** The one that leaves znodes behind comes last. */
const kinds = ["get", "page", "set", "churn"] as const satisfies readonly LoadKind[];
const smallCount = 1_000;

export async function compareGrowth(
  directory: string,
  largeCounts: readonly number[],
  pace: Pace,
): Promise<Growth[]> {
  const { settleMs } = pace;
  const growths: Growth[] = [];
  for (const count of largeCounts) {
    const compared = await withService({ directory, settleMs, count: smallCount }, (small) =>
      withService({ directory, settleMs, count }, (large) => compareSizes({ small, large }, pace)),
    );
    growths.push(...compared);
  }
  return growths;
}

interface Pair<T> {
  readonly small: T;
  readonly large: T;
}

async function compareSizes(services: Pair<ServiceUnderTest>, pace: Pace): Promise<Growth[]> {
  const growths: Growth[] = [];
  for (const kind of kinds) {
    if (pace.warmUpSeconds > 0) await playRound(services, kind, { ...pace, seconds: pace.warmUpSeconds });
    const rounds: Pair<number>[] = [];
    for (let round = 0; round < pace.rounds; round += 1) {
      rounds.push(await playRound(services, kind, pace));
    }
    growths.push({
      kind,
      smallCount: services.small.count,
      largeCount: services.large.count,
      smallPerSecond: spreadOf(rounds.map(({ small }) => small)),
      largePerSecond: spreadOf(rounds.map(({ large }) => large)),
      cost: spreadOf(rounds.map(({ small, large }) => small / large)),
    });
  }
  return growths;
}

/** Operations per second in each service. */
async function playRound(
  { small, large }: Pair<ServiceUnderTest>,
  kind: LoadKind,
  { seconds, settleMs }: Pace,
): Promise<Pair<number>> {
  const perSecond = async (service: ServiceUnderTest) => {
    const { perSecond } = await measure({ ...service, kind, seconds });
    if (kind === "set" || kind === "churn") await wait(settleMs);
    return perSecond;
  };
  return { small: await perSecond(small), large: await perSecond(large) };
}
