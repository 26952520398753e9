// How many locks a second are taken and let go where nobody else wants them: each client has a lock of its own.

import { type LockClient, withLockClients } from "./client.ts";
import { type Kazoo, kazooPairs } from "./kazoo.ts";
import { inTurn, type Rounds } from "./rounds.ts";
import type { Contestant } from "./servers.ts";

export interface PairsPace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly clients: readonly number[];
}

export interface Pairs {
  readonly clients: number;
  /** Acquires with their release, a second. */
  readonly perSecond: Rounds;
}

const sessionTimeoutMs = 60_000;

export async function measurePairs(
  contestants: readonly (Contestant | Kazoo)[],
  pace: PairsPace,
): Promise<Pairs[]> {
  const sizes = pace.warmUpSeconds > 0 ? [Math.max(...pace.clients)] : [];
  for (const clients of sizes) await inTurn(1, contestants, play(clients, pace.warmUpSeconds));
  const pairs: Pairs[] = [];
  for (const clients of pace.clients) {
    const perSecond = await inTurn(pace.rounds, contestants, play(clients, pace.seconds));
    pairs.push({ clients, perSecond });
  }
  return pairs;
}

function play(count: number, seconds: number) {
  return (contestant: Contestant | Kazoo) =>
    contestant.kind === "kazoo"
      ? kazooPairs(contestant.port, count, seconds)
      : pairsPerSecond(contestant, count, seconds);
}

function pairsPerSecond({ kind, port }: Contestant, count: number, seconds: number): Promise<number> {
  return withLockClients(kind, { port, sessionTimeoutMs, count }, async (clients) => {
    // The first acquire makes the lock.
    await Promise.all(clients.map((client, index) => pair(client, index)));
    const startedMs = performance.now();
    const untilMs = startedMs + seconds * 1000;
    const done = await Promise.all(clients.map((client, index) => pairsUntil(untilMs, client, index)));
    const total = done.reduce((sum, value) => sum + value, 0);
    return total / ((performance.now() - startedMs) / 1000);
  });
}

async function pairsUntil(untilMs: number, client: LockClient, index: number): Promise<number> {
  let done = 0;
  while (performance.now() < untilMs) {
    await pair(client, index);
    done += 1;
  }
  return done;
}

async function pair(client: LockClient, index: number): Promise<void> {
  await client.acquire(`own-${index}`);
  await client.release();
}
