// Where commands become durable and then true. A command waits in line, is appended to the log together with all
// that wait beside it, and only when the log has it is it decided, done, told and answered, in that order and in
// one go. Nothing here interprets a command, and nobody sees a state that is not durable.

import type { Clock } from "../clock.ts";
import type { TransactionBounds } from "../core/bounds.ts";
import type { Command } from "../core/command.ts";
import { bytesOf, keyOf, rowOf, validateCommand } from "../core/commands.ts";
import { KeeperError } from "../core/errors.ts";
import { execute, rehearse } from "../core/execute.ts";
import type { Limits } from "../core/limits.ts";
import { assertEvaluable, versionNeeded } from "../core/machine-version.ts";
import type { Moment } from "../core/moment.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import type { ReadContext, Reader } from "../core/reader.ts";
import { keptReply } from "../core/replies/idempotency.ts";
import type { State } from "../core/state.ts";
import { StateReader } from "../core/state-reader.ts";
import type { Commit, Txn } from "../core/txn.ts";
import { type ChangeMessage, changeMessageOf, isTooLongToTell } from "../told/change-message.ts";
import { Arrivals } from "./arrivals.ts";
import { decodeBatch, encodeBatch } from "./codec.ts";
import { CommandQueue, type Pending, type QueueLimits } from "./command-queue.ts";
import {
  type CommitLog,
  type Covering,
  type LogEntry,
  type LogState,
  type Lsn,
  NotAppendedError,
} from "./commit-log.ts";
import { type MemoryLimits, refusalByMemory } from "./memory-room.ts";
import { ServiceTime } from "./service-time.ts";
import { Slices } from "./slices.ts";
import { TableWriter } from "./table-writer.ts";
import type { Tables } from "./tables.ts";

/** A transaction that was done, and what watchers are told of it (null when there is nothing to tell). */
export interface Applied {
  readonly txn: Txn;
  readonly message: ChangeMessage | null;
  /** It was too much to be told: the history begins anew behind it. */
  readonly isUntold?: true;
}

export interface StoreParts {
  /** The state as of `position`; the store makes it its own. */
  readonly state: State;
  readonly position: { readonly appliedLsn: Lsn; readonly historyFloorZxid: number };
  readonly log: CommitLog;
  /** Absent where the log alone is kept. */
  readonly tables?: Tables;
  readonly clock: Clock;
  readonly limits: Limits & QueueLimits & Partial<MemoryLimits>;
}

interface InFlight {
  readonly sentMs: number;
  readonly moment: Moment;
  readonly pending: readonly Pending[];
  /** Whether it was sent when only deletions still were. */
  readonly wasReadOnly: boolean;
}

interface Execution extends Pick<InFlight, "moment" | "pending"> {
  readonly bounds: TransactionBounds | undefined;
}

/** One entry is being synced while the next is on its way: the disk does not wait for us, nor we for it. */
const appendsInFlightMax = 2;

/** As many make an entry at once, so that the disk works on it while the rest of a burst is still being read. */
const eagerBatchCommands = 32;

export class Store {
  readonly #state: State;
  readonly clock: Clock;
  /** What one transaction may change, as each entry says it. */
  readonly bounds: TransactionBounds;
  readonly #log: CommitLog;
  readonly #limits: Limits;
  readonly #memory: MemoryLimits;
  readonly #queue: CommandQueue;
  readonly #serviceTime: ServiceTime;
  readonly #tables: Tables | undefined;
  readonly #tableWriter: TableWriter | null;
  readonly #slices: Slices;
  readonly #zxids: Arrivals;
  readonly #lsns: Arrivals;
  /** Where the log ends, for those who ask in this turn. */
  #nextTail: Promise<Lsn> | null = null;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #listeners = new Set<(applied: readonly Applied[]) => void>();
  readonly #stateListeners = new Set<(state: LogState) => void>();
  #logState: LogState = { state: "connected" };
  #appliedLsn: Lsn;
  #nextSeq = 1;
  #flushScheduled = false;
  #stopping = false;
  #onIdle: (() => void) | null = null;
  #isBroken = false;
  #onBroken: (error: BrokenEntryError | NewerVersionError) => void = () => {};

  constructor(parts: StoreParts) {
    this.#state = parts.state;
    this.clock = parts.clock;
    this.#log = parts.log;
    this.#limits = parts.limits;
    this.#memory = { treeBytesMax: parts.limits.treeBytesMax ?? Number.POSITIVE_INFINITY };
    const { transactionChangesMax, transactionChangeBytesMax, ephemeralsPerSessionMax } = parts.limits;
    this.bounds = { transactionChangesMax, transactionChangeBytesMax, ephemeralsPerSessionMax };
    this.#queue = new CommandQueue(parts.limits);
    this.#serviceTime = new ServiceTime(parts.clock, parts.state.ranMs);
    this.#appliedLsn = parts.position.appliedLsn;
    this.#slices = new Slices(parts.clock);
    this.#zxids = new Arrivals(parts.state.zxid);
    this.#lsns = new Arrivals(parts.position.appliedLsn);
    this.#tables = parts.tables;
    const { state, tables, clock } = parts;
    this.#tableWriter =
      tables === undefined
        ? null
        : new TableWriter({ state, tables, clock, onFailure: (error) => this.#fail(error) }, parts.position);
  }

  /**
   * Replays what the log has beyond the tables; resolves when the state is that of the whole log.
   * @throws Error when an entry cannot be done, which says what to do: each start meets it again. NewerVersionError
   * where a later version can do it
   */
  async start(): Promise<void> {
    this.#assertFitTogether();
    this.#log.onState((state) => this.#setLogState(state));
    const tail = await this.#log.tail();
    await new Promise<void>((resolve, reject) => {
      this.#onBroken = (error) => reject(error instanceof BrokenEntryError ? unreplayable(error) : error);
      this.#log.follow(this.#appliedLsn, (entries) => this.#hearAll(entries));
      this.#lsns.until(tail).then(resolve);
    });
    this.#onBroken = (error) => this.#fail(error);
    this.#tables?.onDurable((covering) => this.#trim(covering));
  }

  /** @throws Error */
  #assertFitTogether(): void {
    const { clusterId, entryBytesMax } = this.#log.info;
    if (this.#tables !== undefined && this.#tables.clusterId !== clusterId) {
      throw new Error(
        `The tables are those of cluster ${this.#tables.clusterId}, and the log is that of cluster ${clusterId}: ` +
          "start with the data directory that belongs to the log, or with an empty one.",
      );
    }
    const { dataBytesMax } = this.#limits;
    if (dataBytesMax < entryBytesMax) return;
    throw new Error(
      `A znode may have ${dataBytesMax} bytes of data, and an entry of the log takes ${entryBytesMax} in all: ` +
        "no write of that size would ever be taken. Allow less data.",
    );
  }

  /** A log of one server needs no entry that the tables hold. From a shared one others may still want to read it. */
  #trim(covering: Covering): void {
    if (this.#log.info.isShared) return;
    this.#log.trim(covering.lsn, covering).catch((error: unknown) => {
      if (!this.#stopping) this.#fail(error);
    });
  }

  /** The last applied transaction: what every answer says it has seen (Z6). */
  get zxid(): number {
    return this.#state.zxid;
  }

  /** What there is, for somebody to look at: every read of the state by others than the store passes here. */
  reader(context: ReadContext): Reader {
    return new StateReader(this.#state, context);
  }

  /**
   * What the command would do now, without doing it.
   * @throws KeeperError when it would be refused
   */
  rehearse<C extends Command>(command: C): Commit<C["type"]> {
    return rehearse(this.#state, command, this.now(), this.bounds);
  }

  /** When an entry would be ordered now: by the wall clock, and by how long the service has run. */
  now(): Required<Moment> {
    return { timeMs: this.clock.wallMs(), ranMs: this.#serviceTime.nowMs() };
  }

  get logState(): LogState {
    return this.#logState;
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
    return sentMs.length === 0 ? 0 : this.clock.monotonicMs() - Math.min(...sentMs);
  }

  /** Called with each entry's transactions in zxid order, after the state has them and before any answer (W23). */
  onApplied(listener: (applied: readonly Applied[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when the log starts or stops taking writes; `failed` is final: the process must end. */
  onLogState(listener: (state: LogState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /**
   * Resolves when the state holds the transaction of this zxid, wherever it was asked for, and its watchers are told.
   * How long is worth waiting the caller says. @throws the signal's reason
   */
  atLeast(zxid: number, signal?: AbortSignal): Promise<void> {
    return this.#zxids.until(zxid, signal);
  }

  /**
   * Resolves with a zxid that this store has reached, not before that of any write that was answered anywhere before the
   * call. It asks the log where it ends and waits until it is there, and writes nothing.
   * @throws KeeperError `suspended` while nobody can say where the log ends; the signal's reason
   */
  async sync(signal?: AbortSignal): Promise<number> {
    // What one server answered is in its state, and there is no other.
    if (!this.#log.info.isShared) return this.zxid;
    if (this.#logState.state === "suspended") throw suspended(this.#logState.cause);
    const tail = await this.#tailSoon();
    await this.#lsns.until(tail, signal);
    return this.zxid;
  }

  /** All who ask in one turn share a question. One that is under way may be answered from before the call. */
  #tailSoon(): Promise<Lsn> {
    this.#nextTail ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#nextTail = null;
        this.#log.tail().then(resolve, reject);
      });
    });
    return this.#nextTail;
  }

  /** Messages at or below this zxid can no longer be resumed from; their rows go with the next write. */
  trimHistory(floorZxid: number): void {
    this.#tableWriter?.trimHistory(floorZxid);
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
    validateCommand(command, this.#limits);
    this.#assertFitsMemory(command);
    this.#queue.push({ command, bytes: bytesOf(command), resolve, reject });
  }

  /** What was done already, or is being done, adds nothing: sent again, it hears what became of it (D19). */
  #assertFitsMemory(command: Command): void {
    const refusal = refusalByMemory(command, this.#state, this.#memory);
    if (refusal !== null && !this.#isRepeated(command)) throw refusal;
  }

  #isRepeated(command: Command): boolean {
    const asked = keyOf(command);
    if (asked === undefined) return false;
    const isSame = (pending: Pending) => keyOf(pending.command)?.key === asked.key;
    for (const pending of this.#queue) if (isSame(pending)) return true;
    for (const { pending } of this.#inFlight.values()) if (pending.some(isSame)) return true;
    return keptReply(this.#state, asked, this.now()) !== undefined;
  }

  #flushSoon(): void {
    if (this.#queue.length >= eagerBatchCommands) this.#flush();
    else this.#scheduleFlush();
  }

  #assertAccepts(command: Command): void {
    if (this.#stopping)
      throw new KeeperError("stopping", "The server is shutting down; retry against it shortly.");
    if (this.#logState.state === "suspended") throw suspended(this.#logState.cause);
    if (this.#logState.state === "read_only" && !rowOf(command).freesSpace)
      throw readOnly(this.#logState.cause);
  }

  /** Requests that arrived together are handled before the flush, and so share an entry. */
  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#inFlight.size >= appendsInFlightMax) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0 || this.#inFlight.size >= appendsInFlightMax) return;
    const pending = this.#takeBatch();
    if (pending.length === 0) {
      this.#goOn();
      return;
    }
    this.#append(pending);
    if (this.#queue.length > 0) this.#scheduleFlush();
  }

  #append(pending: readonly Pending[]): void {
    const moment = this.now();
    const commands = pending.map(({ command }) => command);
    const body = encodeBatch({
      ...{ ...moment, commands, bounds: this.bounds },
      version: versionNeeded(commands),
    });
    if (body.byteLength > this.#log.info.entryBytesMax) {
      this.#appendLess(pending, body.byteLength);
      return;
    }
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    const wasReadOnly = this.#logState.state === "read_only";
    this.#inFlight.set(seq, { sentMs: this.clock.monotonicMs(), moment, pending, wasReadOnly });
    this.#log.append(seq, body).catch((error: unknown) => this.#appendFailed(seq, error));
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
    const error = readOnly(this.#logState.cause);
    for (const { command, reject } of pending) if (!rowOf(command).freesSpace) reject(error);
    return pending.filter(({ command }) => rowOf(command).freesSpace);
  }

  #appendFailed(seq: number, error: unknown): void {
    if (!(error instanceof NotAppendedError)) {
      this.#fail(error);
      return;
    }
    const { pending, wasReadOnly } = this.#inFlight.get(seq) as InFlight;
    const freeing = pending.filter(({ command }) => rowOf(command).freesSpace);
    const mayFree = this.#logState.state === "read_only" && !wasReadOnly && freeing.length > 0;
    const refused = mayFree ? pending.filter(({ command }) => !rowOf(command).freesSpace) : pending;
    for (const { reject } of refused) reject(readOnly(error.message));
    // What makes room was refused only for its company, or for being the first to meet the want of it.
    if (mayFree) this.#append(freeing);
    this.#settled(seq);
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    const isOfTheEntry = error instanceof BrokenEntryError || error instanceof NewerVersionError;
    this.#setLogState({ state: "failed", cause, ...(isOfTheEntry && { error }) });
  }

  /** In slices: a server that has much to catch up with still answers. */
  #hearAll(entries: readonly LogEntry[]): void | Promise<void> {
    this.#slices.begin();
    for (const [index, entry] of entries.entries()) {
      this.#hear(entry);
      const pause = this.#slices.end();
      if (pause !== null) return pause.then(() => this.#hearAll(entries.slice(index + 1)));
    }
  }

  /**
   * What is thrown between deciding and telling leaves a state, tables and watchers that disagree. It is the end of this
   * store: nobody is answered any more, and only a replay says what is true.
   */
  #hear(entry: LogEntry): void {
    if (this.#isBroken) return;
    try {
      this.#applyEntry(entry);
    } catch (error) {
      this.#isBroken = true;
      this.#tableWriter?.stop();
      this.#onBroken(error instanceof NewerVersionError ? error : new BrokenEntryError(entry.lsn, error));
    }
  }

  #applyEntry(entry: LogEntry): void {
    if (entry.lsn !== this.#appliedLsn + 1) {
      throw new Error(`the log went from entry ${this.#appliedLsn} to ${entry.lsn}: entries are missing`);
    }
    const own = entry.writer === this.#log.writer ? this.#inFlight.get(entry.seq) : undefined;
    const { answers, applied } =
      own === undefined ? this.#replay(entry.body) : this.#executeAll({ ...own, bounds: this.bounds });
    this.#appliedLsn = entry.lsn;
    this.#serviceTime.reach(this.#state.ranMs);
    this.#tableWriter?.applied(entry.lsn);
    for (const listener of this.#listeners) listener(applied);
    for (const answer of answers) answer();
    this.#zxids.reach(this.#state.zxid);
    this.#lsns.reach(entry.lsn);
    if (own !== undefined) this.#settled(entry.seq);
  }

  /**
   * Somebody else's entry, or our own from before a restart: nobody waits for its answers.
   * @throws NewerVersionError before anything of it is done
   */
  #replay(body: Uint8Array) {
    const { commands, bounds, version, ...moment } = decodeBatch(body);
    assertEvaluable(commands, version);
    return this.#executeAll({
      ...{ moment, bounds },
      pending: commands.map((command) => ({ command, bytes: 0, resolve: ignore, reject: ignore })),
    });
  }

  #executeAll({ moment, pending, bounds }: Execution): {
    answers: (() => void)[];
    applied: Applied[];
  } {
    const answers: (() => void)[] = [];
    const applied: Applied[] = [];
    for (const [index, { command, resolve, reject }] of pending.entries()) {
      try {
        const { commit, txn } = execute(this.#state, command, moment, bounds);
        if (txn !== null) applied.push(this.#recordTxn(txn, bounds));
        answers.push(() => resolve(commit));
      } catch (error) {
        if (!(error instanceof KeeperError)) throw new BrokenCommandError(command, index, error);
        answers.push(() => reject(error));
      }
    }
    return { answers, applied };
  }

  #recordTxn(txn: Txn, bounds: TransactionBounds | undefined): Applied {
    const isUntold = bounds === undefined && isTooLongToTell(txn);
    const message = isUntold ? null : changeMessageOf(txn);
    this.#tableWriter?.collect(txn, message);
    return isUntold ? { txn, message, isUntold } : { txn, message };
  }

  #settled(seq: number): void {
    this.#inFlight.delete(seq);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#queue.length > 0) this.#scheduleFlush();
    else if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  #setLogState(state: LogState): void {
    if (this.#logState.state === "failed") return;
    this.#logState = state;
    if (state.state === "failed") this.#tableWriter?.stop();
    if (state.state === "suspended") this.#refuseWaiting(state.cause);
    if (this.#owesNoAnswer()) this.#onIdle?.();
    for (const listener of this.#stateListeners) listener(state);
  }

  /** What was not sent yet never will be; what was keeps waiting, since it may be in the log. */
  #refuseWaiting(cause: string): void {
    while (this.#queue.length > 0) {
      for (const { reject } of this.#queue.takeBatch()) reject(suspended(cause));
    }
  }

  /** Whether nobody waits for an answer, or none can be expected. */
  #owesNoAnswer(): boolean {
    const { state } = this.#logState;
    if (state === "failed" || state === "suspended") return true;
    return this.#queue.length === 0 && this.#inFlight.size === 0;
  }

  /**
   * Lets accepted commands finish, writes the tables, and closes them and the log. New commands are refused from now on.
   * While the log has failed or is suspended there is nothing to wait for: it is closed as it is.
   */
  async close(): Promise<void> {
    this.#stopping = true;
    if (!this.#owesNoAnswer()) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#tableWriter?.flush();
    await this.#log.close();
    await this.#tables?.close();
  }
}

function ignore(): void {}

/** A bug met while an entry was done: no refusal, and nobody's fault who asked. */
class BrokenEntryError extends Error {
  constructor(lsn: Lsn, cause: unknown) {
    super(`entry ${lsn} of the log could not be done: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.name = "BrokenEntryError";
  }
}

class BrokenCommandError extends Error {
  constructor(command: Command, index: number, cause: unknown) {
    super(`its command ${index + 1}, ${nameOf(command)}, met ${cause}`, { cause });
    this.name = "BrokenCommandError";
  }
}

/** For whoever looks for the cause; a path may be long. */
function nameOf(command: Command): string {
  const { type, path, name, sessionId } = command as {
    type: string;
    path?: string;
    name?: string;
    sessionId?: string;
  };
  const subject = path ?? name ?? sessionId;
  return subject === undefined ? type : `${type} ${subject.slice(0, 200)}`;
}

function unreplayable(broken: BrokenEntryError): Error {
  return new Error(
    `${broken.message}. Each start meets this entry again, and nothing that was acknowledged is lost: keep a copy of ` +
      "the data directory, report this with it, and start a version that can do the entry; or restore a backup.",
    { cause: broken },
  );
}

/** It would not fit later either, so this is no want of room. */
function entryTooLarge(size: number, entryBytesMax: number): KeeperError {
  return new KeeperError(
    "too_large",
    `One write takes at most ${entryBytesMax} bytes of the log; this one takes ${size}. Send it in parts.`,
    { limit: "entryBytesMax", limitValue: entryBytesMax, size },
  );
}

function suspended(cause: string): KeeperError {
  return new KeeperError(
    "suspended",
    `The log cannot be reached now (${cause}), and nothing can be ordered without it. This was not done; retry shortly.`,
    { retryAfterSeconds: 1 },
  );
}

function readOnly(cause: string): KeeperError {
  return new KeeperError(
    "read_only",
    `The store takes no writes now (${cause}); reads, keepalives and deletes still work. Retry once the store accepts writes again.`,
    { retryAfterSeconds: 5 },
  );
}
