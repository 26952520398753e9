// Commands waiting for their place in the log. Bounded: what does not fit is refused before it was ordered, so a
// refused command is guaranteed not to have happened (L1). One client may fill a part of the line only, so that others
// get in.

import type { Command } from "../core/command.ts";
import { rowOf } from "../core/commands.ts";
import { type ErrorDetails, KeeperError } from "../core/errors.ts";
import type { Commit } from "../core/txn.ts";
import { askedBy, type CommandTrace, type WriteContext } from "../core/write-context.ts";

/** A command and the answer its client waits for. */
export interface Pending {
  readonly command: Command;
  readonly bytes: number;
  readonly resolve: (commit: Commit) => void;
  readonly reject: (error: unknown) => void;
  /** Of a command that is followed. */
  readonly trace?: CommandTrace | undefined;
}

export interface QueueLimits {
  readonly queueCommandsMax: number;
  readonly queueBytesMax: number;
  /** Of these, how many may be one client's; all of them when absent. */
  readonly queueCommandsPerClientMax?: number;
  readonly queueBytesPerClientMax?: number;
}

/** What of one client waits. */
interface Share {
  commands: number;
  bytes: number;
}

/** An entry is cut at whichever comes first; one command larger than that is an entry by itself. */
const batchCommandsMax = 1000;
const batchBytesMax = 512 * 1024;

export class CommandQueue {
  readonly #limits: QueueLimits;
  #waiting: Pending[] = [];
  #bytes = 0;
  #turnedAway = 0;
  /** Of those whose commands wait. */
  readonly #shares = new Map<string, Share>();

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** What the commands that wait take in an entry. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Commands that found no place, since the start. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** @throws KeeperError `throttled` when the line is full; the end of a session always gets in (L2). */
  push(pending: Pending): void {
    const { command, bytes } = pending;
    const holder = (command as WriteContext)[askedBy];
    if (!rowOf(command).passesFullQueue) {
      if (this.#isFull(bytes)) throw this.#tooMany("Too many writes are waiting", this.#limitReached());
      if (holder !== undefined) this.#assertShare(this.#shares.get(holder), bytes);
    }
    this.#waiting.push(pending);
    this.#bytes += bytes;
    if (holder !== undefined) this.#count(holder, bytes);
  }

  /** A single command gets in whatever it has, as into the whole line. */
  #assertShare(share: Share | undefined, bytes: number): void {
    if (share === undefined) return;
    const { queueCommandsPerClientMax, queueBytesPerClientMax } = this.#limits;
    const message = "Too many writes of this client are waiting";
    if (queueCommandsPerClientMax !== undefined && share.commands >= queueCommandsPerClientMax)
      throw this.#tooMany(message, {
        limit: "queueCommandsPerClientMax",
        limitValue: queueCommandsPerClientMax,
      });
    if (queueBytesPerClientMax !== undefined && share.bytes + bytes > queueBytesPerClientMax)
      throw this.#tooMany(message, { limit: "queueBytesPerClientMax", limitValue: queueBytesPerClientMax });
  }

  #count(holder: string, bytes: number): void {
    const share = this.#shares.get(holder);
    if (share === undefined) {
      this.#shares.set(holder, { commands: 1, bytes });
      return;
    }
    share.commands += 1;
    share.bytes += bytes;
  }

  #uncount({ command, bytes }: Pending): void {
    const holder = (command as WriteContext)[askedBy];
    if (holder === undefined) return;
    const share = this.#shares.get(holder) as Share;
    share.commands -= 1;
    share.bytes -= bytes;
    if (share.commands === 0) this.#shares.delete(holder);
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

  #tooMany(message: string, limit: Pick<ErrorDetails, "limit" | "limitValue">): KeeperError {
    this.#turnedAway += 1;
    return new KeeperError("throttled", `${message}; this one was not executed. Retry shortly.`, {
      ...limit,
      retryAfterSeconds: 1,
    });
  }

  /** The commands of the next entry, in the order they came; at least one when any wait. */
  takeBatch(): Pending[] {
    let count = 0;
    let bytes = 0;
    for (const pending of this.#waiting) {
      if (count === batchCommandsMax || (count > 0 && bytes + pending.bytes > batchBytesMax)) break;
      count += 1;
      bytes += pending.bytes;
      this.#uncount(pending);
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
