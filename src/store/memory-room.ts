// Whether a write still fits into memory. Everything the tree holds is held in memory, and a process that runs out of it
// dies with all that wait for it, to die again at the next start. So what makes the tree grow is refused before, while
// what makes room goes on. It is asked before a command is ordered: what is in the log is done whatever it takes.

import type { Command, Create, ImportedZnode, Operation, SetData } from "../core/command.ts";
import { KeeperError } from "../core/errors.ts";
import type { State } from "../core/state.ts";
import { parentPath, rootPath } from "../core/tree/path.ts";
import { bytesOf } from "./command-queue.ts";

export interface MemoryLimits {
  /** About what the tree and the sessions may take in memory. */
  readonly treeBytesMax: number;
}

/** What a znode takes besides its path and data, and a session in all: measured, and rounded up. */
const znodeBytes = 640;
const sessionBytes = 1024;
/** More than any one command adds: below it nobody looks at what a command would add. */
const growthMax = 64 * 1024 * 1024;

/** About what the state takes in memory. */
export function memoryOf({ tree, sessionCount }: State): number {
  const { count, bytes } = tree.usageOf(rootPath);
  return count * znodeBytes + tree.pathLength + bytes + sessionCount * sessionBytes;
}

/** @throws KeeperError `too_large` for what would make the state larger than it may be */
export function assertFitsMemory(command: Command, state: State, { treeBytesMax }: MemoryLimits): void {
  const used = memoryOf(state);
  if (used + growthMax <= treeBytesMax) return;
  const growth = growthOf(command, state);
  if (growth === 0 || used + growth <= treeBytesMax) return;
  throw new KeeperError(
    "too_large",
    `The tree takes about ${used} bytes of memory and may take ${treeBytesMax}; this write would add about ${growth}. ` +
      "Delete what is not needed, or give the server more memory; deletes and keepalives go on.",
    { limit: "treeBytesMax", limitValue: treeBytesMax, size: used + growth },
  );
}

function growthOf(command: Command, state: State): number {
  switch (command.type) {
    case "multi":
      return command.operations.reduce((sum, operation) => sum + growthOfOperation(operation, state), 0);
    case "import":
      return command.znodes.reduce((sum, znode) => sum + growthOfImported(znode, state), 0);
    case "openSession":
      return sessionBytes;
    case "create":
    case "setData":
    case "delete":
    case "increment":
    case "check":
      return growthOfOperation(command, state);
    case "claimLock":
    case "standForElection":
    case "enterBarrier":
    case "registerInstance":
    case "addToCounter":
    case "configureLock":
    case "setQuota":
      // The znode itself, and the one above it.
      return 2 * znodeBytes + bytesOf(command);
    case "changeCandidate":
    case "changeInstance":
      return bytesOf(command);
    default:
      return 0;
  }
}

function growthOfOperation(operation: Operation, state: State): number {
  if (operation.type === "create") return growthOfCreate(operation, state);
  return operation.type === "setData" ? growthOfSet(operation, state) : 0;
}

function growthOfCreate({ path, data, parents }: Create, state: State): number {
  return sizeOf(path, data) + (parents === true ? sizeOfMissing(parentPath(path), state) : 0);
}

/** What is set to less, or to as much, makes nothing grow. */
function growthOfSet({ path, data, create }: SetData, { tree }: State): number {
  const before = tree.get(path);
  if (before === undefined) return create === undefined ? 0 : sizeOf(path, data);
  return Math.max(0, data.byteLength - before.data.byteLength);
}

function growthOfImported({ path, data }: ImportedZnode, state: State): number {
  const before = state.tree.get(path);
  if (before !== undefined) return Math.max(0, data.byteLength - before.data.byteLength);
  return sizeOf(path, data) + sizeOfMissing(parentPath(path), state);
}

function sizeOf(path: string, data: Uint8Array): number {
  return znodeBytes + path.length + data.byteLength;
}

/** The ancestors that would be made. */
function sizeOfMissing(path: string, { tree }: State): number {
  let size = 0;
  for (let at = path; tree.get(at) === undefined; at = parentPath(at)) size += znodeBytes + at.length;
  return size;
}
