// What this process was started with and Node does not hand on by itself: descriptors beyond the first three, a
// terminal, a hangup that is to be ignored. A command that is run finds the same around it. Linux only, in part.

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { basename } from "node:path";
import { earlyDescriptors } from "../early-descriptors.ts";
import { wasIgnored } from "../restored.ts";
import { descriptorsOf, openingOf } from "./descriptors.ts";
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
  const nodes = pipesOfNode(targets);
  return [...targets].flatMap(([fd, target]) => {
    if (fd <= 2 || !earlyDescriptors.has(fd) || target.startsWith("anon_inode:")) return [];
    // Node opens the null device, too, to read from it. A parent may hand on the like.
    const isLikeNodes = nodes.has(target) || (target === "/dev/null" && openingOf(fd)?.canWrite !== true);
    return !isLikeNodes || ofParent.get(fd) === target ? [fd] : [];
  });
}

/** It has both ends of its own pipes. One end twice (`3>&1`), or one that is standard output, is from outside. */
function pipesOfNode(targets: ReadonlyMap<number, string>): Set<string> {
  const pipes = [...targets].filter(([, target]) => target.startsWith("pipe:"));
  const ends = pipes.map(([fd, target]) => ({ fd, target, opening: openingOf(fd) }));
  const read = new Set(ends.filter(({ opening }) => opening?.canRead).map(({ target }) => target));
  const written = new Set(ends.filter(({ opening }) => opening?.canWrite).map(({ target }) => target));
  const standard = new Set(ends.filter(({ fd }) => fd <= 2).map(({ target }) => target));
  return new Set([...read].filter((target) => written.has(target) && !standard.has(target)));
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
