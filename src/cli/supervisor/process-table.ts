// What the system says of the processes there are, and of this one's terminal. Linux only; elsewhere it knows of none.

import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  /** A letter: `Z` and `X` have ended, and their parent has not asked yet. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** 0 for a process without a controlling terminal. */
  readonly terminal: number;
  /** The group in the foreground of its terminal. */
  readonly foreground: number;
}

/** Whether all there are can be told: not where /proc is missing, or is that of another process namespace. */
export function knowsProcesses(): boolean {
  return process.platform === "linux" && processEntry("self")?.pid === process.pid;
}

/** All there are now. One that ends meanwhile may be missing, and one that begins too. */
export function processTable(): ProcessEntry[] {
  if (!knowsProcesses()) return [];
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (processEntry(name) ?? []) : []));
}

/** Null when there is no such process. @param pid or `self` */
export function processEntry(pid: string): ProcessEntry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program comes second, in parentheses, and may hold anything.
    const [state = "", ...numbers] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 6);
    const [parent = 0, group = 0, session = 0, terminal = 0, foreground = 0] = numbers.map(Number);
    return { pid: Number.parseInt(stat, 10), state, parent, group, session, terminal, foreground };
  } catch {
    return null;
  }
}

export function isAlive({ state }: ProcessEntry): boolean {
  return !"ZX".includes(state);
}

/** Whether a process was started with this text in its environment; not known of those that are another user's. */
export function hasInEnvironment({ pid }: ProcessEntry, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`).includes(text);
  } catch {
    return false;
  }
}
