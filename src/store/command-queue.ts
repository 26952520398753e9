// Commands waiting for their place in the log. Bounded: what does not fit is refused before it was ordered, so a
// refused command is guaranteed not to have happened (L1).

import type { Command } from "../core/command.ts";
import { rowOf } from "../core/commands.ts";
import { type ErrorDetails, KeeperError } from "../core/errors.ts";
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
    if (!rowOf(pending.command).passesFullQueue && this.#isFull(pending.bytes)) {
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

  /** Those that wait, in the order they came. */
  [Symbol.iterator](): Iterator<Pending> {
    return this.#waiting.values();
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
