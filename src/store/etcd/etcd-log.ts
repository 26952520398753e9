// The log in etcd, which any number of servers write to. An append is one transaction that puts the entry under its
// writer's own number and overwrites the tail: no two servers are in each other's way, an append that is sent again finds
// itself there, and etcd counts the positions. Followers hear by a watch and read what they did not hear.

import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import {
  assertCovered,
  type CommitLog,
  type Covering,
  type EntriesHandler,
  entryNameText,
  type LogEntry,
  type LogInfo,
  type LogState,
  type LogUsage,
  type Lsn,
  type WritePace,
} from "../commit-log.ts";
import { Follower } from "../follower.ts";
import { GivenUpError, type LogConnection, type Paces } from "../log-connection.ts";
import { Appends, entryBytesMax } from "./appends.ts";
import { connectionToEtcd, usualPaces } from "./connection.ts";
import { EntriesHeard } from "./entries-heard.ts";
import { EntriesRead, type KnownEntry, tellsMore } from "./entries-read.ts";
import type { EtcdCalls } from "./etcd-calls.ts";
import { answeredFromBefore, isOutOfSpace, isRefused } from "./etcd-errors.ts";
import { Keys } from "./keys.ts";
import { type FoundFormat, logIdOf, openFormat } from "./log-format.ts";
import { type LagStats, LogLag } from "./log-lag.ts";
import { LogTail } from "./log-tail.ts";
import type { Snapshot } from "./manifest.ts";
import { OwnEntries, quotaUsedUp } from "./own-entries.ts";
import { Probes } from "./probes.ts";
import type { Room } from "./room.ts";
import { trimEntries } from "./trim.ts";
import { Usage } from "./usage.ts";

export interface EtcdLogParts {
  readonly client: EtcdCalls;
  readonly clock: Clock;
  /** What all keys begin with; ends with a slash. */
  readonly prefix: string;
  readonly paces?: Paces;
  /** What etcd has room for; without, it is put until etcd refuses. */
  readonly room?: Room;
  /** Called when nobody has answered for a while as it is opened. */
  readonly onWaiting?: (cause: string) => void;
  /** Ends the opening. */
  readonly signal?: AbortSignal;
  /** What the log is opened as that is being moved away, to be read to its end; without, only one that is served is opened. */
  readonly moved?: FoundFormat;
}

export interface EtcdLogStats extends LagStats {
  /** Entries since the last snapshot, as last counted, and the bytes of those that passed by this server. */
  readonly entries: number;
  readonly bytes: number;
  /** For how long etcd has been out of reach since the start. */
  readonly suspendedMsTotal: number;
}

export class EtcdLog implements CommitLog {
  readonly info: LogInfo;
  /** Names this log among those that the cluster has had. */
  readonly logId: string;
  readonly pace?: WritePace;
  readonly writer = randomBytes(8).toString("hex");
  readonly #client: EtcdCalls;
  readonly #keys: Keys;
  readonly #formatRevision: bigint;
  readonly #connection: LogConnection;
  readonly #read: EntriesRead;
  readonly #heard: EntriesHeard;
  readonly #tail: LogTail;
  readonly #appends: Appends;
  readonly #probes: Probes;
  readonly #usage: Usage;
  readonly #lag: LogLag;
  readonly #room: Room | undefined;
  readonly #followers = new Set<Follower>();
  /** The last entry that one of them was told of, or had when it began. */
  #known: KnownEntry = { lsn: 0, name: "" };

  private constructor(
    { client, clock, prefix, room }: EtcdLogParts,
    connection: LogConnection,
    opened: FoundFormat,
  ) {
    this.#client = client;
    this.#connection = connection;
    this.#lag = new LogLag(clock);
    this.#room = room;
    if (room !== undefined) this.pace = room;
    const { clusterId, before } = opened.format;
    const [keys, formatRevision] = [new Keys(prefix, before), opened.revision];
    this.#keys = keys;
    this.#formatRevision = formatRevision;
    this.logId = logIdOf(opened.format);
    this.info = { kind: "etcd", clusterId, isShared: true, entryBytesMax, appendsAtOnce: 1 };
    const { writer } = this;
    const read = new EntriesRead(client, keys);
    const heard = new EntriesHeard({
      ...{ client, keys },
      onChange: () => this.#wakeAll(),
      onAnswered: () => connection.answered(),
      onLost: (error) => connection.notAnswered(error),
    });
    const tail = new LogTail({ client, keys, connection, formatRevision, known: () => this.#lastKnown });
    const usage = new Usage(connection, read);
    const own = new OwnEntries({
      ...{ writer, client, keys, connection, read, formatRevision },
      onFenceLost: () => heard.lose(),
    });
    const onAppended = () => this.#wakeAll();
    this.#appends = new Appends({ writer, connection, own, heard, tail, room, onAppended });
    this.#probes = new Probes({
      ...{ client, clock, connection, heard, tail, usage },
      onUnheard: (end) => this.#wakeIfBehind(end),
      onEnd: (end) => this.#noteLag(end),
    });
    [this.#read, this.#heard, this.#tail, this.#usage] = [read, heard, tail, usage];
    room?.start(() => this.#heedRoom());
    this.#probes.start();
  }

  /** Resolves when etcd answers. @throws Error when it will not have us, or what is there is of another format */
  static async open(parts: EtcdLogParts): Promise<EtcdLog> {
    const { client, clock, prefix, paces = usualPaces, onWaiting = () => {}, signal, moved } = parts;
    const opening = connectionToEtcd(clock, paces);
    opening.onState((state) => {
      if (state.state === "suspended") onWaiting(state.cause);
    });
    const opened = await opening.insist(
      async () => moved ?? (await openFormat(client, prefix)),
      (error) => {
        signal?.throwIfAborted();
        if (isRefused(error)) throw new Error(`etcd refuses this server: ${(error as Error).message}`);
      },
    );
    return new EtcdLog(parts, connectionToEtcd(clock, paces), opened);
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    return this.#appends.append(seq, body);
  }

  /** What is known of etcd's room has changed. */
  #heedRoom(): void {
    const { hasAlarm = false, refusal = null } = this.#room ?? {};
    if (hasAlarm) this.#connection.setFull(quotaUsedUp);
    this.#connection.setShort(refusal);
  }

  follow(after: Lsn, onEntries: EntriesHandler, entryName = ""): void {
    let last: KnownEntry = { lsn: after, name: entryName };
    this.#know(last);
    const read = async (from: Lsn) => {
      if (last.lsn === this.#lastKnown.lsn) last = this.#lastKnown;
      const entries = await this.#entriesFrom(from, last);
      for (const entry of entries) last = this.#noted(entry);
      return entries;
    };
    const follower = new Follower(after, read, onEntries);
    this.#followers.add(follower);
    follower.wake();
  }

  #noted(entry: LogEntry): KnownEntry {
    const { lsn, writer, body } = entry;
    this.#usage.note(lsn, body.byteLength);
    // What this server puts is counted as it is sent.
    if (writer !== this.writer) this.#room?.note(body.byteLength);
    const known = { lsn, name: entryNameText(entry) };
    this.#know(known);
    return known;
  }

  #know(known: KnownEntry): void {
    if (tellsMore(known, this.#known)) this.#known = known;
  }

  /** What was heard and not handed over yet was there as well. */
  get #lastKnown(): KnownEntry {
    const { lastKnown } = this.#heard;
    return tellsMore(lastKnown, this.#known) ? lastKnown : this.#known;
  }

  /** @param known the one before */
  async #entriesFrom(from: Lsn, known: KnownEntry): Promise<readonly LogEntry[]> {
    if (this.#connection.isOver) return [];
    const heard = this.#heard.from(from);
    if (heard !== undefined) return heard;
    try {
      const read = await this.#readFrom(from);
      if (read === null) this.#connection.fail(trimmed(from));
      if (read === null || this.#connection.isOver) return [];
      const { entries, listing } = read;
      if (this.#read.isAnother(listing, known)) this.#tail.failAsAnotherPast(known.lsn);
      if (entries.length > 0 && this.#read.isTrimmed(listing, known))
        this.#connection.fail(lastTrimmed(known.lsn));
      if (this.#connection.isOver) return [];
      if (entries.length === 0 && !this.#heard.isListening)
        this.#heard.listen(listing.revision + 1n, this.#read.lastOf(listing));
      return entries;
    } catch (error) {
      if (error instanceof GivenUpError || this.#connection.isOver) return [];
      throw error;
    }
  }

  /** Again where what was read is from before what is known; until the log is over. */
  #readFrom(from: Lsn): ReturnType<EntriesRead["from"]> {
    return this.#connection.insist(async () => {
      const read = await this.#read.from(from);
      if (read === null || from <= read.listing.end + 1) return read;
      await this.#tail.doubt(from - 1);
      if (this.#connection.isOver) return read;
      throw answeredFromBefore();
    });
  }

  #wakeAll(): void {
    const taken = this.#taken();
    if (Number.isFinite(taken)) this.#heard.forget(taken);
    for (const follower of this.#followers) follower.wake();
    this.#noteLag();
  }

  /** By all who follow the log. */
  #taken(): Lsn {
    return Math.min(...[...this.#followers].map(({ next }) => next - 1));
  }

  #wakeIfBehind(end: Lsn): void {
    if (end > this.#taken()) this.#wakeAll();
  }

  /** @param end where the log was found to end, if it was looked at */
  #noteLag(end: Lsn = 0): void {
    this.#lag.note(Math.max(end, this.#heard.last), this.#taken());
  }

  stats(): EtcdLogStats {
    this.#noteLag();
    const { suspendedMsTotal } = this.#connection;
    return { ...this.#lag.stats(), ...this.#usage.counted, suspendedMsTotal };
  }

  tail(): Promise<Lsn> {
    return this.#tail.ask();
  }

  /** @param covering a snapshot that servers share, where nothing but that covers it */
  async trim(upTo: Lsn, covering: Covering & Partial<Pick<Snapshot, "revision">>): Promise<void> {
    assertCovered(upTo, covering);
    const { revision: manifestRevision } = covering;
    const insist = <T>(ask: () => Promise<T>) => this.#connection.insist(ask, throwIfFull);
    const [client, keys, read] = [this.#client, this.#keys, this.#read];
    const revisions = { formatRevision: this.#formatRevision, manifestRevision };
    await trimEntries({ client, keys, read, ...revisions, insist }, upTo);
  }

  /** Entries that this server did not follow are read for it once. */
  usage(): Promise<LogUsage> {
    return this.#usage.ask();
  }

  onState(listener: (state: LogState) => void): void {
    this.#connection.onState(listener);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#probes.stop();
    this.#room?.stop();
    await this.#appends.settled();
    this.#heard.stop();
  }
}

/** What the next start mends (`bootstrap.ts`). */
function trimmed(from: Lsn): string {
  return `Log entries from ${from} on are missing: they were trimmed before this server had read them. ${startAgain}`;
}

/** It cannot be seen any more whether the log is of this past. */
function lastTrimmed(lsn: Lsn): string {
  return `Log entry ${lsn}, the last that this server has, is missing: it was trimmed before this server had read on. ${startAgain}`;
}

const startAgain = "Start it again: it takes the snapshot that the other servers share.";

/** Whoever trims does it again another time. */
function throwIfFull(error: unknown): void {
  if (isOutOfSpace(error)) throw error;
}
