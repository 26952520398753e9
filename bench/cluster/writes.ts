// Writes a second: plain puts of etcd by its JSON gateway and by gRPC, and writes of znodes through one server and through
// three, all on the same members, in turn. What each takes of the processors is counted as well: on a machine that has
// everything to do, that says more than the rate.

import { figuresOf, inTurn, type Rounds } from "../coordination/rounds.ts";
import { measure } from "../requests/wrk.ts";
import { processorMs } from "../support/process-figures.ts";
import type { BenchCluster } from "./cluster.ts";
import { grpcPutsPerSecond } from "./grpc-puts.ts";

export interface WritesPace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly clients: readonly number[];
}

export type System = "gateway" | "grpc" | "oneServer" | "threeServers";

export interface WriteRound {
  readonly perSecond: number;
  /** Of the processors for one write: of all members and all servers, and of whichever process has the most to do. */
  readonly microseconds: number;
  readonly busiestMicroseconds: number;
}

export interface Writes {
  readonly clients: number;
  readonly rounds: Rounds<WriteRound>;
}

/** What the znodes and the keys of etcd are below. */
export const parent = "/bench";
export const znodeCount = 1000;

const systems = (["gateway", "grpc", "oneServer", "threeServers"] as const).map((kind) => ({ kind }));

export async function measureWrites(cluster: BenchCluster, pace: WritesPace): Promise<Writes[]> {
  const warmUpClients = pace.clients.at(-1) as number;
  if (pace.warmUpSeconds > 0) await inTurn(1, systems, play(cluster, warmUpClients, pace.warmUpSeconds));
  const writes: Writes[] = [];
  for (const clients of pace.clients) {
    const rounds = await inTurn(pace.rounds, systems, play(cluster, clients, pace.seconds));
    writes.push({ clients, rounds });
  }
  return writes;
}

export function perSecondOf({ rounds }: Writes): Rounds {
  return figuresOf(rounds, ({ perSecond }) => perSecond);
}

function play(cluster: BenchCluster, clients: number, seconds: number) {
  const load = { clients, seconds };
  const endpoints = cluster.members.map(({ endpoint }) => endpoint);
  const plays: Record<System, () => Promise<number>> = {
    gateway: () => wrkPerSecond("gatewayPut", endpoints, load),
    grpc: () => grpcPutsPerSecond({ endpoints, ...load, parent, count: znodeCount }),
    oneServer: () => wrkPerSecond("set", cluster.urls.slice(0, 1), load),
    threeServers: () => wrkPerSecond("set", cluster.urls, load),
  };
  return async ({ kind }: { readonly kind: System }): Promise<WriteRound> => {
    const pids = [...cluster.members, ...cluster.servers].map(({ pid }) => pid);
    const before = pids.map(processorMs);
    const perSecond = await plays[kind]();
    const taken = pids.map((pid, index) => processorMs(pid) - (before[index] as number));
    const eachUs = taken.map((ms) => (ms * 1000) / (perSecond * seconds));
    return {
      perSecond,
      microseconds: eachUs.reduce((sum, us) => sum + us, 0),
      busiestMicroseconds: Math.max(...eachUs),
    };
  };
}

interface Load {
  readonly clients: number;
  readonly seconds: number;
}

/** The clients shared out among those who are asked; where there are fewer clients, some are not asked. */
async function wrkPerSecond(
  kind: "gatewayPut" | "set",
  urls: readonly string[],
  { clients, seconds }: Load,
): Promise<number> {
  const asked = urls.slice(0, clients);
  const measured = await Promise.all(
    asked.map((baseUrl, index) => {
      const connections = Math.floor(clients / asked.length) + (index < clients % asked.length ? 1 : 0);
      return measure({ kind, baseUrl, parent, count: znodeCount, seconds, connections });
    }),
  );
  return measured.reduce((sum, { perSecond }) => sum + perSecond, 0);
}
