// What a request takes of the event loop of a service that counts, and of one that does not, with the same load in turn; and
// what a scrape takes. Halfway there are two new ones, asked in the other order, as in the benchmark of access control.

import { setTimeout as wait } from "node:timers/promises";
import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";

export interface RequestsPace {
  readonly roundsPerHalf: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly settleMs: number;
  readonly scrapes: number;
}

const kinds = ["get", "set"] as const;
type Kind = (typeof kinds)[number];

interface CountedRequests {
  readonly kind: Kind;
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
  const rounds: Record<Kind, Round[]> = { get: [], set: [] };
  const scrapesMs: number[] = [];
  for (const order of [sideNames, sideNames.toReversed()]) {
    const settingOf = (name: SideName) => ({
      ...{ directory, count: 1000, settleMs: pace.settleMs },
      imports: name === "bare" ? [withoutCounting] : [],
    });
    const [first, second] = order as [SideName, SideName];
    await withService(settingOf(first), (one) =>
      withService(settingOf(second), async (other) => {
        const services = { [first]: one, [second]: other } as Record<SideName, ServiceUnderTest>;
        const play = (kind: Kind, seconds: number) => playRound(services, order, kind, { ...pace, seconds });
        if (pace.warmUpSeconds > 0) for (const kind of kinds) await play(kind, pace.warmUpSeconds);
        for (let round = 0; round < pace.roundsPerHalf; round += 1)
          for (const kind of kinds) rounds[kind].push(await play(kind, pace.seconds));
        scrapesMs.push(...(await scrape(services.counting, pace.scrapes)));
      }),
    );
  }
  return { requests: kinds.map((kind) => resultOf(kind, rounds[kind])), scrapeMs: spreadOf(scrapesMs) };
}

async function playRound(
  services: Readonly<Record<SideName, ServiceUnderTest>>,
  order: readonly SideName[],
  kind: Kind,
  { seconds, settleMs }: RequestsPace,
): Promise<Round> {
  const measured: Partial<Record<SideName, number>> = {};
  for (const name of order) {
    const service = services[name];
    const beforeMs = eventLoopMs(service.pid);
    const { requests } = await measure({ ...service, kind, seconds });
    measured[name] = ((eventLoopMs(service.pid) - beforeMs) / requests) * 1000;
    // What the one still has to tidy up must not burden the other.
    await wait(settleMs);
  }
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

function resultOf(kind: Kind, rounds: readonly Round[]): CountedRequests {
  return {
    kind,
    countingMicroseconds: spreadOf(rounds.map(({ counting }) => counting)),
    bareMicroseconds: spreadOf(rounds.map(({ bare }) => bare)),
    ratio: spreadOf(rounds.map(({ counting, bare }) => counting / bare)),
  };
}
