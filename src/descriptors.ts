// Connections within what the process may open. Beyond its limit of open files the system turns connections away
// before anyone hears of them, and those that keep sessions alive with the others.

import { readdirSync, readFileSync } from "node:fs";

export interface Descriptors {
  /** Files, sockets included, that the process may have open; `Infinity` where the system sets no limit. */
  readonly openMax: number;
  readonly openNow: number;
}

interface Bounds {
  readonly connectionsMax: number;
  readonly surplusConnectionsMax: number;
}

/** For what is opened in passing: files that are looked at, connections that are just being turned away. */
const spareInPassing = 10;
/** The thread of the first long checkpoint, and its connection to the database. */
const openedLater = 10;
const spare = spareInPassing + openedLater;
/** Fewer connections are no service. */
const connectionsMin = 8;
const surplusShare = 1 / 4;
/** What is open in a service without connections, where the system does not tell. */
const openUsually = 48;

/** Node raises the soft limit to the hard one as it starts: this is as high as it gets. */
export function readDescriptors(): Descriptors {
  return { openMax: limitOfLinux() ?? limitInReport(), openNow: countOpen() };
}

/** Null on other systems. */
function limitOfLinux(): number | null {
  try {
    const [, soft] =
      /^Max open files +(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    if (soft === undefined) return null;
    return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return null;
  }
}

/** Where nothing else tells: a report on everything takes a twentieth of the start. */
function limitInReport(): number {
  // Otherwise it looks for the names of all peers; the types do not know of it yet.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as unknown as Report;
  const openMax = report.userLimits?.open_files?.soft;
  return typeof openMax === "number" ? openMax : Number.POSITIVE_INFINITY;
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
}

function countOpen(): number {
  try {
    return readdirSync("/dev/fd").length;
  } catch {
    return openUsually;
  }
}

/** As wanted, or as many as there are descriptors for. @throws Error when these are too few to serve at all */
export function connectionsWithin(wanted: Bounds, { openMax, openNow }: Descriptors): Bounds {
  const left = openMax - openNow - spare;
  if (left >= wanted.connectionsMax + wanted.surplusConnectionsMax) return wanted;
  if (left < connectionsMin) {
    const needed = openNow + spare + connectionsMin;
    throw new Error(
      `The process may open ${openMax} files, and needs ${needed} at least; raise "ulimit -n".`,
    );
  }
  const surplusConnectionsMax = Math.min(wanted.surplusConnectionsMax, Math.ceil(left * surplusShare));
  const connectionsMax = Math.min(wanted.connectionsMax, left - surplusConnectionsMax);
  return { connectionsMax, surplusConnectionsMax };
}
