// How fast one change reaches streams of ten different policies, beside as many streams of a service without access
// control: some changes by the one, as many by the other, round after round. Only the ratio within one round counts.

import { eventLoopMs } from "../support/process-figures.ts";
import { send } from "../support/send.ts";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { type WatchClient, withClients } from "../watches/client-process.ts";
import { fanOutPath, layPolicies, requestParent } from "./policies.ts";

export interface AuthorisedFanOut {
  readonly streams: number;
  readonly policies: number;
  readonly rounds: readonly Round[];
  readonly guardedMs: Spread;
  readonly openMs: Spread;
  /** Rate of deliveries with access control by that without, round by round. */
  readonly ratio: Spread;
  readonly guardedLoopMs: Spread;
  readonly openLoopMs: Spread;
  /** Deliveries that the event loop does in as much of its time, with access control by without. */
  readonly loopRatio: Spread;
}

interface Round {
  readonly guarded: Fanned;
  readonly open: Fanned;
}

interface Fanned {
  /** From when a change is sent until the last stream has all of its message; the mean of the changes. */
  readonly ms: number;
  /** Processor time of the service's event loop for one change, whoever else wants the processor. */
  readonly loopMs: number;
}

export interface FanOutPace {
  readonly policies: number;
  readonly streams: number;
  readonly changes: number;
  readonly rounds: number;
}

/** A service, the process that holds its streams, and what is sent with a change. */
interface Side {
  readonly service: ServiceUnderTest;
  readonly client: WatchClient;
  readonly writer: Readonly<Record<string, string>>;
}

const target = `/v1/znodes${fanOutPath}`;
const body = "0123456789".repeat(10);
/** Nothing but changes is to be sent. */
const parameters = "&heartbeatMs=3600000&bookmarkMs=3600000";
const nobody = {};

export function measureFanOut(directory: string, pace: FanOutPace): Promise<AuthorisedFanOut> {
  const setting = { directory, count: 0, settleMs: 0, parent: requestParent };
  return withService({ ...setting, hasAccessControl: true }, (guarded) =>
    withService(setting, (open) =>
      withClients(2, async ([guardedClient, openClient]) => {
        for (const { baseUrl, admin } of [guarded, open])
          await send(baseUrl + target, { method: "POST", body, headers: admin });
        const { asker, readers } = await layPolicies(guarded, pace.policies);
        const sides = {
          guarded: { service: guarded, client: guardedClient as WatchClient, writer: asker },
          open: { service: open, client: openClient as WatchClient, writer: nobody },
        };
        await openStreams(sides.guarded, readers, pace.streams);
        await openStreams(sides.open, [nobody], pace.streams);
        return resultOf(pace, await play(sides, pace));
      }),
    ),
  );
}

/** As many for each reader. */
async function openStreams(
  { service, client }: Side,
  readers: readonly Readonly<Record<string, string>>[],
  streams: number,
): Promise<void> {
  for (const reader of readers) {
    const headers = Object.entries(reader).map(([name, value]) => `${name}: ${value}\r\n`);
    await client.call("open", {
      baseUrl: service.baseUrl,
      count: streams / readers.length,
      path: fanOutPath,
      parameters,
      headers: headers.join(""),
    });
  }
}

/** The first round is not counted. */
async function play(sides: Readonly<Record<keyof Round, Side>>, pace: FanOutPace): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round <= pace.rounds; round += 1) {
    const isGuardedFirst = round % 2 === 0;
    const early = isGuardedFirst ? await fanOut(sides.guarded, pace.changes) : null;
    const open = await fanOut(sides.open, pace.changes);
    rounds.push({ guarded: early ?? (await fanOut(sides.guarded, pace.changes)), open });
  }
  return rounds.slice(1);
}

async function fanOut({ service, client, writer }: Side, changes: number): Promise<Fanned> {
  const { baseUrl, pid } = service;
  const beforeMs = eventLoopMs(pid);
  const { ms } = await client.call("fanOut", { url: baseUrl + target, body, headers: writer, changes });
  const afterMs = eventLoopMs(pid);
  return { ms: ms.reduce((sum, each) => sum + each) / changes, loopMs: (afterMs - beforeMs) / changes };
}

function resultOf({ streams, policies }: FanOutPace, rounds: readonly Round[]): AuthorisedFanOut {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    streams,
    policies,
    rounds,
    guardedMs: spread(({ guarded }) => guarded.ms),
    openMs: spread(({ open }) => open.ms),
    ratio: spread(({ guarded, open }) => open.ms / guarded.ms),
    guardedLoopMs: spread(({ guarded }) => guarded.loopMs),
    openLoopMs: spread(({ open }) => open.loopMs),
    loopRatio: spread(({ guarded, open }) => open.loopMs / guarded.loopMs),
  };
}
