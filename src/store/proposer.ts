// One half of the store: from a command that is asked to its place in the log. It says whether a write is taken now, puts
// what is taken in line, and sends all that waits as one entry. It decides nothing, and gives no answer but a refusal:
// what became of an entry the replica finds, at its place in the log, and answers those who wait.

import type { Clock } from "../clock.ts";
import type { Permits } from "../core/access/permits.ts";
import type { TransactionBounds } from "../core/bounds.ts";
import type { BeginEpoch, Command } from "../core/command.ts";
import { bytesOf, keyOf, rowOf, validateCommand } from "../core/commands.ts";
import { KeeperError } from "../core/errors.ts";
import { longDataBytes } from "../core/json-length.ts";
import type { Limits } from "../core/limits.ts";
import { versionNeeded } from "../core/machine-version.ts";
import type { Moment } from "../core/moment.ts";
import { authorise, permitsFor } from "../core/plan.ts";
import { keptReply } from "../core/replies/idempotency.ts";
import type { State } from "../core/state.ts";
import { rootPath } from "../core/tree/path.ts";
import type { Commit } from "../core/txn.ts";
import { type Asked, type CommandTrace, followedBy } from "../core/write-context.ts";
import { byteBounds, countBounds, Histogram, timeBoundsMs } from "../histogram.ts";
import { beginText } from "../told/text-ahead.ts";
import { encodeBatch } from "./codec.ts";
import { CommandQueue, type Pending, type QueueLimits } from "./command-queue.ts";
import { type CommitLog, type LogState, NotAppendedError, type WritePace } from "./commit-log.ts";
import { KeysAsked } from "./keys-asked.ts";
import { excessOf, type MemoryLimits, outOfMemory } from "./memory-room.ts";
import type { ServiceTime } from "./service-time.ts";
import { entryTooLarge, readOnlyLog, suspendedLog, throttledLog } from "./write-refusals.ts";

/** An entry that was sent, and who waits for what its commands lead to. */
export interface InFlight {
  readonly sentMs: number;
  readonly moment: Moment;
  readonly pending: readonly Pending[];
  /** Whether it was sent when only deletions still were. */
  readonly wasReadOnly: boolean;
}

/** What waits and what was sent. Totals count since the start. */
export interface ProposerStats {
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  readonly queuedCommandsMax: number;
  readonly queuedBytesMax: number;
  /** Sent to the log, and not settled yet. */
  readonly inFlightEntries: number;
  readonly inFlightCommands: number;
  /** How long the log has not answered what was sent to it first; 0 when it owes no answer. */
  readonly oldestAppendMs: number;
  readonly sentEntriesTotal: number;
  readonly sentCommandsTotal: number;
  readonly sentBytesTotal: number;
  /** Refused for want of a place in the line. */
  readonly turnedAwayCommandsTotal: number;
}

interface ProposerParts {
  /** Only looked at: what a write would add, and whether it was answered before. */
  readonly state: State;
  readonly log: CommitLog;
  readonly clock: Clock;
  readonly serviceTime: ServiceTime;
  readonly limits: Limits & QueueLimits & Partial<MemoryLimits>;
  readonly bounds: TransactionBounds;
  /** Of the epoch that what it writes belongs to; null when it begins none. */
  readonly beginning: BeginEpoch | null;
  /** Called when the outcome of an entry is unknown, and will be. */
  readonly onFailure: (error: unknown) => void;
}

/** One entry is being synced while the next is on its way: a disk does not wait for us, nor we for it. */
const appendsAtOnceUsual = 2;

/** As many make an entry at once, so that the disk works on it while the rest of a burst is still being read. */
const eagerBatchCommands = 32;

export class Proposer {
  readonly #state: State;
  readonly #log: CommitLog;
  readonly #clock: Clock;
  readonly #serviceTime: ServiceTime;
  readonly #limits: Limits;
  readonly #memory: MemoryLimits;
  readonly #bounds: TransactionBounds;
  readonly #beginning: BeginEpoch | null;
  readonly #onFailure: (error: unknown) => void;
  readonly #queue: CommandQueue;
  readonly #keys = new KeysAsked();
  /** From when an entry is sent until all who waited for it have their answers. */
  readonly entryMs = new Histogram(timeBoundsMs);
  readonly entryCommands = new Histogram(countBounds);
  readonly entryBytes = new Histogram(byteBounds);
  readonly #queueLimits: QueueLimits;
  readonly #appendsAtOnce: number;
  readonly #inFlight = new Map<number, InFlight>();
  #logState: LogState = { state: "connected" };
  #nextSeq = 1;
  /** Whether the beginning of its epoch was done. */
  #isBegun = false;
  #flushScheduled = false;
  #stopping = false;
  #onIdle: (() => void) | null = null;

  constructor({ state, log, clock, serviceTime, limits, bounds, beginning, onFailure }: ProposerParts) {
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
    this.#serviceTime = serviceTime;
    this.#limits = limits;
    this.#memory = { treeBytesMax: limits.treeBytesMax ?? Number.POSITIVE_INFINITY };
    this.#bounds = bounds;
    this.#beginning = beginning;
    this.#onFailure = onFailure;
    this.#queue = new CommandQueue(limits);
    this.#queueLimits = limits;
    this.#appendsAtOnce = log.info.appendsAtOnce ?? appendsAtOnceUsual;
  }

  stats(): ProposerStats {
    return {
      queuedCommands: this.#queue.length,
      queuedBytes: this.#queue.bytes,
      queuedCommandsMax: this.#queueLimits.queueCommandsMax,
      queuedBytesMax: this.#queueLimits.queueBytesMax,
      inFlightEntries: this.#inFlight.size,
      inFlightCommands: this.waitingCount - this.#queue.length,
      oldestAppendMs: this.oldestAppendMs,
      sentEntriesTotal: this.entryCommands.count,
      sentCommandsTotal: this.entryCommands.sum,
      sentBytesTotal: this.entryBytes.sum,
      turnedAwayCommandsTotal: this.#queue.turnedAway,
    };
  }

  /** Commands waiting or on their way to the log. */
  get waitingCount(): number {
    let count = this.#queue.length;
    for (const { pending } of this.#inFlight.values()) count += pending.length;
    return count;
  }

  /** How long the log has not answered what was sent to it first; 0 when it owes no answer. */
  get oldestAppendMs(): number {
    const sentMs = [...this.#inFlight.values()].map((append) => append.sentMs);
    return sentMs.length === 0 ? 0 : this.#clock.monotonicMs() - Math.min(...sentMs);
  }

  /**
   * Resolves with the command's answer once it is durable and done. Never settles when its outcome is unknown.
   * @throws KeeperError when it is refused: then nothing changed
   */
  submit<C extends Command>(command: C): Promise<Commit<C["type"]>> {
    return new Promise((resolve, reject) => {
      this.#enqueue(command, { resolve: resolve as (commit: Commit) => void, reject });
      this.#flushSoon();
    });
  }

  /**
   * Puts the commands in line at once, in their order, so that they share entries of the log. Each is done or refused
   * by itself, as if it had been submitted alone; resolves when the last has its answer, and like `submit` never when an
   * outcome is unknown.
   */
  submitAll<C extends Command>(
    commands: readonly C[],
  ): Promise<readonly PromiseSettledResult<Commit<C["type"]>>[]> {
    if (commands.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const answers: PromiseSettledResult<Commit>[] = new Array(commands.length);
      let missing = commands.length;
      const answer = (index: number, result: PromiseSettledResult<Commit>) => {
        answers[index] = result;
        missing -= 1;
        if (missing === 0) resolve(answers as PromiseSettledResult<Commit<C["type"]>>[]);
      };
      for (const [index, command] of commands.entries()) {
        const reject = (reason: unknown) => answer(index, { status: "rejected", reason });
        try {
          const accept = (value: Commit) => answer(index, { status: "fulfilled", value });
          this.#enqueue(command, { resolve: accept, reject });
        } catch (error) {
          reject(error);
        }
      }
      this.#flushSoon();
    });
  }

  #enqueue(command: Command, { resolve, reject }: Pick<Pending, "resolve" | "reject">): void {
    this.#assertAccepts(command);
    validateCommand(command, this.#limitsFor(command));
    // It is decided at its place in the log. What is refused already takes no room there, and learns nothing of room.
    const permits = permitsFor(this.#state, command, this.#serviceTime.now().timeMs);
    authorise(command, permits);
    this.#assertFitsMemory(command, permits);
    const pace = rowOf(command).freesSpace ? undefined : this.#log.pace;
    if (pace !== undefined) this.#assertInTime(command, pace);
    const trace = (command as Asked)[followedBy]?.follow();
    const pending = { command, bytes: bytesOf(command), resolve, reject, trace };
    const followed = trace === undefined ? pending : tracedToItsEnd(pending, trace);
    const key = keyOf(command)?.key;
    this.#queue.push(key === undefined ? followed : this.#keys.forgottenAtTheEnd(followed, key));
    if (key !== undefined) this.#keys.add(key);
    pace?.taken(pending.bytes);
    trace?.enter("queue wait");
  }

  /** A path is as long as it is in the whole tree: what somebody confined has made, others must be able to name. */
  #limitsFor(command: Command): Limits {
    const root = this.#state.access.rootOf((command as Asked).principal);
    if (root === rootPath) return this.#limits;
    return { ...this.#limits, pathLengthMax: this.#limits.pathLengthMax - root.length };
  }

  /** What was done already, or is being done, adds nothing: sent again, it hears what became of it (D19). */
  #assertFitsMemory(command: Command, permits: Permits): void {
    const excess = excessOf(command, this.#state, this.#memory);
    if (excess !== null && !this.isRepeated(command)) throw outOfMemory(excess, permits);
  }

  /** Whether a command with its key was done or is being done: it will hear what became of that one (D19). */
  isRepeated(command: Command): boolean {
    const asked = keyOf(command);
    if (asked === undefined) return false;
    return this.#keys.has(asked.key) || keptReply(this.#state, asked, this.#serviceTime.now()) !== undefined;
  }

  /** What was done already is not held up. */
  #assertInTime(command: Command, pace: WritePace): void {
    const delayMs = pace.delayMs();
    if (delayMs === 0 || this.isRepeated(command)) return;
    pace.putOff();
    throw throttledLog(delayMs);
  }

  #flushSoon(): void {
    if (this.#queue.length >= eagerBatchCommands && this.#appendsAtOnce > 1) this.#flush();
    else this.#scheduleFlush();
  }

  #assertAccepts(command: Command): void {
    if (this.#stopping)
      throw new KeeperError("stopping", "The server is shutting down; retry against it shortly.");
    if (this.#logState.state === "suspended") throw suspendedLog(this.#logState.cause);
    if (this.#logState.state === "read_only" && !rowOf(command).freesSpace)
      throw readOnlyLog(this.#logState.cause);
  }

  /** Requests that arrived together are handled before the flush, and so share an entry. */
  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#inFlight.size >= this.#appendsAtOnce) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0 || this.#inFlight.size >= this.#appendsAtOnce) return;
    const pending = this.#takeBatch();
    if (pending.length === 0) {
      this.#goOn();
      return;
    }
    this.#append(pending);
    if (this.#queue.length > 0) this.#scheduleFlush();
  }

  #append(asked: readonly Pending[]): void {
    const moment = this.#serviceTime.now();
    const pending = this.#inItsEpoch(asked);
    const commands = pending.map(({ command }) => command);
    const body = encodeBatch({
      ...{ ...moment, commands, bounds: this.#bounds },
      version: versionNeeded(commands),
    });
    if (body.byteLength > this.#log.info.entryBytesMax) {
      this.#appendLess(asked, body.byteLength);
      return;
    }
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    const wasReadOnly = this.#logState.state === "read_only";
    this.entryCommands.observe(pending.length);
    this.entryBytes.observe(body.byteLength);
    this.#inFlight.set(seq, { sentMs: this.#clock.monotonicMs(), moment, pending, wasReadOnly });
    for (const { trace } of pending) trace?.enter("append");
    this.#log.append(seq, body).catch((error: unknown) => this.#appendFailed(seq, error));
    for (const { command, bytes } of pending) if (bytes > longDataBytes) beginTexts(command);
  }

  /**
   * What is written first since the start is the beginning of an epoch, in one entry with what is asked, so that neither
   * is there without the other; until it is known to be there, it is written again.
   */
  #inItsEpoch(asked: readonly Pending[]): readonly Pending[] {
    const command = this.#beginning;
    if (command === null || this.#hasBegun(command)) return asked;
    const resolve = () => {
      this.#isBegun = true;
    };
    return [{ command, bytes: bytesOf(command), resolve, reject: ignore }, ...asked];
  }

  /** Once is enough where others write as well, and have begun theirs since. */
  #hasBegun({ epoch }: BeginEpoch): boolean {
    return this.#state.epochs.current.id === epoch || (this.#log.info.isShared && this.#isBegun);
  }

  /** A command that does not fit by itself never will; its company is done all the same. */
  #appendLess(pending: readonly Pending[], size: number): void {
    const half = Math.floor(pending.length / 2);
    if (half > 0) {
      this.#append(pending.slice(0, half));
      this.#append(pending.slice(half));
      return;
    }
    for (const { reject } of pending) reject(entryTooLarge(size, this.#log.info.entryBytesMax));
    this.#goOn();
  }

  /** What waited while the log became read-only must not take the room that is left for deletions. */
  #takeBatch(): Pending[] {
    const pending = this.#queue.takeBatch();
    if (this.#logState.state !== "read_only") return pending;
    const error = readOnlyLog(this.#logState.cause);
    for (const { command, reject } of pending) if (!rowOf(command).freesSpace) reject(error);
    return pending.filter(({ command }) => rowOf(command).freesSpace);
  }

  #appendFailed(seq: number, error: unknown): void {
    if (!(error instanceof NotAppendedError)) {
      this.#onFailure(error);
      return;
    }
    const { pending, wasReadOnly } = this.#inFlight.get(seq) as InFlight;
    const freeing = pending.filter(({ command }) => rowOf(command).freesSpace);
    const mayFree = this.#logState.state === "read_only" && !wasReadOnly && freeing.length > 0;
    const refused = mayFree ? pending.filter(({ command }) => !rowOf(command).freesSpace) : pending;
    for (const { reject } of refused) reject(readOnlyLog(error.message));
    // What makes room was refused only for its company, or for being the first to meet the want of it.
    if (mayFree) this.#append(freeing);
    this.settled(seq);
  }

  /** What was sent under this number and is not settled: it stands in the log now. */
  sent(seq: number): InFlight | undefined {
    return this.#inFlight.get(seq);
  }

  /** All who waited for the entry have their answers. */
  settled(seq: number, nowMs = this.#clock.monotonicMs()): void {
    const sent = this.#inFlight.get(seq);
    if (sent !== undefined) this.entryMs.observe(nowMs - sent.sentMs);
    this.#inFlight.delete(seq);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#queue.length > 0) this.#scheduleFlush();
    else if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  /** What is taken from now on follows from it. */
  logStateChanged(state: LogState): void {
    this.#logState = state;
    if (state.state === "suspended") this.#refuseWaiting(state.cause);
    if (this.#owesNoAnswer()) this.#onIdle?.();
  }

  /** What was not sent yet never will be; what was keeps waiting, since it may be in the log. */
  #refuseWaiting(cause: string): void {
    while (this.#queue.length > 0) {
      for (const { reject } of this.#queue.takeBatch()) reject(suspendedLog(cause));
    }
  }

  /** Whether nobody waits for an answer, or none can be expected. */
  #owesNoAnswer(): boolean {
    const { state } = this.#logState;
    if (state === "failed" || state === "suspended") return true;
    return this.#queue.length === 0 && this.#inFlight.size === 0;
  }

  /** Takes no more; resolves when nobody waits for an answer that can still come. */
  async close(): Promise<void> {
    this.#stopping = true;
    if (this.#owesNoAnswer()) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

/** What it will be told of is put into words while its entry is on its way. */
function beginTexts(command: Command): void {
  for (const { data } of rowOf(command).parts?.(command) ?? []) if (data !== undefined) beginText(data);
}

/** However it ends, whoever follows it hears of it before the answer. */
function tracedToItsEnd(pending: Pending, trace: CommandTrace): Pending {
  return {
    ...pending,
    resolve(commit) {
      trace.end();
      pending.resolve(commit);
    },
    reject(error) {
      trace.end(error);
      pending.reject(error);
    },
  };
}

function ignore(): void {}
