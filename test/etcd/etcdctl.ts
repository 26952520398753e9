// What an operator does to etcd by its own tools: makes room again, takes a backup, and puts one back.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { promisify } from "node:util";
import type { Etcd } from "./etcd-process.ts";

const run = promisify(execFile);

export async function etcdctl(endpoints: readonly string[], ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, ETCDCTL_API: "3" };
  const all = ["--endpoints", endpoints.join(","), "--command-timeout=20s", ...args];
  return (await run("etcdctl", all, { env, maxBuffer: 2 ** 24 })).stdout;
}

/** As the manual has it: compact, defragment each member, disarm. */
export async function makeRoom({ endpoints }: Etcd): Promise<void> {
  const [status] = JSON.parse(await etcdctl(endpoints, "endpoint", "status", "-w", "json"));
  await etcdctl(endpoints, "compact", "--physical", String(status.Status.header.revision)).catch(
    ifNotCompacted,
  );
  for (const endpoint of endpoints) await etcdctl([endpoint], "defrag");
  await etcdctl(endpoints, "alarm", "disarm");
}

function ifNotCompacted(error: Error): void {
  if (!error.message.includes("has been compacted")) throw error;
}

export async function saveBackup({ endpoints }: Etcd, file: string): Promise<void> {
  rmSync(file, { force: true });
  await etcdctl(endpoints.slice(0, 1), "snapshot", "save", file);
}

/** Into all members, which are killed and started again. */
export async function putBackupBack(etcd: Etcd, file: string): Promise<void> {
  await Promise.all(etcd.members.map((member) => member.kill()));
  for (const { name, peer, dataDir } of etcd.members) {
    rmSync(dataDir, { recursive: true, force: true });
    const place = ["--name", name, "--data-dir", dataDir, "--initial-advertise-peer-urls", peer];
    await etcdctl([], "snapshot", "restore", file, ...place, "--initial-cluster", etcd.initialCluster);
  }
  for (const member of etcd.members) member.restart();
  await etcd.answers();
}
