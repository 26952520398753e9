// The service beside a bare Fastify server: the same load on one and then on the other, round after round, so that
// what the machine does meanwhile falls on both. Only the ratio within one round counts.

import { setTimeout as wait } from "node:timers/promises";
import type { ServerProcess } from "../support/server-process.ts";
import type { ServiceUnderTest } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { CheckpointObserver } from "./checkpoint-observer.ts";
import { zxidOf } from "./populate.ts";
import { type LoadKind, type Measurement, measure } from "./wrk.ts";

interface Round {
  readonly bare: Measurement;
  readonly service: Measurement;
  /** Checkpoints seen during the service's part. */
  readonly checkpoints: number;
}

export interface Comparison {
  readonly kind: "set" | "get";
  readonly rounds: readonly Round[];
  readonly barePerSecond: Spread;
  readonly servicePerSecond: Spread;
  /** The service's throughput by the bare server's, round by round. */
  readonly ratio: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** p99 by p50 of the service, round by round. */
  readonly tail: Spread;
  readonly checkpoints: number;
}

export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Between measurements; to be of use, longer than an idle store waits before it empties its write-ahead log. */
  readonly settleMs: number;
}

export interface Contestants {
  readonly bare: ServerProcess;
  readonly service: ServiceUnderTest;
}

export async function compare(contestants: Contestants, pace: Pace): Promise<Comparison[]> {
  const rounds: Record<"set" | "get", Round[]> = { set: [], get: [] };
  if (pace.warmUpSeconds > 0) {
    const warmUp = { ...pace, seconds: pace.warmUpSeconds };
    for (const kind of ["set", "get"] as const) await playRound(contestants, kind, warmUp);
  }
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const kind of ["set", "get"] as const) {
      rounds[kind].push(await playRound(contestants, kind, pace));
    }
  }
  return [comparisonOf("set", rounds.set), comparisonOf("get", rounds.get)];
}

async function playRound(
  { bare, service }: Contestants,
  kind: "set" | "get",
  { seconds, settleMs }: Pace,
): Promise<Round> {
  const load = { kind: kind satisfies LoadKind, parent: service.parent, count: service.count, seconds };
  const bareMeasurement = await measure({ ...load, baseUrl: bare.baseUrl });
  const observer = new CheckpointObserver(service.databaseFile);
  const before = await zxidOf(service.baseUrl);
  const serviceMeasurement = await measure({ ...load, baseUrl: service.baseUrl });
  const checkpoints = observer.stop();
  const transactions = (await zxidOf(service.baseUrl)) - before;
  if (kind === "set" && transactions < serviceMeasurement.requests) {
    throw new Error(`${serviceMeasurement.requests} sets were answered, but only ${transactions} were done.`);
  }
  // What the service still has to tidy up must not burden the bare server.
  await wait(settleMs);
  return { bare: bareMeasurement, service: serviceMeasurement, checkpoints };
}

function comparisonOf(kind: "set" | "get", rounds: readonly Round[]): Comparison {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    kind,
    rounds,
    barePerSecond: spread(({ bare }) => bare.perSecond),
    servicePerSecond: spread(({ service }) => service.perSecond),
    ratio: spread(({ bare, service }) => service.perSecond / bare.perSecond),
    p50Ms: spread(({ service }) => service.p50Ms),
    p99Ms: spread(({ service }) => service.p99Ms),
    tail: spread(({ service }) => service.p99Ms / service.p50Ms),
    checkpoints: rounds.reduce((sum, { checkpoints }) => sum + checkpoints, 0),
  };
}
