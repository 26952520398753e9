// Whether all servers came to the same state, bit by bit: they are brought to rest at one place of the log, ended, and what
// each has on its disk is looked at.

import { setTimeout as wait } from "node:timers/promises";
import { type CheckReport, check } from "../../../src/offline/check.ts";
import type { Cluster } from "../cluster.ts";
import { within } from "./within.ts";

/** How long an entry that is there already may be on its way to a server. */
const settlesMs = 300;

/** What `treekeeper check` says of a directory. */
export type Look = (dataDir: string) => Promise<Pick<CheckReport, "isSound" | "looked">>;

/**
 * What each server has, as `treekeeper check` says it: how much of everything, as of which entry, and its digest. Nothing of
 * the cluster runs then.
 */
export async function digestsOf(cluster: Cluster, look: Look = check): Promise<string[]> {
  await within("all servers were at one place of the log", async () => {
    await cluster.etcd.stopAll();
    await wait(settlesMs);
    const places = await Promise.all(cluster.urls.map(logPositionOf));
    if (new Set(places).size === 1) return true;
    // One of them had heard of an entry, and another had not.
    cluster.etcd.restartAll();
    await wait(settlesMs);
    return false;
  });
  await Promise.all(cluster.servers.map((server) => server.terminate()));
  cluster.copyFromDisk();
  return await Promise.all(cluster.servers.map((_, index) => digestIn(cluster.dataDir(index), look)));
}

/** How far a server has come in the log, by its own account. */
export async function logPositionOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const position = /^treekeeper_log_position (\d+)$/m.exec(text)?.[1];
  if (position === undefined) throw new Error(`it does not say how far it has come: ${text.slice(0, 200)}`);
  return Number(position);
}

async function digestIn(dataDir: string, look: Look): Promise<string> {
  const { isSound, looked } = await look(dataDir);
  const rows = looked.find(({ at }) => at === "rows")?.found ?? "";
  if (!isSound || rows === "") throw new Error(`${dataDir} is not sound: ${JSON.stringify(looked)}`);
  // How far back a server remembers is its own affair.
  return rows.replace(/\d+ changes, /, "");
}
