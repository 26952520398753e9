// What authorisation costs a request: two services with the same load in turn, one with access control and a thousand
// policies, one without. Halfway there are two new ones, begun and asked in the other order, so that neither the process
// nor its turn makes the difference: access control cannot be turned off again.

import { setTimeout as wait } from "node:timers/promises";
import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { layPolicies, requestParent } from "./policies.ts";

export interface AuthorisedRequests {
  readonly kind: Kind;
  readonly policies: number;
  readonly rounds: readonly Round[];
  readonly guardedPerSecond: Spread;
  readonly openPerSecond: Spread;
  /** Requests with access control by requests without, round by round. */
  readonly perSecondRatio: Spread;
  readonly guardedLoopMicroseconds: Spread;
  readonly openLoopMicroseconds: Spread;
  /** Time of the event loop with access control by that without, round by round. */
  readonly loopRatio: Spread;
}

const kinds = ["get", "set"] as const;
type Kind = (typeof kinds)[number];

interface Round {
  readonly guarded: Requests;
  readonly open: Requests;
}

interface Requests {
  readonly perSecond: number;
  /** Processor time of the service's event loop by the requests it answered, whoever else wanted the processor. */
  readonly loopMicroseconds: number;
}

export interface RequestsPace {
  readonly policies: number;
  readonly roundsPerHalf: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly settleMs: number;
}

/** A service, and what is sent with each request to it. */
interface Side {
  readonly service: ServiceUnderTest;
  readonly headers: Readonly<Record<string, string>>;
}

const sideNames = ["guarded", "open"] as const;
type SideName = (typeof sideNames)[number];
type Sides = Readonly<Record<SideName, Side>>;

export async function measureRequests(directory: string, pace: RequestsPace): Promise<AuthorisedRequests[]> {
  const rounds: Record<Kind, Round[]> = { get: [], set: [] };
  for (const order of [sideNames, sideNames.toReversed()]) await playHalf(directory, order, pace, rounds);
  return kinds.map((kind) => resultOf(kind, pace.policies, rounds[kind]));
}

async function playHalf(
  directory: string,
  order: readonly SideName[],
  pace: RequestsPace,
  rounds: Record<Kind, Round[]>,
): Promise<void> {
  const settingOf = (name: SideName) => ({
    ...{ directory, count: 1000, settleMs: pace.settleMs, parent: requestParent },
    hasAccessControl: name === "guarded",
  });
  const [first, second] = order as [SideName, SideName];
  await withService(settingOf(first), (one) =>
    withService(settingOf(second), async (other) => {
      const services = { [first]: one, [second]: other } as Record<SideName, ServiceUnderTest>;
      const { asker } = await layPolicies(services.guarded, pace.policies);
      const sides = {
        guarded: { service: services.guarded, headers: asker },
        open: { service: services.open, headers: {} },
      };
      if (pace.warmUpSeconds > 0) {
        const warmUp = { ...pace, seconds: pace.warmUpSeconds };
        for (const kind of kinds) await playRound(sides, order, kind, warmUp);
      }
      for (let round = 0; round < pace.roundsPerHalf; round += 1)
        for (const kind of kinds) rounds[kind].push(await playRound(sides, order, kind, pace));
    }),
  );
}

async function playRound(
  sides: Sides,
  order: readonly SideName[],
  kind: Kind,
  pace: RequestsPace,
): Promise<Round> {
  const measured: Partial<Record<SideName, Requests>> = {};
  for (const name of order) measured[name] = await request(sides[name], kind, pace);
  return measured as Round;
}

async function request({ service, headers }: Side, kind: Kind, pace: RequestsPace): Promise<Requests> {
  const { seconds, settleMs } = pace;
  const beforeMs = eventLoopMs(service.pid);
  const { perSecond, requests } = await measure({ ...service, kind, seconds, headers });
  const afterMs = eventLoopMs(service.pid);
  // What the one still has to tidy up must not burden the other.
  await wait(settleMs);
  return { perSecond, loopMicroseconds: ((afterMs - beforeMs) / requests) * 1000 };
}

function resultOf(kind: Kind, policies: number, rounds: readonly Round[]): AuthorisedRequests {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    kind,
    policies,
    rounds,
    guardedPerSecond: spread(({ guarded }) => guarded.perSecond),
    openPerSecond: spread(({ open }) => open.perSecond),
    perSecondRatio: spread(({ guarded, open }) => guarded.perSecond / open.perSecond),
    guardedLoopMicroseconds: spread(({ guarded }) => guarded.loopMicroseconds),
    openLoopMicroseconds: spread(({ open }) => open.loopMicroseconds),
    loopRatio: spread(({ guarded, open }) => guarded.loopMicroseconds / open.loopMicroseconds),
  };
}
