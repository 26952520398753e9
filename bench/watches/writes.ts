// Whether streams slow down writes that none of them watches: two services with the same load in turn, one of which
// has many streams on other paths. Halfway they change places, so that it is not the process that makes the difference.

import { setTimeout as wait } from "node:timers/promises";
import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { withClients } from "./client-process.ts";

export interface WatchedWrites {
  readonly streams: number;
  readonly rounds: readonly Round[];
  readonly watchedPerSecond: Spread;
  readonly unwatchedPerSecond: Spread;
  /** Writes beside the streams by writes without them, round by round. */
  readonly ratio: Spread;
  readonly watchedLoopMicroseconds: Spread;
  readonly unwatchedLoopMicroseconds: Spread;
}

interface Round {
  readonly watched: Writes;
  readonly unwatched: Writes;
}

interface Writes {
  readonly perSecond: number;
  /** Processor time of the service's event loop by the writes it did, whoever else wanted the processor. */
  readonly loopMicroseconds: number;
}

export interface WritesPace {
  readonly streams: number;
  readonly roundsPerHalf: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly settleMs: number;
}

export async function measureWrites(directory: string, pace: WritesPace): Promise<WatchedWrites> {
  const setting = { directory, count: 1000, settleMs: pace.settleMs };
  const rounds = await withService(setting, (one) =>
    withService(setting, async (other) => {
      if (pace.warmUpSeconds > 0) {
        await playRound({ watched: one, unwatched: other }, { ...pace, seconds: pace.warmUpSeconds });
      }
      const firstHalf = await playHalf({ watched: one, unwatched: other }, pace);
      const secondHalf = await playHalf({ watched: other, unwatched: one }, pace);
      return [...firstHalf, ...secondHalf];
    }),
  );
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    streams: pace.streams,
    rounds,
    watchedPerSecond: spread(({ watched }) => watched.perSecond),
    unwatchedPerSecond: spread(({ unwatched }) => unwatched.perSecond),
    ratio: spread(({ watched, unwatched }) => watched.perSecond / unwatched.perSecond),
    watchedLoopMicroseconds: spread(({ watched }) => watched.loopMicroseconds),
    unwatchedLoopMicroseconds: spread(({ unwatched }) => unwatched.loopMicroseconds),
  };
}

interface Services {
  readonly watched: ServiceUnderTest;
  readonly unwatched: ServiceUnderTest;
}

function playHalf(services: Services, pace: WritesPace): Promise<Round[]> {
  return withClients(1, async ([client]) => {
    const { baseUrl } = services.watched;
    await client?.call("open", { baseUrl, count: pace.streams, path: "/elsewhere", eachOwn: true });
    await wait(pace.settleMs);
    const rounds: Round[] = [];
    for (let round = 0; round < pace.roundsPerHalf; round += 1) rounds.push(await playRound(services, pace));
    return rounds;
  });
}

async function playRound({ watched, unwatched }: Services, pace: WritesPace): Promise<Round> {
  return { watched: await write(watched, pace), unwatched: await write(unwatched, pace) };
}

async function write(service: ServiceUnderTest, { seconds, settleMs }: WritesPace): Promise<Writes> {
  const beforeMs = eventLoopMs(service.pid);
  const { perSecond, requests } = await measure({ ...service, kind: "set", seconds });
  const afterMs = eventLoopMs(service.pid);
  // What the one still has to tidy up must not burden the other.
  await wait(settleMs);
  return { perSecond, loopMicroseconds: ((afterMs - beforeMs) / requests) * 1000 };
}
