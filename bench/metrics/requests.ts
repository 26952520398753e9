// What a request takes of the event loop of a running service, which counts all the while, and what a scrape takes.

import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import { withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";

export interface RequestsPace {
  readonly rounds: number;
  readonly seconds: number;
  readonly settleMs: number;
  readonly scrapes: number;
}

export interface CountedRequests {
  /** Processor time of the event loop by the requests it answered. */
  readonly getMicroseconds: Spread;
  readonly putMicroseconds: Spread;
  readonly scrapeMs: Spread;
}

export async function measureRequests(directory: string, pace: RequestsPace): Promise<CountedRequests> {
  const setting = { directory, count: 1000, settleMs: pace.settleMs };
  return await withService(setting, async (service) => {
    const took = { get: [] as number[], set: [] as number[], scrape: [] as number[] };
    for (let round = 0; round <= pace.rounds; round += 1) {
      for (const kind of ["get", "set"] as const) {
        const beforeMs = eventLoopMs(service.pid);
        const { requests } = await measure({ ...service, kind, seconds: pace.seconds });
        const microseconds = ((eventLoopMs(service.pid) - beforeMs) / requests) * 1000;
        // The first shows the service its work.
        if (round > 0) took[kind].push(microseconds);
      }
    }
    for (let count = 0; count < pace.scrapes; count += 1) {
      const beforeMs = eventLoopMs(service.pid);
      await (await fetch(`${service.baseUrl}/metrics`)).text();
      took.scrape.push(eventLoopMs(service.pid) - beforeMs);
    }
    return {
      getMicroseconds: spreadOf(took.get),
      putMicroseconds: spreadOf(took.set),
      scrapeMs: spreadOf(took.scrape),
    };
  });
}
