// Where commands become durable and then true. A command waits in line, is appended to the log together with all
// that wait beside it (`proposer.ts`), and only when the log has it is it decided, done, told and answered, in that order
// and in one go (`replica.ts`). Nothing here interprets a command, and nobody sees a state that is not durable.

import type { Clock } from "../clock.ts";
import type { ReadonlyAccess } from "../core/access/access.ts";
import type { TransactionBounds } from "../core/bounds.ts";
import type { Command } from "../core/command.ts";
import { beginningOf } from "../core/epoch-commands.ts";
import type { ReadonlyEpochs } from "../core/epochs.ts";
import { KeeperError } from "../core/errors.ts";
import { rehearse } from "../core/execute.ts";
import type { Limits } from "../core/limits.ts";
import type { Moment } from "../core/moment.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import type { ReadContext, Reader } from "../core/reader.ts";
import type { Restored } from "../core/restored.ts";
import type { State } from "../core/state.ts";
import { StateReader } from "../core/state-reader.ts";
import type { Commit, Note } from "../core/txn.ts";
import { BrokenEntryError } from "./broken-entry.ts";
import type { QueueLimits } from "./command-queue.ts";
import type { CommitLog, Covering, LogState, Lsn } from "./commit-log.ts";
import { LogEnd } from "./log-end.ts";
import type { MemoryLimits } from "./memory-room.ts";
import { Proposer, type ProposerStats } from "./proposer.ts";
import { RecentEntries } from "./recent-entries.ts";
import { type Applied, type Place, Replica, type ReplicaStats } from "./replica.ts";
import { RightsInUse } from "./rights-in-use.ts";
import { ServiceTime } from "./service-time.ts";
import { type StateStats, stateStatsOf } from "./state-stats.ts";
import { Suspension } from "./suspension.ts";
import { TableWriter, type TableWriterStats } from "./table-writer.ts";
import type { Position, Tables } from "./tables.ts";
import { UnknownPasts } from "./unknown-pasts.ts";
import { suspendedLog } from "./write-refusals.ts";

export interface StoreParts {
  /** The state as of `position`; the store makes it its own. */
  readonly state: State;
  readonly position: Pick<Position, "appliedLsn" | "historyFloorZxid"> & Partial<Pick<Position, "entryName">>;
  readonly log: CommitLog;
  /** Absent where the log alone is kept. */
  readonly tables?: Tables;
  /** Names the epoch that what it writes belongs to; without, it belongs to the one that is there. */
  readonly epoch?: string;
  readonly clock: Clock;
  readonly limits: Limits & QueueLimits & Partial<MemoryLimits> & Partial<RecentLimits>;
}

interface RecentLimits {
  /** Bytes of entries that are kept for followers; none where it is left out. */
  readonly recentEntriesBytesMax: number;
}

/** Of each part of the store; null for tables where the log alone is kept. */
export interface StoreStats {
  readonly state: StateStats;
  readonly proposer: ProposerStats;
  readonly replica: ReplicaStats;
  readonly tables: TableWriterStats | null;
}

type StoreHistograms = Pick<Proposer, "entryMs" | "entryCommands" | "entryBytes"> &
  Pick<Replica, "applyMs" | "txnChanges">;

export class Store {
  readonly #state: State;
  readonly clock: Clock;
  readonly unknownPasts = new UnknownPasts();
  /** By which streams and waiting requests go on; told of each change before anybody else is. */
  readonly rightsInUse: RightsInUse;
  /** The last entries that were done, for those who follow this server. */
  readonly recent: RecentEntries;
  /** Whether the log is out of reach; streams and waiting requests are told of it. */
  readonly suspension: Suspension;
  /** What one transaction may change, as each entry says it. */
  readonly bounds: TransactionBounds;
  readonly #log: CommitLog;
  readonly #limits: Limits;
  readonly #memoryBytesMax: number;
  readonly #serviceTime: ServiceTime;
  readonly #tables: Tables | undefined;
  readonly #tableWriter: TableWriter | null;
  readonly #proposer: Proposer;
  readonly #replica: Replica;
  readonly #logEnd: LogEnd;
  readonly #stateListeners = new Set<(state: LogState) => void>();
  #logState: LogState = { state: "connected" };
  /** Why rows wait for room. */
  #shortage: string | null = null;
  #isClosing = false;

  constructor(parts: StoreParts) {
    const { state, log, tables, epoch, clock, limits } = parts;
    const position = { entryName: "", ...parts.position };
    const { transactionChangesMax, transactionChangeBytesMax, ephemeralsPerSessionMax } = limits;
    const bounds = { transactionChangesMax, transactionChangeBytesMax, ephemeralsPerSessionMax };
    const serviceTime = new ServiceTime(clock, state.ranMs);
    const onFailure = (error: unknown) => this.#fail(error);
    this.#state = state;
    this.clock = clock;
    this.suspension = new Suspension(clock);
    this.bounds = bounds;
    this.#log = log;
    this.#limits = limits;
    this.#memoryBytesMax = limits.treeBytesMax ?? 0;
    this.#serviceTime = serviceTime;
    this.#tables = tables;
    this.#tableWriter =
      tables === undefined ? null : new TableWriter({ state, tables, clock, onFailure }, position);
    this.#proposer = new Proposer({
      ...{ state, log, clock, serviceTime, limits, bounds, onFailure },
      beginning: epoch === undefined ? null : beginningOf(epoch),
    });
    this.#replica = new Replica({
      ...{ state, log, clock, serviceTime, bounds, onFailure },
      ...{ appliedLsn: position.appliedLsn, entryName: position.entryName },
      proposer: this.#proposer,
      tableWriter: this.#tableWriter,
      unknownPasts: this.unknownPasts,
    });
    this.#logEnd = new LogEnd(log);
    const base = { lsn: position.appliedLsn, zxid: state.zxid, epoch: state.epochs.current.id, author: null };
    this.recent = new RecentEntries(base, limits.recentEntriesBytesMax ?? 0);
    this.#replica.onEntry((entry) =>
      this.recent.add({ ...entry, zxid: state.zxid, epoch: state.epochs.current.id }),
    );
    this.rightsInUse = new RightsInUse({ access: state.access, clock, timeMs: () => this.timeMs });
    this.#replica.onApplied(() => this.rightsInUse.applied());
  }

  /**
   * Replays what the log has beyond the tables; resolves when the state is that of the whole log.
   * @throws Error when an entry cannot be done, which says what to do: each start meets it again; or when the log fails
   * before it has told of all. NewerVersionError where a later version can do it
   */
  async start(): Promise<void> {
    this.#assertFitTogether();
    this.#log.onState((state) => this.#setLogState(state));
    await this.#replica.start();
    this.#tables?.onDurable((covering) => this.#trim(covering));
    this.#tables?.onShortage?.((cause) => {
      this.#shortage = cause;
    });
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
      if (!this.#isClosing) this.#fail(error);
    });
  }

  /** It looks at counts that are there, and walks over nothing. */
  stats(): StoreStats {
    return {
      state: stateStatsOf(this.#state, {
        memoryBytesMax: this.#memoryBytesMax,
        unknownPastsTotal: this.unknownPasts.count,
      }),
      proposer: this.#proposer.stats(),
      replica: this.#replica.stats(),
      tables: this.#tableWriter?.stats() ?? null,
    };
  }

  /** How large and how long entries and transactions were, since the start. */
  get histograms(): StoreHistograms {
    const { entryMs, entryCommands, entryBytes } = this.#proposer;
    const { applyMs, txnChanges } = this.#replica;
    return { entryMs, entryCommands, entryBytes, applyMs, txnChanges };
  }

  /** Whether other servers may write to the same log. */
  get isShared(): boolean {
    return this.#log.info.isShared;
  }

  /** Of the log: what was made of another's is never put beside its entries. */
  get clusterId(): string {
    return this.#log.info.clusterId;
  }

  /** This incarnation's name in the log. */
  get writer(): string {
    return this.#log.writer;
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
    if (this.#logState.state === "suspended") throw suspendedLog(this.#logState.cause);
    return rehearse(this.#state, command, this.now(), this.bounds);
  }

  /** Who is known, and what they may do. */
  get access(): ReadonlyAccess {
    return this.#state.access;
  }

  /** The wall clock as the next entry would have it: not before that of any entry there is. */
  get timeMs(): number {
    return Math.max(this.#state.timeMs, this.clock.wallMs());
  }

  /** The pasts that zxids are of. */
  get epochs(): ReadonlyEpochs {
    return this.#state.epochs;
  }

  /** The last time that it was put back to an earlier moment. */
  get restored(): Restored {
    return this.#state.restored;
  }

  /** When an entry would be ordered now. */
  now(): Required<Moment> {
    return this.#serviceTime.now();
  }

  /** Why the tables of this server have no room, where its log is elsewhere and goes on; null where they have. */
  get tablesShortage(): string | null {
    return this.isShared ? this.#shortage : null;
  }

  get logState(): LogState {
    return this.#logState;
  }

  /** Commands waiting or on their way to the log. */
  get waitingCount(): number {
    return this.#proposer.waitingCount;
  }

  /** For how long there has been more in the log than could be done at once; 0 while the state keeps up. */
  get behindMs(): number {
    return this.#replica.behindMs;
  }

  /** How long the log has not answered what was sent to it first; 0 when it owes no answer. */
  get oldestAppendMs(): number {
    return this.#proposer.oldestAppendMs;
  }

  /**
   * Called with each entry's transactions in zxid order, after the state has them and before any answer (W23). Who came
   * first is told first.
   */
  onApplied(listener: (applied: readonly Applied[]) => void): () => void {
    return this.#replica.onApplied(listener);
  }

  /** Called with what an entry noted without a transaction, after `onApplied`: who is alive, and who keeps house. */
  onNoted(listener: (notes: readonly Note[]) => void): () => void {
    return this.#replica.onNoted(listener);
  }

  /** The last entry of the log that was done, and the zxid behind it. */
  get place(): Place {
    return this.#replica.place;
  }

  /** Called behind each entry with where the state stands then. */
  onPlace(listener: (place: Place) => void): () => void {
    return this.#replica.onPlace(listener);
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
    return this.#replica.atLeast(zxid, signal);
  }

  /**
   * Resolves with a zxid that this store has reached, not before that of any write that was answered anywhere before the
   * call. It asks the log where it ends and waits until it is there, and writes nothing.
   * @throws KeeperError `suspended` while nobody can say where the log ends; the signal's reason
   */
  async sync(signal?: AbortSignal): Promise<number> {
    // What one server answered is in its state, and there is no other.
    if (!this.#log.info.isShared) return this.zxid;
    if (this.#logState.state === "suspended") throw suspendedLog(this.#logState.cause);
    await this.#replica.reached(await this.#endOfLog(signal), signal);
    return this.zxid;
  }

  /** Why whoever keeps the log will not say it is no client's affair; that nobody can say is. */
  async #endOfLog(signal: AbortSignal | undefined): Promise<Lsn> {
    try {
      return await this.#logEnd.ask(signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof KeeperError) throw error;
      throw suspendedLog("whoever keeps it does not say where it ends");
    }
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
    return this.#proposer.submit(command);
  }

  /** Puts the commands in line at once, as `Proposer.submitAll` says. */
  submitAll<C extends Command>(
    commands: readonly C[],
  ): Promise<readonly PromiseSettledResult<Commit<C["type"]>>[]> {
    return this.#proposer.submitAll(commands);
  }

  /** Whether a command with its key was done or is being done: asked again, it hears what became of that one. */
  isRepeated(command: Command): boolean {
    return this.#proposer.isRepeated(command);
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    const isOfTheEntry = error instanceof BrokenEntryError || error instanceof NewerVersionError;
    this.#setLogState({ state: "failed", cause, ...(isOfTheEntry && { error }) });
  }

  #setLogState(state: LogState): void {
    if (this.#logState.state === "failed") return;
    this.#logState = state;
    if (state.state === "failed") this.#tableWriter?.stop();
    this.#proposer.logStateChanged(state);
    this.suspension.heed(state);
    for (const listener of this.#stateListeners) listener(state);
  }

  /**
   * Lets accepted commands finish, writes the tables, and closes them and the log. New commands are refused from now on.
   * While the log has failed or is suspended there is nothing to wait for: it is closed as it is.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#proposer.close();
    await this.#tableWriter?.flush();
    await this.#log.close();
    await this.#tables?.close();
  }
}
