// What the system says of a process from outside: on Linux only, not a number elsewhere.

import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const pollEveryMs = 100;
const stablePolls = 6;
const stableShare = 0.005;
const settleMsMax = 10_000;
/** On every Linux of today. */
const msPerTick = 10;

/** Memory of the process that is in RAM, once it is the same for half a second, or has had its time. */
export async function settledBytes(pid: number): Promise<number> {
  const recent: number[] = [];
  for (let waitedMs = 0; waitedMs < settleMsMax; waitedMs += pollEveryMs) {
    const bytes = residentBytes(pid);
    if (Number.isNaN(bytes)) return bytes;
    recent.push(bytes);
    if (recent.length > stablePolls) recent.shift();
    const isStable = Math.max(...recent) - Math.min(...recent) <= bytes * stableShare;
    if (recent.length === stablePolls && isStable) break;
    await wait(pollEveryMs);
  }
  return recent.at(-1) as number;
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(fileOf(pid, "status"))?.[1]) * 1024;
}

/** Time the first thread of the process, its event loop, has been on a processor. */
export function eventLoopMs(pid: number): number {
  return Number(/^\d+/.exec(fileOf(pid, "schedstat"))?.[0]) / 1e6;
}

/** Time that all threads of the process have been on a processor, in steps of 10 ms. */
export function processorMs(pid: number): number {
  // Behind the name, which may have blanks: the 12th and 13th are what it used itself and what the system did for it.
  const fields = fileOf(pid, "stat").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
