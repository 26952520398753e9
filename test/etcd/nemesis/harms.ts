// What befalls one process of a cluster, by the role that it has at the moment, and how it is made good again.

import { setTimeout as wait } from "node:timers/promises";
import type { Cluster } from "../cluster.ts";
import type { Etcd } from "../etcd-process.ts";

/** Who has a role, by number; undefined while nobody has. */
type Role = "housekeeper" | "other server" | "etcd leader" | "etcd follower";

const roles: readonly Role[] = ["housekeeper", "other server", "etcd leader", "etcd follower"];

/** A round is a harm, some time, and its end. */
export interface Harm {
  readonly name: string;
  /** Resolves when it is made good; false where nobody had the role. */
  readonly befall: (cluster: Cluster, chance: () => number) => Promise<boolean>;
}

const killedMsMax = 300;
const stoppedMsMin = 400;
const stoppedMsMax = 800;
/** Of a housekeeper: mostly so long that another has taken its place when it wakes up. */
const silentMsMin = 4500;
const silentMsMax = 7000;

export const processHarms: readonly Harm[] = roles.flatMap((role) => [
  { name: `${role} killed`, befall: (cluster, chance) => kill(cluster, role, chance) },
  { name: `${role} stopped`, befall: (cluster, chance) => stop(cluster, role, chance) },
]);

async function kill(cluster: Cluster, role: Role, chance: () => number): Promise<boolean> {
  const index = await whoIs(cluster, role);
  if (index === undefined) return false;
  const isServer = isOfServers(role);
  await (isServer ? cluster.server(index) : cluster.member(index)).kill();
  await wait(chance() * killedMsMax);
  if (isServer) await cluster.startServer(index);
  else cluster.member(index).restart();
  return true;
}

async function stop(cluster: Cluster, role: Role, chance: () => number): Promise<boolean> {
  const index = await whoIs(cluster, role);
  if (index === undefined) return false;
  const stopped = isOfServers(role) ? cluster.server(index) : cluster.member(index);
  const [least, most] = role === "housekeeper" ? [silentMsMin, silentMsMax] : [stoppedMsMin, stoppedMsMax];
  stopped.signal("SIGSTOP");
  await wait(least + chance() * (most - least));
  stopped.signal("SIGCONT");
  return true;
}

function isOfServers(role: Role): boolean {
  return role === "housekeeper" || role === "other server";
}

export async function whoIs(cluster: Cluster, role: Role): Promise<number | undefined> {
  if (isOfServers(role)) {
    const duties = await Promise.all(cluster.urls.map(isOnDuty));
    return role === "housekeeper" ? indexOf(duties, true) : indexOf(duties, false);
  }
  return await indexOfMember(cluster.etcd, role);
}

export async function indexOfMember({ endpoints }: Etcd, role: Role): Promise<number | undefined> {
  const leads = await Promise.all(endpoints.map(isLeader));
  return indexOf(leads, role === "etcd leader");
}

/** The last of them, so that it is not always the one that clients begin with. */
function indexOf(has: readonly (boolean | null)[], wanted: boolean): number | undefined {
  const index = has.lastIndexOf(wanted);
  return index === -1 ? undefined : index;
}

const lookWithinMs = 1000;

/** Null where it does not say. */
async function isOnDuty(url: string): Promise<boolean | null> {
  const text = await textAt(`${url}/metrics`);
  const value = /^treekeeper_on_duty (\d)$/m.exec(text)?.[1];
  return value === undefined ? null : value === "1";
}

async function isLeader(endpoint: string): Promise<boolean | null> {
  const text = await textAt(`${endpoint}/v3/maintenance/status`, { method: "POST", body: "{}" });
  if (text === "") return null;
  const { header, leader } = JSON.parse(text) as { header?: { member_id: string }; leader?: string };
  return header === undefined ? null : header.member_id === leader;
}

async function textAt(url: string, init: RequestInit = {}): Promise<string> {
  const signal = AbortSignal.timeout(lookWithinMs);
  const response = await fetch(url, { ...init, signal }).catch(() => null);
  return (await response?.text().catch(() => "")) ?? "";
}

const peaceMsMax = 150;
/** A role that nobody takes for so long will not be taken: twice the time in which a housekeeper is missed. */
const passesMax = 150;

/** Each harm so many times, all of them in turn, in an order by chance. Returns how often each came. */
export async function befall(
  cluster: Cluster,
  harms: readonly Harm[],
  rounds: number,
  chance: () => number,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = Object.fromEntries(harms.map(({ name }) => [name, 0]));
  const left = harms.flatMap((harm) => Array.from({ length: rounds }, () => harm));
  let passes = 0;
  while (left.length > 0 && passes < passesMax) {
    const index = Math.floor(chance() * left.length);
    const harm = left[index] as Harm;
    if (await harm.befall(cluster, chance)) {
      left.splice(index, 1);
      counts[harm.name] = (counts[harm.name] ?? 0) + 1;
      passes = 0;
    } else passes += 1;
    await wait(chance() * peaceMsMax);
  }
  return counts;
}
