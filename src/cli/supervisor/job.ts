// A command and everything it starts, which is signalled as a whole, and found by the watchdog before it has begun.
//
// Without a terminal it is a session of its own. With one it stays in the supervisor's session and group, as under
// flock: it can ask for a password, and the shell's job control works. Its processes are then those that descend from
// it, and those that carry its mark in their environment. What makes a session of its own (setsid) has left.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { isatty } from "node:tty";
import { exitCodeOfSignal } from "../exit-codes.ts";
import {
  hasInEnvironment,
  isAlive,
  knowsProcesses,
  type ProcessEntry,
  processEntry,
  processTable,
} from "./process-table.ts";
import type { Surroundings } from "./surroundings.ts";

/** By what its processes are found. */
export interface JobTag {
  /** In the environment of each of its processes, whose starting it thus precedes. */
  readonly mark: string;
  /** The session it shares with its supervisor; null for one of its own. */
  readonly sharedSession: number | null;
  /** The process id of the command; null while it has not begun. */
  readonly leader: number | null;
}

/** The marks of the jobs that a process belongs to, the innermost last. */
const markVariable = "TREEKEEPER_JOB";
const exitCodesOfStart: Readonly<Record<string, number>> = { ENOENT: 127, ERR_INVALID_ARG_VALUE: 127 };
const cannotRun = 126;

export class Job {
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #surroundings: Surroundings;
  readonly #ended = Promise.withResolvers<number>();
  #endSignal: NodeJS.Signals | null = null;
  #tag: JobTag;

  /** @param environment what is undefined there it does not get */
  constructor(
    command: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
    surroundings: Surroundings,
  ) {
    this.#command = command;
    this.#environment = environment;
    this.#surroundings = surroundings;
    this.#tag = { mark: randomUUID(), sharedSession: surroundings.terminalSession, leader: null };
  }

  get tag(): JobTag {
    return this.#tag;
  }

  /** How the command ended: its code, or 128 and the number of its signal. Others of the job may go on. */
  get commandEnd(): Promise<number> {
    return this.#ended.promise;
  }

  /** By which signal the command ended; null where it ended by itself, or has not. */
  get endSignal(): NodeJS.Signals | null {
    return this.#endSignal;
  }

  /** Returns null when it runs; else why it cannot, in a sentence: its end is then the one shells have for it. */
  async start(): Promise<string | null> {
    const { [markVariable]: outer } = process.env;
    const { isHangupIgnored } = this.#surroundings;
    // Every program is started with the signals as they are by default. `nohup` does nothing else, without a terminal.
    const isWrapped = isHangupIgnored && ![0, 1, 2].some((fd) => isatty(fd));
    const [program = "", ...args] = isWrapped ? ["nohup", ...this.#command] : this.#command;
    try {
      const leader = spawn(program, args, {
        detached: this.#tag.sharedSession === null,
        stdio: stdioOf(this.#surroundings.descriptors),
        env: {
          ...process.env,
          ...this.#environment,
          [markVariable]: outer === undefined ? this.#tag.mark : `${outer} ${this.#tag.mark}`,
        },
      });
      this.#follow(leader);
      await new Promise((resolve, reject) => leader.once("spawn", resolve).once("error", reject));
      return null;
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      this.#ended.resolve(exitCodesOfStart[code] ?? cannotRun);
      return `${this.#command[0]} cannot be run (${code}).`;
    }
  }

  #follow(leader: ChildProcess): void {
    if (leader.pid !== undefined) this.#tag = { ...this.#tag, leader: leader.pid };
    leader.once("exit", (code, signal) => {
      this.#endSignal = signal;
      this.#ended.resolve(signal === null ? (code ?? 0) : exitCodeOfSignal(signal));
    });
  }

  /** Sends it to each of its processes. */
  signal(name: NodeJS.Signals): void {
    signalJob(this.#tag, name);
  }

  /** Whether what is typed at a terminal comes to it as it comes to the supervisor. */
  hearsTheTerminal(): boolean {
    if (this.#tag.sharedSession === null) return false;
    const own = processEntry("self");
    return own !== null && own.group === own.foreground;
  }

  isEmpty(): boolean {
    return isOver(this.#tag);
  }
}

/** A descriptor that is not named is left as it is. */
function stdioOf(descriptors: readonly number[]): ("inherit" | "ignore" | number)[] {
  const length = Math.max(2, ...descriptors) + 1;
  return Array.from({ length }, (_, fd) => {
    if (fd <= 2) return "inherit";
    return descriptors.includes(fd) ? fd : "ignore";
  });
}

/** Between two looks a process may start another: until a look finds nobody new, though not for ever. */
const killLooksMax = 10;

export function signalJob(tag: JobTag, name: NodeJS.Signals): void {
  const ownSession = tag.sharedSession === null ? tag.leader : null;
  // The whole group in one step, and then those of the session that have made groups of their own.
  if (ownSession !== null) send(-ownSession, name);
  const done = new Set<number>();
  for (let look = 0; look < (name === "SIGKILL" ? killLooksMax : 1); look += 1) {
    const found = membersOf(tag).filter(({ pid, group }) => group !== ownSession && !done.has(pid));
    if (found.length === 0) return;
    for (const { pid } of found) {
      send(pid, name);
      done.add(pid);
    }
  }
}

export function isOver(tag: JobTag): boolean {
  if (knowsProcesses()) return membersOf(tag).length === 0;
  return tag.leader === null || !isThere(-tag.leader);
}

/** A process that has ended and whose parent does not care stays in the table: it does nothing any more. */
function membersOf({ mark, sharedSession, leader }: JobTag): ProcessEntry[] {
  const table = processTable();
  if (sharedSession === null && leader !== null) {
    return table.filter((entry) => entry.session === leader && isAlive(entry));
  }
  const near = sharedSession === null ? table : table.filter(({ session }) => session === sharedSession);
  const descendants = leader === null ? new Set<number>() : descendantsOf(leader, near);
  return near.filter(
    (entry) => isAlive(entry) && (descendants.has(entry.pid) || hasInEnvironment(entry, mark)),
  );
}

/** With the process itself. */
function descendantsOf(pid: number, table: readonly ProcessEntry[]): Set<number> {
  const children = Map.groupBy(table, ({ parent }) => parent);
  const found = new Set([pid]);
  for (const one of found) for (const child of children.get(one) ?? []) found.add(child.pid);
  return found;
}

/** @param target a process, or minus a group. Who is gone needs no signal. */
function send(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name);
  } catch (error) {
    // EPERM: it runs as somebody else. It is waited for, as it cannot be ended.
    if (!hasCode(error, "ESRCH") && !hasCode(error, "EPERM")) throw error;
  }
}

function isThere(target: number): boolean {
  try {
    process.kill(target, 0);
  } catch (error) {
    return hasCode(error, "EPERM");
  }
  return true;
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
