// How fast one change reaches all who watch its path, beside a bare server that writes the same bytes to as many: some
// changes by the one, as many by the other, round after round. Only the ratio within one round counts.

import { eventLoopMs } from "../support/process-figures.ts";
import { send } from "../support/send.ts";
import { type ServerProcess, startBareWatchServer } from "../support/server-process.ts";
import { withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { type WatchClient, withClients } from "./client-process.ts";

export interface FanOut {
  readonly streams: number;
  readonly rounds: readonly Round[];
  readonly barePerSecond: Spread;
  readonly servicePerSecond: Spread;
  /** The service's deliveries by the bare server's, round by round. */
  readonly ratio: Spread;
  readonly bareLoopMicroseconds: Spread;
  readonly serviceLoopMicroseconds: Spread;
}

interface Round {
  readonly bare: Fanned;
  readonly service: Fanned;
}

interface Fanned {
  /** Deliveries, from when a change is sent until the last stream has all of its message. */
  readonly perSecond: number;
  /** Processor time of the server's event loop for one delivery, whoever else wants the processor. */
  readonly loopMicroseconds: number;
  readonly bytesPerMessage: number;
}

export interface FanOutPace {
  readonly rounds: number;
  /** For each number of streams, in rising order. */
  readonly sizes: readonly { readonly streams: number; readonly changes: number }[];
}

const path = "/fan";
const body = "0123456789".repeat(10);
const target = `/v1/znodes${path}`;
/** Nothing but changes is to be sent. */
const parameters = "&heartbeatMs=3600000&bookmarkMs=3600000";

/** A server, and the process that holds streams of it. */
interface Side {
  readonly server: Pick<ServerProcess, "baseUrl" | "pid">;
  readonly client: WatchClient;
}

interface Sides {
  readonly bare: Side;
  readonly service: Side;
}

export async function measureFanOut(directory: string, pace: FanOutPace): Promise<FanOut[]> {
  const bare = await startBareWatchServer();
  try {
    return await withService({ directory, count: 0, settleMs: 0 }, (service) =>
      withClients(2, async ([bareClient, serviceClient]) => {
        await send(service.baseUrl + target, { method: "POST", body });
        const sides = {
          bare: { server: bare, client: bareClient as WatchClient },
          service: { server: service, client: serviceClient as WatchClient },
        };
        return await measureSizes(sides, pace);
      }),
    );
  } finally {
    await bare.stop();
  }
}

async function measureSizes(sides: Sides, { sizes, rounds: roundCount }: FanOutPace): Promise<FanOut[]> {
  const fanOuts: FanOut[] = [];
  let open = 0;
  for (const { streams, changes } of sizes) {
    for (const { server, client } of [sides.bare, sides.service]) {
      await client.call("open", { baseUrl: server.baseUrl, count: streams - open, path, parameters });
    }
    open = streams;
    const rounds: Round[] = [];
    await playRound(sides, streams, changes);
    for (let round = 0; round < roundCount; round += 1) rounds.push(await playRound(sides, streams, changes));
    fanOuts.push(fanOutOf(streams, rounds));
  }
  return fanOuts;
}

async function playRound({ bare, service }: Sides, streams: number, changes: number): Promise<Round> {
  const bareFanned = await fanOut(bare, streams, changes);
  const serviceFanned = await fanOut(service, streams, changes);
  const { bytesPerMessage } = serviceFanned;
  if (bytesPerMessage !== bareFanned.bytesPerMessage) {
    throw new Error(
      `The bare server wrote ${bareFanned.bytesPerMessage} bytes, the service ${bytesPerMessage}.`,
    );
  }
  return { bare: bareFanned, service: serviceFanned };
}

async function fanOut({ server, client }: Side, streams: number, changes: number): Promise<Fanned> {
  const { baseUrl, pid } = server;
  const beforeMs = eventLoopMs(pid);
  const { ms, bytesPerMessage } = await client.call("fanOut", { url: baseUrl + target, body, changes });
  const afterMs = eventLoopMs(pid);
  const totalMs = ms.reduce((sum, each) => sum + each);
  const deliveries = streams * changes;
  return {
    perSecond: (deliveries / totalMs) * 1000,
    loopMicroseconds: ((afterMs - beforeMs) / deliveries) * 1000,
    bytesPerMessage,
  };
}

function fanOutOf(streams: number, rounds: readonly Round[]): FanOut {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    streams,
    rounds,
    barePerSecond: spread(({ bare }) => bare.perSecond),
    servicePerSecond: spread(({ service }) => service.perSecond),
    ratio: spread(({ bare, service }) => service.perSecond / bare.perSecond),
    bareLoopMicroseconds: spread(({ bare }) => bare.loopMicroseconds),
    serviceLoopMicroseconds: spread(({ service }) => service.loopMicroseconds),
  };
}
