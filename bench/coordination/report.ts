// Results of the benchmark of locks as tables that can stand in a page as they are.

import { spreadOf } from "../support/statistics.ts";
import { spreadText } from "../support/table.ts";
import type { Death } from "./death.ts";
import { othersIn, ours } from "./goals.ts";
import type { Handovers } from "./handover.ts";
import type { Pairs } from "./pairs.ts";
import { figuresOf, type Rounds, ratioOf } from "./rounds.ts";
import type { ServicesResults } from "./services.ts";

export function pairsTable(pairs: readonly Pairs[]): string {
  const kinds = Object.keys(pairs[0]?.perSecond ?? {});
  const head = ["pairs/s, clients", ...kinds, ...kinds.filter((kind) => kind !== ours).map(toOurs)];
  const rows = pairs.map(({ clients, perSecond }) => [
    String(clients),
    ...cells(perSecond, 0),
    ...ratios(perSecond),
  ]);
  return markdown([head, ...rows]);
}

export function handoverTable(handovers: readonly Handovers[]): string {
  const kinds = Object.keys(handovers[0]?.rounds ?? {});
  const head = ["handover, waiters", "", ...kinds, ...kinds.filter((kind) => kind !== ours).map(toOurs)];
  const rows = handovers.flatMap(({ waiters, rounds }) => {
    const p50Ms = figuresOf(rounds, (round) => round.p50Ms);
    const p99Ms = figuresOf(rounds, (round) => round.p99Ms);
    const chainMs = figuresOf(rounds, (round) => round.chainMs);
    const told = figuresOf(rounds, (round) => round.told ?? Number.NaN);
    return [
      [String(waiters), "p50 ms", ...cells(p50Ms, 2), ...ratios(p50Ms)],
      [String(waiters), "p99 ms", ...cells(p99Ms, 2), ...ratios(p99Ms)],
      [String(waiters), "all, ms", ...cells(chainMs, 0), ...ratios(chainMs)],
      [String(waiters), "told of one release", ...cells(told, 0), ...othersIn(rounds).map(() => "")],
    ];
  });
  return markdown([head, ...rows]);
}

export function deathTable(deaths: Rounds<Death>): string {
  const head = ["holder killed: next holds, beyond the timeout", ...Object.keys(deaths)];
  return markdown([
    head,
    [
      "ms since the last heartbeat",
      ...cells(
        figuresOf(deaths, ({ sinceHeartbeatMs }) => sinceHeartbeatMs),
        0,
      ),
    ],
    [
      "ms since the kill",
      ...cells(
        figuresOf(deaths, ({ sinceKillMs }) => sinceKillMs),
        0,
      ),
    ],
  ]);
}

export function servicesTable({ services, hosts, deaths }: ServicesResults): string {
  const spread = (value: (death: ServicesResults["deaths"][number]) => number) =>
    spreadText(spreadOf(deaths.map(value)), 0);
  return markdown([
    [
      "services",
      "instances of each",
      "streams",
      "death told to the first, ms beyond the timeout",
      "to the last",
    ],
    [
      String(services),
      String(hosts),
      String(services),
      spread(({ firstMs }) => firstMs),
      spread(({ lastMs }) => lastMs),
    ],
  ]);
}

function toOurs(kind: string): string {
  return `ratio to ${kind}`;
}

function cells(rounds: Rounds, digits: number): string[] {
  return Object.values(rounds).map((figures) =>
    figures.some(Number.isNaN) ? "" : spreadText(spreadOf(figures), digits),
  );
}

function ratios(rounds: Rounds): string[] {
  return othersIn(rounds).map((other) => spreadText(ratioOf(rounds, ours, other), 2));
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows;
  return [head, head.map(() => "---"), ...rest].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
