// Commands waiting for their place in the log. Bounded: what does not fit is refused before it was ordered, so a
// refused command is guaranteed not to have happened (L1).

import type { Command } from "../core/command.ts";
import type { CoordinationCommand } from "../core/coordination/coordination-command.ts";
import { type ErrorDetails, KeeperError } from "../core/errors.ts";
import { idempotencyOf } from "../core/replies/idempotency.ts";
import type { Commit } from "../core/txn.ts";

/** A command and the answer its client waits for. */
export interface Pending {
  readonly command: Command;
  readonly bytes: number;
  readonly resolve: (commit: Commit) => void;
  readonly reject: (error: unknown) => void;
}

export interface QueueLimits {
  readonly queueCommandsMax: number;
  readonly queueBytesMax: number;
}

/** An entry is cut at whichever comes first; one command larger than that is an entry by itself. */
const batchCommandsMax = 1000;
const batchBytesMax = 512 * 1024;

export class CommandQueue {
  readonly #limits: QueueLimits;
  #waiting: Pending[] = [];
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** @throws KeeperError `throttled` when the line is full; the end of a session always gets in (L2). */
  push(pending: Pending): void {
    if (pending.command.type !== "closeSession" && this.#isFull(pending.bytes)) {
      throw new KeeperError(
        "throttled",
        "Too many writes are waiting; this one was not executed. Retry shortly.",
        { ...this.#limitReached(), retryAfterSeconds: 1 },
      );
    }
    this.#waiting.push(pending);
    this.#bytes += pending.bytes;
  }

  #isFull(bytes: number): boolean {
    if (this.#waiting.length >= this.#limits.queueCommandsMax) return true;
    return this.#waiting.length > 0 && this.#bytes + bytes > this.#limits.queueBytesMax;
  }

  #limitReached(): Pick<ErrorDetails, "limit" | "limitValue"> {
    const { queueCommandsMax, queueBytesMax } = this.#limits;
    return this.#waiting.length >= queueCommandsMax
      ? { limit: "queueCommandsMax", limitValue: queueCommandsMax }
      : { limit: "queueBytesMax", limitValue: queueBytesMax };
  }

  /** The commands of the next entry, in the order they came; at least one when any wait. */
  takeBatch(): Pending[] {
    let count = 0;
    let bytes = 0;
    for (const pending of this.#waiting) {
      if (count === batchCommandsMax || (count > 0 && bytes + pending.bytes > batchBytesMax)) break;
      count += 1;
      bytes += pending.bytes;
    }
    this.#bytes -= bytes;
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }
}

const commandOverheadBytes = 64;
const idempotencyBytes = 256;
const conditionBytes = 32;

/** About what the command takes in an entry: good enough to bound memory by. */
export function bytesOf(command: Command): number {
  const { fences, ifMatch } = command as Conditional;
  const keyBytes = idempotencyOf(command) === undefined ? 0 : idempotencyBytes;
  const fenceBytes = (fences ?? []).reduce((sum, { path }) => sum + conditionBytes + path.length, 0);
  return ownBytes(command) + keyBytes + fenceBytes + (ifMatch?.length ?? 0) * conditionBytes;
}

interface Conditional {
  readonly fences?: readonly { readonly path: string }[];
  readonly ifMatch?: readonly unknown[];
}

function ownBytes(command: Command): number {
  if (command.type === "openSession" || command.type === "closeSession") return 2 * commandOverheadBytes;
  if ("name" in command) return claimBytes(command);
  const parts = partsOf(command);
  if (parts !== null) return parts.reduce((sum, part) => sum + operationBytes(part), commandOverheadBytes);
  return operationBytes(command as Sized);
}

function claimBytes(command: Extract<CoordinationCommand, { name: string }>): number {
  const named = 2 * commandOverheadBytes + command.name.length + ("id" in command ? command.id.length : 0);
  if (command.type === "claimLock") return named + command.metadata.byteLength;
  if (command.type === "registerInstance") return named + command.data.byteLength;
  if (command.type === "changeInstance") return named + command.changes.byteLength;
  if ("participant" in command) return named + (command.participant?.length ?? 0);
  return named + ("value" in command ? command.value.byteLength : 0);
}

/** The operations of a command that has several. */
function partsOf(command: Command): readonly Sized[] | null {
  if (command.type === "multi") return command.operations;
  return command.type === "import" ? command.znodes : null;
}

interface Sized {
  readonly path: string;
  readonly data?: Uint8Array;
}

function operationBytes(operation: Sized): number {
  return commandOverheadBytes + operation.path.length + (operation.data?.byteLength ?? 0);
}
