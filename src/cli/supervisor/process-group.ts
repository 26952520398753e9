// A command and everything it starts, as one process group that is signalled as a whole. It begins behind a gate, so
// that it can be watched over before it does anything. What leaves the group on purpose (setsid) is not in it.

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { exitCodeOfSignal } from "../exit-codes.ts";

/**
 * A shell that waits for a line and then becomes the command. When the supervisor goes before, it hears of the end of
 * the pipe and goes too. It also ends with the codes shells have for what cannot be run: 126 and 127.
 */
const gate = 'read -r go <&3 && exec "$@" 3<&-';
const gateFd = 3;

export class ProcessGroup {
  /** Its number: the process id of its leader, the command. */
  readonly id: number;
  /** How the command ended: its code, or 128 and the number of its signal. Others of the group may go on. */
  readonly commandEnd: Promise<number>;
  readonly #gate: Writable;

  private constructor(id: number, leader: ChildProcess) {
    this.id = id;
    this.#gate = leader.stdio[gateFd] as Writable;
    // A leader that has gone does not read any more.
    this.#gate.on("error", () => {});
    this.commandEnd = new Promise((resolve) => {
      leader.once("exit", (code, signal) =>
        resolve(signal === null ? (code ?? 0) : exitCodeOfSignal(signal)),
      );
    });
  }

  /** @throws Error when the system refuses */
  static async start(command: readonly string[], environment: Readonly<Record<string, string>>) {
    const leader = spawn("sh", ["-c", gate, "treekeeper", ...command], {
      // A session and a group of its own: Ctrl-C in a terminal comes to the supervisor alone, which passes it on.
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "pipe"],
      env: { ...process.env, ...environment },
    });
    await new Promise((resolve, reject) => leader.once("spawn", resolve).once("error", reject));
    return new ProcessGroup(leader.pid as number, leader);
  }

  /** From here on it is the command. */
  open(): void {
    this.#gate.end("go\n");
  }

  /** Sends it to each process of the group. A group that is gone needs no signal. */
  signal(name: NodeJS.Signals): void {
    signalGroup(this.id, name);
  }

  isEmpty(): boolean {
    return isEmptyGroup(this.id);
  }
}

export function signalGroup(id: number, name: NodeJS.Signals): void {
  try {
    process.kill(-id, name);
  } catch (error) {
    // EPERM: those that are left run as somebody else. They are waited for, as they cannot be ended.
    if (!hasCode(error, "ESRCH") && !hasCode(error, "EPERM")) throw error;
  }
}

export function isEmptyGroup(id: number): boolean {
  try {
    process.kill(-id, 0);
  } catch (error) {
    if (hasCode(error, "ESRCH")) return true;
    if (!hasCode(error, "EPERM")) throw error;
  }
  return process.platform === "linux" && !hasLivingMember(id);
}

/** A process that has ended and whose parent does not care stays in its group: it does nothing any more. */
function hasLivingMember(groupId: number): boolean {
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && isLivingMember(name, groupId));
}

function isLivingMember(pid: string, groupId: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program comes first, in parentheses, and may hold anything.
    const [state = "", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(group) === groupId && !"ZX".includes(state);
  } catch {
    return false;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
