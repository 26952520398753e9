// How the descriptors of a process are open, as the system tells it (Linux).

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

interface Opening {
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Where the next byte goes; null for the end, wherever that is. */
  readonly position: number | null;
}

/** What each descriptor of a process leads to; none where nobody may know. */
export function descriptorsOf(pid: string): Map<number, string> {
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

// As Linux has them on most machines; `fdinfo` prints what is said when a file is opened.
const accessBits = 0o3;
const readOnly = 0o0;
const writeOnly = 0o1;
const appending = 0o2000;
/** Neither read nor written through, whatever its access says. */
const pathOnly = 0o10000000;

/** Of this process; null where the system does not tell. */
export function openingOf(descriptor: number): Opening | null {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
    const [, position = "0"] = /^pos:\s*(\d+)$/m.exec(text) ?? [];
    const [, octal = "0"] = /^flags:\s*([0-7]+)$/m.exec(text) ?? [];
    const flags = Number.parseInt(octal, 8);
    const access = (flags & pathOnly) === 0 ? flags & accessBits : null;
    return {
      canRead: access !== null && access !== writeOnly,
      canWrite: access !== null && access !== readOnly,
      position: (flags & appending) === 0 ? Number(position) : null,
    };
  } catch {
    return null;
  }
}
