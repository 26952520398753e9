// What this process was started with and Node does not hand on by itself: descriptors beyond the first three, a
// terminal, a hangup that is to be ignored. A command that is run finds the same around it. Linux only, in part.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { constants } from "node:os";
import { basename } from "node:path";
import { wasIgnored } from "../restored.ts";
import { knowsProcesses, processEntry } from "./process-table.ts";

export interface Surroundings {
  /** Beyond standard input, output and error. */
  readonly descriptors: readonly number[];
  /** The session of the controlling terminal; null without one. */
  readonly terminalSession: number | null;
  /** As `nohup` sets it. */
  readonly isHangupIgnored: boolean;
}

/** To be asked before anything is opened: what is open later is not from outside. */
export function surroundingsOfThisProcess(): Surroundings {
  const own = processEntry("self");
  return {
    descriptors: inheritedDescriptors(),
    terminalSession: own === null || own.terminal === 0 || !knowsProcesses() ? null : own.session,
    isHangupIgnored: isHangupIgnored(),
  };
}

function inheritedDescriptors(): number[] {
  const targets = descriptorsOf("self");
  const ofParent = descriptorsOf(String(process.ppid));
  const counts = new Map<string, number>();
  for (const target of targets.values()) counts.set(target, (counts.get(target) ?? 0) + 1);
  return [...targets.keys()].filter((fd) => {
    const target = targets.get(fd) as string;
    if (fd <= 2 || target.startsWith("anon_inode:")) return false;
    // Node has both ends of its own pipes, and opens the null device; a parent may hand on the like.
    const isLikeNodes =
      target === "/dev/null" || (target.startsWith("pipe:") && (counts.get(target) ?? 0) > 1);
    return !isLikeNodes || ofParent.get(fd) === target;
  });
}

/** What each descriptor of a process leads to; none where nobody may know. */
function descriptorsOf(pid: string): Map<number, string> {
  const targets = new Map<number, string>();
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      const target = linkAt(`/proc/${pid}/fd/${name}`);
      if (target !== null) targets.set(Number(name), target);
    }
  } catch {
    // Another user's, or a system that has no /proc.
  }
  return targets;
}

/** Null for what is closed already, as the listing itself is. */
function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/**
 * Node forgets as it starts which signals were ignored. Where the shell before it has not looked, two traces are left:
 * bash and zsh say in `_` what they were asked to run, and a parent that ignores the hangup has handed that on.
 */
function isHangupIgnored(): boolean {
  const known = wasIgnored(constants.signals.SIGHUP);
  if (known !== null) return known;
  const { _: program = "" } = process.env;
  return basename(program) === "nohup" || ignoresHangup(String(process.ppid));
}

function ignoresHangup(pid: string): boolean {
  try {
    const [, ignored = "0"] =
      /^SigIgn:\s*([\da-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return (Number.parseInt(ignored.slice(-1), 16) & 1) === 1;
  } catch {
    return false;
  }
}
