// Whether reads scale with servers. There are fewer cores here than servers and their load take, so more servers cannot
// bring more reads by themselves. What can be seen: one server and its load generator on one core, and two servers on a core
// each with their load generators; and what a read takes of the event loop while one, and while three are asked.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import type { ServerProcess } from "../support/server-process.ts";
import type { BenchCluster } from "./cluster.ts";
import { parent, znodeCount } from "./writes.ts";

export interface ReadsPace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** Of all servers that were asked. */
export interface ReadRound {
  readonly perSecond: number;
  /** Of the event loop for one read. */
  readonly loopMicroseconds: number;
}

/** Each with a core for each server, but for `three`, which share what there is. */
export interface Reads {
  readonly one: readonly ReadRound[];
  readonly two: readonly ReadRound[];
  readonly three: readonly ReadRound[];
}

const connectionsPerServer = 32;
const run = promisify(execFile);

export async function measureReads(cluster: BenchCluster, pace: ReadsPace): Promise<Reads> {
  await cluster.level();
  const [first, second, third] = cluster.servers as [ServerProcess, ServerProcess, ServerProcess];
  if (pace.warmUpSeconds > 0) await read([first, second, third], pace.warmUpSeconds);
  const reads = { one: [] as ReadRound[], two: [] as ReadRound[], three: [] as ReadRound[] };
  for (let round = 0; round < pace.rounds; round += 1) {
    await pin([first, second]);
    reads.one.push(await read([first], pace.seconds, true));
    reads.two.push(await read([first, second], pace.seconds, true));
    await unpin([first, second]);
    reads.three.push(await read([first, second, third], pace.seconds));
  }
  return reads;
}

async function read(
  servers: readonly ServerProcess[],
  seconds: number,
  isPinned = false,
): Promise<ReadRound> {
  const loopMs = () => servers.reduce((sum, { pid }) => sum + eventLoopMs(pid), 0);
  const before = loopMs();
  const load = {
    kind: "get",
    parent,
    count: znodeCount,
    seconds,
    connections: connectionsPerServer,
  } as const;
  const measured = await Promise.all(
    servers.map(({ baseUrl }, core) => measure({ ...load, baseUrl, ...(isPinned && { core }) })),
  );
  const requests = measured.reduce((sum, answered) => sum + answered.requests, 0);
  const perSecond = measured.reduce((sum, answered) => sum + answered.perSecond, 0);
  return { perSecond, loopMicroseconds: ((loopMs() - before) * 1000) / requests };
}

/** Each on a core of its own, with all its threads. */
async function pin(servers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(
    servers.map(({ pid }, core) => run("taskset", ["-a", "-p", "-c", String(core), String(pid)])),
  );
}

async function unpin(servers: readonly ServerProcess[]): Promise<void> {
  const { stdout } = await run("taskset", ["-p", "-c", String(process.pid)]);
  const own = stdout.trim().split(": ").at(-1) as string;
  await Promise.all(servers.map(({ pid }) => run("taskset", ["-a", "-p", "-c", own, String(pid)])));
}
