// Results of the benchmark of several servers as tables.

import { figuresOf, type Rounds, ratioOf } from "../coordination/rounds.ts";
import { spreadOf } from "../support/statistics.ts";
import { aligned, spreadText } from "../support/table.ts";
import type { ClientDeath } from "./client-deaths.ts";
import type { HousekeeperDeaths } from "./housekeeper-deaths.ts";
import type { ReadRound, Reads } from "./reads.ts";
import { perSecondOf, type System, type WriteRound, type Writes } from "./writes.ts";

const names: Readonly<Record<System, string>> = {
  gateway: "gateway puts",
  grpc: "gRPC puts",
  oneServer: "one server",
  threeServers: "three servers",
};
const systems = Object.keys(names) as System[];

export function writesTable(writes: readonly Writes[]): string {
  const rates = writes.map((row) => {
    const perSecond = perSecondOf(row);
    const ratio = (other: System) => spreadText(ratioOf(perSecond, "threeServers", other), 2);
    return [String(row.clients), ...cells(perSecond, 0), ratio("gateway"), ratio("grpc")];
  });
  const costs = writes.map(({ clients, rounds }) => [
    String(clients),
    ...cells(timesOf(rounds, "microseconds"), 0),
    ...cells(timesOf(rounds, "busiestMicroseconds"), 0),
  ]);
  const all = systems.map((system) => `${names[system]}, all`);
  const busiest = systems.map((system) => `${names[system]}, busiest`);
  const columns = systems.map((system) => `${names[system]}/s`);
  return [
    aligned([["clients", ...columns, "three to gateway", "three to gRPC"], ...rates]),
    "us of the processors for a write, of all processes and of the busiest one:",
    aligned([["clients", ...all, ...busiest], ...costs]),
  ].join("\n\n");
}

function timesOf(rounds: Rounds<WriteRound>, which: "microseconds" | "busiestMicroseconds"): Rounds {
  return figuresOf(rounds, (round) => round[which]);
}

function cells(rounds: Rounds, digits: number): string[] {
  return systems.map((system) => spreadText(spreadOf(rounds[system] as readonly number[]), digits));
}

export function readsTable({ one, two, three }: Reads): string {
  const row = (name: string, rounds: readonly ReadRound[]) => [
    name,
    spreadText(spreadOf(rounds.map(({ perSecond }) => perSecond)), 0),
    spreadText(spreadOf(rounds.map(({ loopMicroseconds }) => loopMicroseconds)), 2),
  ];
  return aligned([
    ["", "reads/s", "event loop, us for a read"],
    row("one server, one core for it and its load", one),
    row("two servers, a core for each and its load", two),
    row("three servers, all cores", three),
  ]);
}

export function clientDeathsTable(deaths: readonly ClientDeath[]): string {
  const cell = (value: (death: ClientDeath) => number) => spreadText(spreadOf(deaths.map(value)), 0);
  return aligned([
    [`a client's server killed, ${deaths.length} times`, "library, ms", "command line, ms"],
    ["until its next write", cell(({ writeMs }) => writeMs), cell(({ commandWriteMs }) => commandWriteMs)],
    ["until its watch goes on", cell(({ watchMs }) => watchMs), cell(({ commandWatchMs }) => commandWatchMs)],
  ]);
}

export function housekeeperDeathsTable({ sessionTimeoutMs, deaths }: HousekeeperDeaths): string {
  const cell = (values: readonly number[]) => spreadText(spreadOf(values), 0);
  return aligned([
    [`the housekeeper killed, ${deaths.length} times`, "ms"],
    ["until another keeps house", cell(deaths.map(({ takenOverMs }) => takenOverMs))],
    [
      `until the lock of a holder that died with it is given, sessions of ${sessionTimeoutMs} ms`,
      cell(deaths.map(({ grantedMs }) => grantedMs)),
    ],
  ]);
}
