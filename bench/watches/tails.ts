// What readers that hardly read do to the others: the same changes at the same pace in two services, one of which also
// has many readers of one byte a second on the path that changes. Both are measured at the same time, so that what the
// machine does meanwhile falls on both, and only once the service's list of watches says that the slow ones are behind.

import { send } from "../support/send.ts";
import { type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf, type Tail } from "../support/statistics.ts";
import { type WatchClient, withClients } from "./client-process.ts";

export interface Tails {
  readonly slowReaders: number;
  readonly rounds: readonly Round[];
  readonly delivery: TailComparison;
  readonly answer: TailComparison;
}

interface TailComparison {
  readonly besideP99Ms: Spread;
  readonly aloneP99Ms: Spread;
  /** p99 beside the slow readers by p99 without them, round by round. */
  readonly ratio: Spread;
}

interface Latencies {
  readonly delivery: Tail;
  readonly answer: Tail;
}

interface Round {
  readonly beside: Latencies;
  readonly alone: Latencies;
}

export interface TailsPace {
  readonly rounds: number;
  readonly streams: number;
  readonly slowReaders: number;
  readonly changes: number;
  readonly everyMs: number;
}

const path = "/slow";
const target = `/v1/znodes${path}`;
const dataBytes = 4096;
const fillingChanges = 100;
/** The system keeps a few megabytes for each reader. */
const fillingsMax = 60;

interface Side {
  readonly service: ServiceUnderTest;
  readonly client: WatchClient;
}

interface Sides {
  readonly beside: Side;
  readonly alone: Side;
}

export async function measureTails(directory: string, pace: TailsPace): Promise<Tails> {
  const setting = { directory, count: 0, settleMs: 0 };
  const rounds = await withService(setting, (besideService) =>
    withService(setting, (aloneService) =>
      withClients(3, async ([besideClient, aloneClient, slowClient]) => {
        const beside = { service: besideService, client: besideClient as WatchClient };
        const alone = { service: aloneService, client: aloneClient as WatchClient };
        const slow = { service: besideService, client: slowClient as WatchClient };
        return await playRounds({ beside, alone }, slow, pace);
      }),
    ),
  );
  return {
    slowReaders: pace.slowReaders,
    rounds,
    delivery: comparisonOf(rounds, ({ delivery }) => delivery),
    answer: comparisonOf(rounds, ({ answer }) => answer),
  };
}

async function playRounds(sides: Sides, slow: Side, pace: TailsPace): Promise<Round[]> {
  for (const { service, client } of [sides.beside, sides.alone]) {
    await send(service.baseUrl + target, { method: "POST" });
    await client.call("open", { baseUrl: service.baseUrl, count: pace.streams, path });
  }
  await slow.client.call("openSlow", { baseUrl: slow.service.baseUrl, count: pace.slowReaders, path });
  await fill(sides, pace.slowReaders);
  const rounds: Round[] = [];
  for (let round = 0; round < pace.rounds; round += 1) {
    const [beside, alone] = await Promise.all([
      latenciesOf(sides.beside, pace),
      latenciesOf(sides.alone, pace),
    ]);
    rounds.push({ beside, alone });
  }
  const stillSlow = await leftBehind(slow.service);
  if (stillSlow !== pace.slowReaders) throw new Error(`Only ${stillSlow} readers were slow all the time.`);
  return rounds;
}

/** Until nothing more goes to the slow ones. Both services get the same changes. */
async function fill({ beside, alone }: Sides, slowReaders: number): Promise<void> {
  const body = "x".repeat(dataBytes);
  for (let filling = 0; filling < fillingsMax; filling += 1) {
    if ((await leftBehind(beside.service)) === slowReaders) return;
    const fillings = [beside, alone].map(({ service, client }) =>
      client.call("fanOut", { url: service.baseUrl + target, body, changes: fillingChanges }),
    );
    await Promise.all(fillings);
  }
  throw new Error("The slow readers' buffers never filled.");
}

async function leftBehind({ baseUrl }: ServiceUnderTest): Promise<number> {
  const text = await send(`${baseUrl}/v1/admin/watches?limit=10000`, { method: "GET" });
  const { watches } = JSON.parse(text) as { readonly watches: readonly { readonly state: string }[] };
  return watches.filter(({ state }) => state === "catching_up").length;
}

function latenciesOf({ service, client }: Side, { changes, everyMs }: TailsPace): Promise<Latencies> {
  return client.call("pace", { url: service.baseUrl + target, dataBytes, changes, everyMs });
}

function comparisonOf(rounds: readonly Round[], tail: (latencies: Latencies) => Tail): TailComparison {
  return {
    besideP99Ms: spreadOf(rounds.map(({ beside }) => tail(beside).p99Ms)),
    aloneP99Ms: spreadOf(rounds.map(({ alone }) => tail(alone).p99Ms)),
    ratio: spreadOf(rounds.map(({ beside, alone }) => tail(beside).p99Ms / tail(alone).p99Ms)),
  };
}
