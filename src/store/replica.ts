// The other half of the store: from an entry of the log to what it leads to. It follows the log, does each entry in its
// order whoever wrote it, tells of it, and then answers those of this server who wait. Nothing here knows of requests.

import type { Clock } from "../clock.ts";
import type { TransactionBounds } from "../core/bounds.ts";
import { KeeperError } from "../core/errors.ts";
import { execute } from "../core/execute.ts";
import type { PlacedMoment } from "../core/moment.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { isRestore } from "../core/restored.ts";
import type { State } from "../core/state.ts";
import type { Note, Txn } from "../core/txn.ts";
import { countBounds, Histogram, timeBoundsMs } from "../histogram.ts";
import { type ChangeMessage, changeMessageOf, isTooLongToTell } from "../told/change-message.ts";
import { Arrivals } from "./arrivals.ts";
import { BrokenCommandError, BrokenEntryError, unreplayable } from "./broken-entry.ts";
import type { Pending } from "./command-queue.ts";
import type { CommitLog, LogEntry, Lsn } from "./commit-log.ts";
import type { Proposer } from "./proposer.ts";
import { readEntry } from "./read-entry.ts";
import type { ServiceTime } from "./service-time.ts";
import { Slices } from "./slices.ts";
import type { TableWriter } from "./table-writer.ts";
import type { UnknownPasts } from "./unknown-pasts.ts";

/** A transaction that was done, and what watchers are told of it (null when there is nothing to tell). */
export interface Applied {
  readonly txn: Txn;
  readonly message: ChangeMessage | null;
  /** The history begins anew behind it: it was too much to be told, or the store was restored. */
  readonly beginsHistory?: true;
}

/** An entry of the log, and where the state stands once it is done. */
export interface Place {
  readonly lsn: Lsn;
  readonly zxid: number;
  /** That transactions to come belong to. */
  readonly epoch: string;
}

/** What the entries heard of led to. Totals count since the start, what it replayed included. */
export interface ReplicaStats {
  readonly appliedLsn: number;
  readonly entriesTotal: number;
  readonly transactionsTotal: number;
  readonly changesTotal: number;
  /** Commands that were refused at their place in the log. */
  readonly refusedCommandsTotal: number;
  /** Of these, for a quota; those of this server alone. */
  readonly quotaRefusalsTotal: number;
  /** Time in which entries were decided, done and told. */
  readonly busyMsTotal: number;
}

interface ReplicaParts {
  /** As of `appliedLsn`; nobody else changes it. */
  readonly state: State;
  readonly appliedLsn: Lsn;
  /** Which entry stands there; empty for none, and where it is not known. */
  readonly entryName: string;
  readonly log: CommitLog;
  readonly clock: Clock;
  readonly serviceTime: ServiceTime;
  /** Of this server, on this log. */
  readonly proposer: Proposer;
  readonly bounds: TransactionBounds;
  readonly tableWriter: TableWriter | null;
  readonly unknownPasts: UnknownPasts;
  /** Called when an entry could not be done; after that nothing is done or answered. */
  readonly onFailure: (error: BrokenEntryError | NewerVersionError) => void;
}

/** What an entry says, whoever wrote it, and who waits for what becomes of it. */
interface Execution {
  readonly moment: PlacedMoment;
  readonly pending: readonly Pending[];
  readonly bounds: TransactionBounds | undefined;
  /** Whether clients of this server wait. */
  readonly isAwaited: boolean;
}

export class Replica {
  readonly #state: State;
  readonly #log: CommitLog;
  readonly #serviceTime: ServiceTime;
  readonly #proposer: Proposer;
  readonly #bounds: TransactionBounds;
  readonly #tableWriter: TableWriter | null;
  readonly #unknownPasts: UnknownPasts;
  readonly #listeners = new Set<(applied: readonly Applied[]) => void>();
  readonly #noteListeners = new Set<(notes: readonly Note[]) => void>();
  readonly #placeListeners = new Set<(place: Place) => void>();
  readonly #entryListeners = new Set<(entry: LogEntry) => void>();
  readonly #slices: Slices;
  #behindSinceMs: number | null = null;
  /** In which the event loop does nothing but decide, do and tell an entry. */
  readonly applyMs = new Histogram(timeBoundsMs);
  readonly txnChanges = new Histogram(countBounds);
  readonly #clock: Clock;
  #refusedCommands = 0;
  #quotaRefusals = 0;
  readonly #zxids: Arrivals;
  readonly #lsns: Arrivals;
  #appliedLsn: Lsn;
  /** As it begins. */
  readonly #entryName: string;
  #isBroken = false;
  #onBroken: ReplicaParts["onFailure"];
  readonly #onFailure: ReplicaParts["onFailure"];

  constructor(parts: ReplicaParts) {
    this.#state = parts.state;
    this.#appliedLsn = parts.appliedLsn;
    this.#entryName = parts.entryName;
    this.#log = parts.log;
    this.#serviceTime = parts.serviceTime;
    this.#proposer = parts.proposer;
    this.#bounds = parts.bounds;
    this.#tableWriter = parts.tableWriter;
    this.#unknownPasts = parts.unknownPasts;
    this.#onFailure = parts.onFailure;
    this.#onBroken = parts.onFailure;
    this.#clock = parts.clock;
    this.#slices = new Slices(parts.clock);
    this.#zxids = new Arrivals(parts.state.zxid);
    this.#lsns = new Arrivals(parts.appliedLsn);
  }

  stats(): ReplicaStats {
    return {
      appliedLsn: this.#appliedLsn,
      entriesTotal: this.applyMs.count,
      transactionsTotal: this.txnChanges.count,
      changesTotal: this.txnChanges.sum,
      refusedCommandsTotal: this.#refusedCommands,
      quotaRefusalsTotal: this.#quotaRefusals,
      busyMsTotal: this.applyMs.sum,
    };
  }

  /**
   * Follows the log from here on; resolves when the state is that of all the log had.
   * @throws Error when an entry cannot be done, which says what to do: each start meets it again; or when the log fails
   * before it has told of all. NewerVersionError where a later version can do it
   */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#log.onState((state) => {
        if (state.state === "failed") reject(state.error ?? new Error(state.cause));
      });
      this.#onBroken = (error) => reject(error instanceof BrokenEntryError ? unreplayable(error) : error);
      this.#log.follow(this.#appliedLsn, (entries) => this.#hearAll(entries), this.#entryName);
      // By then the log knows what the state is of, and does not tell the end of another past.
      this.#log
        .tail()
        .then((tail) => this.#lsns.until(tail))
        .then(resolve, reject);
    });
    this.#onBroken = this.#onFailure;
  }

  /** In the order in which they came, each with all of an entry. */
  onApplied(listener: (applied: readonly Applied[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What an entry noted without a transaction, after its transactions. */
  onNoted(listener: (notes: readonly Note[]) => void): () => void {
    this.#noteListeners.add(listener);
    return () => this.#noteListeners.delete(listener);
  }

  /** Where the state stands. */
  get place(): Place {
    const { zxid, epochs } = this.#state;
    return { lsn: this.#appliedLsn, zxid, epoch: epochs.current.id };
  }

  /** Called behind each entry. */
  onPlace(listener: (place: Place) => void): () => void {
    this.#placeListeners.add(listener);
    return () => this.#placeListeners.delete(listener);
  }

  /** Called with each entry that is done, after all that it led to was told. */
  onEntry(listener: (entry: LogEntry) => void): () => void {
    this.#entryListeners.add(listener);
    return () => this.#entryListeners.delete(listener);
  }

  /** Resolves when the transaction of this zxid is done and told. @throws the signal's reason */
  atLeast(zxid: number, signal?: AbortSignal): Promise<void> {
    return this.#zxids.until(zxid, signal);
  }

  /** The same of an entry of the log. */
  reached(lsn: Lsn, signal?: AbortSignal): Promise<void> {
    return this.#lsns.until(lsn, signal);
  }

  /** In slices: a server that has much to catch up with still answers. */
  #hearAll(entries: readonly LogEntry[]): void | Promise<void> {
    this.#slices.begin();
    for (const [index, entry] of entries.entries()) {
      this.#hear(entry);
      const pause = this.#slices.end();
      if (pause === null) continue;
      this.#behindSinceMs ??= this.#clock.monotonicMs();
      return pause.then(() => this.#hearAll(entries.slice(index + 1)));
    }
    this.#behindSinceMs = null;
  }

  /** For how long it has had more to do than it could at once; 0 while it keeps up. */
  get behindMs(): number {
    return this.#behindSinceMs === null ? 0 : this.#clock.monotonicMs() - this.#behindSinceMs;
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
    const startedMs = this.#clock.monotonicMs();
    const isOwn = entry.writer === this.#log.writer;
    const sent = isOwn ? this.#sent(entry) : null;
    const { answers, applied, notes } = this.#executeAll(sent ?? read(entry));
    this.#appliedLsn = entry.lsn;
    this.#serviceTime.reach(this.#state.ranMs);
    this.#tableWriter?.applied(entry);
    for (const listener of this.#listeners) listener(applied);
    if (notes.length > 0) for (const listener of this.#noteListeners) listener(notes);
    for (const listener of this.#placeListeners) listener(this.place);
    for (const listener of this.#entryListeners) listener(entry);
    for (const answer of answers) answer();
    this.#zxids.reach(this.#state.zxid);
    this.#lsns.reach(entry.lsn);
    const endedMs = this.#clock.monotonicMs();
    this.applyMs.observe(endedMs - startedMs);
    if (isOwn) this.#proposer.settled(entry.seq, endedMs);
  }

  /**
   * An own entry as it was before it was written: it says the same as its bytes, which need not be read again, and has
   * those who wait.
   */
  #sent({ seq, lsn }: LogEntry): Execution | null {
    const sent = this.#proposer.sent(seq);
    if (sent === undefined) return null;
    for (const { trace } of sent.pending) trace?.enter("apply");
    return {
      ...{ pending: sent.pending, bounds: this.#bounds, isAwaited: true },
      moment: { ...sent.moment, lsn, isSteady: true },
    };
  }

  #executeAll({ moment, pending, bounds, isAwaited }: Execution) {
    const answers: (() => void)[] = [];
    const applied: Applied[] = [];
    const notes: Note[] = [];
    for (const [index, { command, resolve, reject }] of pending.entries()) {
      try {
        const { commit, txn, notes: noted } = execute(this.#state, command, moment, bounds);
        if (txn !== null) applied.push(this.#recordTxn(txn, bounds));
        for (const note of noted) this.#tableWriter?.collectNote(note);
        notes.push(...noted);
        answers.push(() => resolve(commit));
      } catch (error) {
        if (!(error instanceof KeeperError)) throw new BrokenCommandError(command, index, error);
        this.#countRefusal(error, isAwaited);
        if (isAwaited && error.details.unknownPast) this.#unknownPasts.note(error.message);
        answers.push(() => reject(error));
      }
    }
    return { answers, applied, notes };
  }

  #countRefusal({ code }: KeeperError, isAwaited: boolean): void {
    this.#refusedCommands += 1;
    if (isAwaited && code === "quota_exceeded") this.#quotaRefusals += 1;
  }

  #recordTxn(txn: Txn, bounds: TransactionBounds | undefined): Applied {
    this.txnChanges.observe(txn.changes.length);
    const { namespaces } = this.#state.access;
    const isUntold = bounds === undefined && isTooLongToTell(txn, namespaces);
    const message = isUntold ? null : changeMessageOf(txn, namespaces);
    this.#tableWriter?.collect(txn, message);
    if (!isUntold && !isRestore(txn)) return { txn, message };
    // In the same rows as the transaction: what is behind it is not to be resumed from, whenever the process ends.
    this.#tableWriter?.trimHistory(txn.zxid);
    return { txn, message, beginsHistory: true };
  }
}

/**
 * Nobody waits for the answers of what somebody else wrote, or this server before it was started anew.
 * @throws NewerVersionError before anything of it is done
 */
function read(entry: LogEntry): Execution {
  const { moment, commands, bounds } = readEntry(entry);
  const pending = commands.map((command) => ({ command, bytes: 0, resolve: ignore, reject: ignore }));
  return { moment, bounds, pending, isAwaited: false };
}

function ignore(): void {}
