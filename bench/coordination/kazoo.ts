// ZooKeeper once more, by kazoo's recipe in a process of Python: what its users get, where much of the time is the
// client's. It is no client among the others, since it cannot be driven from here call by call.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tailOf } from "../support/statistics.ts";
import type { Contestant } from "./servers.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./kazoo-clients.py", import.meta.url));
/** Debian's, which has Debian's packages. */
const python = "/usr/bin/python3";

export interface Kazoo {
  readonly kind: "kazoo";
  /** ZooKeeper's. */
  readonly port: number;
}

/** With kazoo as one more, where it is installed and there is a ZooKeeper for it. */
export async function withKazoo(contestants: readonly Contestant[]): Promise<(Contestant | Kazoo)[]> {
  const zookeeper = contestants.find(({ kind }) => kind === "zookeeper");
  if (zookeeper === undefined) return [...contestants];
  try {
    await run(python, ["-c", "import kazoo"]);
    return [...contestants, { kind: "kazoo", port: zookeeper.port }];
  } catch {
    console.log("kazoo is not here and is left out: apt-get install python3-kazoo");
    return [...contestants];
  }
}

/** Acquires with their release, a second. */
export async function kazooPairs(port: number, clients: number, seconds: number): Promise<number> {
  return (await kazoo<{ perSecond: number }>(port, "pairs", clients, String(seconds))).perSecond;
}

export async function kazooHandover(port: number, waiters: number, lock: string) {
  const result = await kazoo<{ takenMs: number[]; chainMs: number }>(port, "handover", waiters, lock);
  const { p50Ms, p99Ms } = tailOf(result.takenMs);
  return { p50Ms, p99Ms, chainMs: result.chainMs };
}

async function kazoo<Result>(port: number, part: string, count: number, last: string): Promise<Result> {
  const { stdout } = await run(python, [script, String(port), part, String(count), last], {
    timeout: 120_000,
    maxBuffer: 16 * 1024 ** 2,
  });
  return JSON.parse(stdout) as Result;
}
