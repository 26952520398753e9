// Whether an operation costs more beside many siblings: a small service and a large one, measured in turn with the
// same load. All znodes are siblings, so a cost per sibling and a cost per znode would both show. Asked for are as many
// different znodes in the one as in the other; then, to show what the processor's caches make of it, ten times as many.

import { setTimeout as wait } from "node:timers/promises";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import type { Pace } from "./throughput.ts";
import { type LoadKind, measure } from "./wrk.ts";

export interface Growth {
  readonly kind: LoadKind;
  readonly smallCount: number;
  readonly largeCount: number;
  /** Different znodes asked for in each, spread evenly over all. */
  readonly distinct: number;
  readonly smallPerSecond: Spread;
  readonly largePerSecond: Spread;
  /** Cost of one operation in the large service by its cost in the small one, round by round. */
  readonly cost: Spread;
}

/** The one that leaves znodes behind comes last. */
const kinds = ["get", "page", "set", "churn"] as const satisfies readonly LoadKind[];
const smallCount = 1_000;

/** As many as the small service has, and more. */
const distinctCounts = [smallCount, 10 * smallCount];

/** Names in a page: fewer pages make as many names. */
const namesPerRequest: Record<LoadKind, number> = { get: 1, page: 100, set: 1, churn: 1, multi: 1 };

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
  const asked = kinds.flatMap((kind) => distinctCounts.map((distinct) => ({ kind, distinct })));
  for (const { kind, distinct } of asked) {
    // New names are never asked for twice.
    if (kind === "churn" && distinct !== smallCount) continue;
    const load = { kind, distinct: distinct / namesPerRequest[kind] };
    if (pace.warmUpSeconds > 0) await playRound(services, load, { ...pace, seconds: pace.warmUpSeconds });
    const rounds: Pair<number>[] = [];
    for (let round = 0; round < pace.rounds; round += 1) {
      rounds.push(await playRound(services, load, pace));
    }
    growths.push({
      kind,
      distinct,
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
  load: { readonly kind: LoadKind; readonly distinct: number },
  { seconds, settleMs }: Pace,
): Promise<Pair<number>> {
  const perSecond = async (service: ServiceUnderTest) => {
    const { perSecond } = await measure({ ...service, ...load, seconds });
    if (load.kind === "set" || load.kind === "churn") await wait(settleMs);
    return perSecond;
  };
  return { small: await perSecond(small), large: await perSecond(large) };
}
