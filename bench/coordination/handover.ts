// How long it takes until the next in line knows that it holds: many wait for one lock, and each lets go as soon as it
// has it. And how many hear of a release at all.

import { setTimeout as wait } from "node:timers/promises";
import { tailOf } from "../support/statistics.ts";
import { type LockClient, withLockClients } from "./client.ts";
import { type Kazoo, kazooHandover } from "./kazoo.ts";
import { inTurn, type Rounds } from "./rounds.ts";
import type { Contestant } from "./servers.ts";

export interface HandoverPace {
  readonly rounds: number;
  readonly waiters: readonly number[];
}

interface Handover {
  /** From when a release is sent until the next holder knows, in the middle and for the slowest of a hundred. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the first release until the last in line knows. */
  readonly chainMs: number;
  /** Of the waiters, those who were sent anything after one release; where that can be seen. */
  readonly told?: number;
}

export interface Handovers {
  readonly waiters: number;
  readonly rounds: Rounds<Handover>;
}

const sessionTimeoutMs = 60_000;
/** For whoever else might hear of a release. */
const quietMs = 200;

export async function measureHandovers(
  contestants: readonly (Contestant | Kazoo)[],
  pace: HandoverPace,
): Promise<Handovers[]> {
  const handovers: Handovers[] = [];
  for (const waiters of pace.waiters) {
    const rounds = await inTurn<Contestant | Kazoo, Handover>(pace.rounds, contestants, (contestant, round) =>
      play(contestant, waiters, `queue-${waiters}-${round}`),
    );
    handovers.push({ waiters, rounds });
  }
  return handovers;
}

function play(contestant: Contestant | Kazoo, waiters: number, lock: string): Promise<Handover> {
  const { kind, port } = contestant;
  if (kind === "kazoo") return kazooHandover(port, waiters, `kazoo-${lock}`);
  return withLockClients(kind, { port, sessionTimeoutMs, count: waiters + 2 }, (clients) =>
    playRound(clients, lock),
  );
}

/** The first two clients are there for the one release that is looked at closely; then all others follow. */
async function playRound(
  [first, second, ...waiters]: readonly LockClient[],
  lock: string,
): Promise<Handover> {
  if (first === undefined || second === undefined) throw new Error("A handover takes two.");
  await first.acquire(lock);
  const secondHolds = second.acquire(lock);
  await inLine(first, lock, 2);
  const chain = new Chain();
  const ended = Promise.all(waiters.map((waiter) => chain.takeAndPassOn(waiter, lock)));
  // A failure is heard of below, after whatever else failed.
  ended.catch(() => {});
  await inLine(first, lock, waiters.length + 2);
  await untilQuiet(waiters);
  const before = waiters.map(({ received }) => received);
  await Promise.all([first.release(), secondHolds]);
  await wait(quietMs);
  const others = waiters.filter(({ received }, index) => received !== before[index]).length;
  chain.begin();
  await second.release();
  await ended;
  return { ...chain.result(waiters.length), told: others + 1 };
}

async function inLine(client: LockClient, lock: string, count: number): Promise<void> {
  while ((await client.contenders(lock)) < count) await wait(5);
}

/** Whoever stands in line may still have to say what it waits for. */
async function untilQuiet(clients: readonly LockClient[]): Promise<void> {
  const receivedOf = () => clients.reduce((sum, { received }) => sum + received, 0);
  let before = -1;
  while (receivedOf() !== before) {
    before = receivedOf();
    await wait(quietMs);
  }
}

class Chain {
  readonly #takenMs: number[] = [];
  #startedMs = 0;
  #releasedMs = 0;
  #endedMs = 0;

  begin(): void {
    this.#startedMs = performance.now();
    this.#releasedMs = this.#startedMs;
  }

  async takeAndPassOn(client: LockClient, lock: string): Promise<void> {
    await client.acquire(lock);
    this.#endedMs = performance.now();
    if (this.#startedMs === 0) throw new Error("Two hold the same lock.");
    this.#takenMs.push(this.#endedMs - this.#releasedMs);
    this.#releasedMs = performance.now();
    await client.release();
  }

  result(waiters: number): Omit<Handover, "told"> {
    if (this.#takenMs.length !== waiters) throw new Error("Not everybody had the lock.");
    const { p50Ms, p99Ms } = tailOf(this.#takenMs);
    return { p50Ms, p99Ms, chainMs: this.#endedMs - this.#startedMs };
  }
}
