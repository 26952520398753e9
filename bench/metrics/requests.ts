// What a request takes of the event loop of a service that counts, and of one that does not, with the same load in turn; and
// what a scrape takes.

import { eventLoopMs } from "../support/process-figures.ts";
import type { ServiceUnderTest } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { ask, type RequestKind, requestKinds, withTwoServices } from "../support/two-services.ts";

export interface RequestsPace {
  readonly roundsPerHalf: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly settleMs: number;
  readonly scrapes: number;
}

interface CountedRequests {
  readonly kind: RequestKind;
  /** Processor time of the event loop by the requests it answered. */
  readonly countingMicroseconds: Spread;
  readonly bareMicroseconds: Spread;
  /** One by the other, round by round. */
  readonly ratio: Spread;
}

export interface Counted {
  readonly requests: readonly CountedRequests[];
  readonly scrapeMs: Spread;
}

const sideNames = ["counting", "bare"] as const;
type SideName = (typeof sideNames)[number];
type Round = Readonly<Record<SideName, number>>;

const withoutCounting = new URL("./without-counting.ts", import.meta.url);

export async function measureRequests(directory: string, pace: RequestsPace): Promise<Counted> {
  const rounds: Record<RequestKind, Round[]> = { get: [], set: [] };
  const scrapesMs: number[] = [];
  const settingOf = (name: SideName) => ({
    ...{ directory, count: 1000, settleMs: pace.settleMs },
    imports: name === "bare" ? [withoutCounting] : [],
  });
  await withTwoServices(sideNames, settingOf, async (services, order) => {
    const play = (kind: RequestKind, seconds: number) =>
      playRound(services, order, kind, { ...pace, seconds });
    if (pace.warmUpSeconds > 0) for (const kind of requestKinds) await play(kind, pace.warmUpSeconds);
    for (let round = 0; round < pace.roundsPerHalf; round += 1)
      for (const kind of requestKinds) rounds[kind].push(await play(kind, pace.seconds));
    scrapesMs.push(...(await scrape(services.counting, pace.scrapes)));
  });
  return {
    requests: requestKinds.map((kind) => resultOf(kind, rounds[kind])),
    scrapeMs: spreadOf(scrapesMs),
  };
}

async function playRound(
  services: Readonly<Record<SideName, ServiceUnderTest>>,
  order: readonly SideName[],
  kind: RequestKind,
  { seconds, settleMs }: RequestsPace,
): Promise<Round> {
  const measured: Partial<Record<SideName, number>> = {};
  for (const name of order)
    measured[name] = (await ask(services[name], { kind, seconds, settleMs })).loopMicroseconds;
  return measured as Round;
}

async function scrape({ baseUrl, pid }: ServiceUnderTest, times: number): Promise<number[]> {
  const took: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const beforeMs = eventLoopMs(pid);
    await (await fetch(`${baseUrl}/metrics`)).text();
    took.push(eventLoopMs(pid) - beforeMs);
  }
  return took;
}

function resultOf(kind: RequestKind, rounds: readonly Round[]): CountedRequests {
  return {
    kind,
    countingMicroseconds: spreadOf(rounds.map(({ counting }) => counting)),
    bareMicroseconds: spreadOf(rounds.map(({ bare }) => bare)),
    ratio: spreadOf(rounds.map(({ counting, bare }) => counting / bare)),
  };
}
