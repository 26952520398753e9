// What authorisation costs a request: two services with the same load in turn, one with access control and a thousand
// policies, one without. The requests are the same, with the header that says who asks. It takes two, since access control cannot be turned off again; and several pairs, since two processes
// of one service differ by more than what is looked for. Turns are short and in changing order, so that what the machine does
// meanwhile falls on both.

import type { ServiceUnderTest } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import {
  ask,
  type RequestKind,
  type Requests,
  requestKinds,
  withTwoServices,
} from "../support/two-services.ts";
import { layPolicies, requestParent } from "./policies.ts";

export interface AuthorisedRequests {
  readonly kind: RequestKind;
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
  /** The middle of each pair's rounds: how far processes differ. */
  readonly loopRatioByPair: readonly number[];
}

interface Round {
  readonly guarded: Requests;
  readonly open: Requests;
}

export interface RequestsPace {
  readonly policies: number;
  /** Of services, each begun anew. */
  readonly pairs: number;
  readonly roundsPerPair: number;
  /** Of one turn. */
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
  const pairs: Record<RequestKind, Round[]>[] = [];
  const settingOf = (name: SideName) => ({
    ...{ directory, count: 1000, settleMs: pace.settleMs, parent: requestParent },
    hasAccessControl: name === "guarded",
  });
  const play = async (services: Readonly<Record<SideName, ServiceUnderTest>>, order: readonly SideName[]) => {
    const { asker } = await layPolicies(services.guarded, pace.policies);
    const sides = {
      guarded: { service: services.guarded, headers: asker },
      open: { service: services.open, headers: asker },
    };
    pairs.push(await playPair(sides, order, pace));
  };
  await withTwoServices(sideNames, settingOf, play, pace.pairs);
  return requestKinds.map((kind) =>
    resultOf(
      kind,
      pace.policies,
      pairs.map((pair) => pair[kind]),
    ),
  );
}

async function playPair(
  sides: Sides,
  order: readonly SideName[],
  pace: RequestsPace,
): Promise<Record<RequestKind, Round[]>> {
  const rounds: Record<RequestKind, Round[]> = { get: [], set: [] };
  if (pace.warmUpSeconds > 0) {
    const warmUp = { ...pace, seconds: pace.warmUpSeconds };
    for (const kind of requestKinds) await playRound(sides, order, kind, warmUp);
  }
  for (let round = 0; round < pace.roundsPerPair; round += 1) {
    const turns = round % 2 === 0 ? order : order.toReversed();
    for (const kind of requestKinds) rounds[kind].push(await playRound(sides, turns, kind, pace));
  }
  return rounds;
}

async function playRound(
  sides: Sides,
  order: readonly SideName[],
  kind: RequestKind,
  { seconds, settleMs }: RequestsPace,
): Promise<Round> {
  const measured: Partial<Record<SideName, Requests>> = {};
  for (const name of order) {
    const { service, headers } = sides[name];
    measured[name] = await ask(service, { kind, seconds, settleMs, headers });
  }
  return measured as Round;
}

function resultOf(
  kind: RequestKind,
  policies: number,
  pairs: readonly (readonly Round[])[],
): AuthorisedRequests {
  const rounds = pairs.flat();
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
    loopRatio: spread(loopRatioOf),
    loopRatioByPair: pairs.map((pair) => spreadOf(pair.map(loopRatioOf)).median),
  };
}

function loopRatioOf({ guarded, open }: Round): number {
  return guarded.loopMicroseconds / open.loopMicroseconds;
}
