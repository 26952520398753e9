// Runs wrk, the load generator: one in JavaScript would eat the core the server needs. A run in which anything was
// refused or lost is no measurement and throws.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export type LoadKind = "get" | "set" | "churn" | "page" | "multi";

export interface Load {
  /** `gatewayPut` is for etcd, the others for the service. */
  readonly kind: LoadKind | "gatewayPut";
  readonly baseUrl: string;
  readonly parent: string;
  /** Children of the parent that the load goes over. */
  readonly count: number;
  /** How many of them are asked for at most, spread evenly over all; all up to 10 000 unless given. */
  readonly distinct?: number;
  /** Whole ones. */
  readonly seconds: number;
  /** Of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 64 unless given; each is a client that waits for its answer. */
  readonly connections?: number;
  /** On which the load generator stays; it goes where the system puts it unless given. */
  readonly core?: number;
}

export interface Measurement {
  readonly perSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const usualConnections = 64;
const script = fileURLToPath(new URL("./load.lua", import.meta.url));
const run = promisify(execFile);

/** @throws Error that says how to get wrk, when it is not there */
export async function assertWrk(): Promise<void> {
  try {
    await run("wrk", ["-v"]);
  } catch (error) {
    // It prints its version and exits with 1.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return;
    throw new Error(
      "The benchmark needs the load generator wrk: install it with apt-get install wrk or brew install wrk, " +
        "or build https://github.com/wg/wrk.",
    );
  }
}

export async function measure({
  kind,
  baseUrl,
  parent,
  count,
  distinct = 10_000,
  seconds,
  headers = {},
  connections = usualConnections,
  core,
}: Load): Promise<Measurement> {
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const headerOptions = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const [command, ...pinned] = core === undefined ? ["wrk"] : ["taskset", "-c", String(core), "wrk"];
  const { stdout } = await run(command as string, [
    ...pinned,
    ...options,
    ...headerOptions,
    baseUrl,
    "--",
    kind,
    parent,
    String(count),
    String(distinct),
  ]);
  const [, line] = /^result (.+)$/m.exec(stdout) ?? [];
  if (line === undefined) throw new Error(`wrk gave no result for ${kind}: ${stdout}`);
  const result = JSON.parse(line) as WrkResult;
  if (result.failed > 0) throw new Error(`${result.failed} requests of ${kind} failed: ${stdout}`);
  if (result.requests === 0) throw new Error(`No request of ${kind} was answered in ${seconds} s.`);
  return {
    perSecond: result.requests / (result.durationUs / 1e6),
    requests: result.requests,
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
    maxMs: result.maxUs / 1000,
  };
}

interface WrkResult {
  readonly requests: number;
  readonly durationUs: number;
  readonly failed: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}
