// What follows when the server that keeps house is killed together with the holder of a lock: how long until another server keeps
// house, and until the lock is given to whoever waits for it at a server that lives.

import { setTimeout as wait } from "node:timers/promises";
import { TreekeeperClient } from "../coordination/treekeeper.ts";
import type { BenchCluster } from "./cluster.ts";

/** From the kill on. */
interface HousekeeperDeath {
  readonly takenOverMs: number;
  readonly grantedMs: number;
}

export interface HousekeeperDeaths {
  readonly sessionTimeoutMs: number;
  readonly deaths: readonly HousekeeperDeath[];
}

const sessionTimeoutMs = 2_000;
/** Of whoever waits: it is not to go as well. */
const longTimeoutMs = 60_000;
const pollEveryMs = 20;
const giveUpMs = 60_000;

export async function measureHousekeeperDeaths(
  cluster: BenchCluster,
  count: number,
): Promise<HousekeeperDeaths> {
  const deaths: HousekeeperDeath[] = [];
  for (let round = 0; round < count; round += 1) {
    const victim = await housekeeper(cluster.urls);
    deaths.push(await playDeath(cluster, victim, `house-${round}`));
    await cluster.start(victim);
  }
  return { sessionTimeoutMs, deaths };
}

async function playDeath(cluster: BenchCluster, victim: number, lock: string): Promise<HousekeeperDeath> {
  const [dying, ...living] = cluster.urlsFrom(victim) as [string, string, string];
  const holder = await connect(dying, sessionTimeoutMs);
  await holder.acquire(lock);
  const waiting = await connect(living[0] as string, longTimeoutMs);
  try {
    const granted = waiting.acquire(lock).then(() => performance.now());
    // Where something else fails first, that is what is told.
    granted.catch(() => {});
    while ((await holder.contenders(lock)) < 2) await wait(pollEveryMs);
    await holder.heartbeat();
    await cluster.server(victim).kill();
    const killedMs = performance.now();
    const takenOver = housekeeper(living).then(() => performance.now());
    const [takenOverMs, grantedMs] = await Promise.all([takenOver, granted]);
    return { takenOverMs: takenOverMs - killedMs, grantedMs: grantedMs - killedMs };
  } finally {
    await waiting.close();
  }
}

function connect(url: string, timeoutMs: number): Promise<TreekeeperClient> {
  return TreekeeperClient.connect({ port: Number(new URL(url).port), sessionTimeoutMs: timeoutMs });
}

/** Which of them it is; resolves when one is. */
async function housekeeper(urls: readonly string[]): Promise<number> {
  const lastMs = performance.now() + giveUpMs;
  while (performance.now() < lastMs) {
    const onDuty = await Promise.all(urls.map(isOnDuty));
    const index = onDuty.indexOf(true);
    if (index >= 0) return index;
    await wait(pollEveryMs);
  }
  throw new Error(`Nobody kept house in ${giveUpMs} ms.`);
}

async function isOnDuty(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/metrics`);
  return /^treekeeper_on_duty 1$/m.test(await answer.text());
}
