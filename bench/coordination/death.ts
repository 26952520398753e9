// What becomes of a lock whose holder is killed: how long after its session should have ended the next in line knows
// that it holds.

import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sharedNowMs } from "../support/shared-clock.ts";
import { type LockClient, withLockClients } from "./client.ts";
import type { Heartbeat } from "./holder.ts";
import type { Rounds } from "./rounds.ts";
import type { Contestant } from "./servers.ts";

export interface DeathPace {
  readonly rounds: number;
  readonly locks: number;
  readonly sessionTimeoutMs: number;
}

/** Of one lock, in ms beyond the session's timeout. */
export interface Death {
  /** Counted from when the last heartbeat was sent that was answered. */
  readonly sinceHeartbeatMs: number;
  /** Counted from the kill; below zero because the last heartbeat was earlier. */
  readonly sinceKillMs: number;
}

const holderFile = fileURLToPath(new URL("./holder.ts", import.meta.url));
/** Of those who wait: they are not to go as well. */
const longTimeoutMs = 60_000;
const giveUpMs = 30_000;

/** All contestants at once: almost all of it is waiting. */
export async function measureDeaths(
  contestants: readonly Contestant[],
  pace: DeathPace,
): Promise<Rounds<Death>> {
  const deaths = contestants.map(async (contestant) => {
    const found: Death[] = [];
    for (let round = 0; round < pace.rounds; round += 1)
      found.push(...(await playRound(contestant, pace, round)));
    return [contestant.kind, found] as const;
  });
  return Object.fromEntries(await Promise.all(deaths));
}

function playRound(
  { kind, port }: Contestant,
  { locks, sessionTimeoutMs }: DeathPace,
  round: number,
): Promise<Death[]> {
  const names = Array.from({ length: locks }, (_, index) => `dead-${round}-${index}`);
  const clients = { port, sessionTimeoutMs: longTimeoutMs, count: locks };
  return withLockClients(kind, clients, async (waiters) => {
    const holder = fork(holderFile, [kind, String(port), String(sessionTimeoutMs), ...names]);
    try {
      const heartbeats = new Map<string, number | null>();
      holder.on("message", ({ lock, sentMs }: Heartbeat) => void heartbeats.set(lock, sentMs));
      while (heartbeats.size < locks)
        await once(holder, "message", { signal: AbortSignal.timeout(giveUpMs) });
      const grants = names.map((name, index) => grant(waiters[index] as LockClient, name));
      await wait(sessionTimeoutMs / 2);
      holder.kill("SIGKILL");
      const killedMs = sharedNowMs();
      const grantedMs = await Promise.all(grants);
      return names.flatMap((name, index) => {
        const heartbeatMs = heartbeats.get(name) ?? null;
        // A heartbeat was under way: whether the server had it nobody knows.
        if (heartbeatMs === null) return [];
        const endedMs = (grantedMs[index] as number) - sessionTimeoutMs;
        return [{ sinceHeartbeatMs: endedMs - heartbeatMs, sinceKillMs: endedMs - killedMs }];
      });
    } finally {
      holder.kill("SIGKILL");
    }
  });
}

async function grant(waiter: LockClient, lock: string): Promise<number> {
  await waiter.acquire(lock);
  return sharedNowMs();
}
