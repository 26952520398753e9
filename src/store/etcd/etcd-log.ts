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
  NotAppendedError,
  OutcomeUnknownError,
  type WritePace,
} from "../commit-log.ts";
import { Follower } from "../follower.ts";
import { GivenUpError, type LogConnection, type Paces } from "../log-connection.ts";
import { connectionToEtcd, usualPaces } from "./connection.ts";
import { EntriesHeard } from "./entries-heard.ts";
import { EntriesRead, endIn, type KnownEntry } from "./entries-read.ts";
import { EntrySizes } from "./entry-sizes.ts";
import {
  answeredFromBefore,
  type EtcdCalls,
  isOutOfSpace,
  isRefused,
  type KeyValue,
  type Step,
} from "./etcd-client.ts";
import { bytesOf, Keys } from "./keys.ts";
import { type FoundFormat, logIdOf, notTheSame, openFormat } from "./log-format.ts";
import { type LagStats, LogLag } from "./log-lag.ts";
import { OwnEntries, quotaUsedUp, restoredFromOlder } from "./own-entries.ts";
import type { Room } from "./room.ts";
import { trimEntries } from "./trim.ts";

const entryBytesMax = 16_777_216;
/** Probes between two looks at how many entries there are: to count them takes etcd longer than to say where the end is. */
const probesPerCount = 10;
/** A look at the tail that is not answered by then has another member asked, before the log is said to be out of reach. */
const probeTimeoutMs = 1000;
/** Places of our own entries that are remembered, for appends that are repeated. */
const placesMax = 1000;

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
  readonly #clock: Clock;
  readonly #keys: Keys;
  readonly #formatRevision: bigint;
  readonly #connection: LogConnection;
  readonly #read: EntriesRead;
  readonly #heard: EntriesHeard;
  readonly #own: OwnEntries;
  readonly #sizes = new EntrySizes();
  readonly #lag: LogLag;
  readonly #room: Room | undefined;
  readonly #followers = new Set<Follower>();
  readonly #places = new Map<number, Promise<Lsn>>();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Entries of one writer stay in their order. */
  #order: Promise<unknown> = Promise.resolve();
  #cancelProbe: () => void = () => {};
  /** What the last look at the tail found, if it was not heard by then. */
  #unheard: Lsn = 0;
  #entryCount = 0;
  #probes = 0;

  private constructor(
    { client, clock, prefix, room }: EtcdLogParts,
    connection: LogConnection,
    opened: FoundFormat,
  ) {
    this.#client = client;
    this.#clock = clock;
    this.#connection = connection;
    this.#lag = new LogLag(clock);
    this.#room = room;
    if (room !== undefined) this.pace = room;
    const { clusterId, before } = opened.format;
    this.#keys = new Keys(prefix, before);
    this.#formatRevision = opened.revision;
    this.logId = logIdOf(opened.format);
    this.info = { kind: "etcd", clusterId, isShared: true, entryBytesMax, appendsAtOnce: 1 };
    this.#read = new EntriesRead(client, this.#keys);
    const { writer } = this;
    const [keys, read] = [this.#keys, this.#read];
    this.#own = new OwnEntries({
      ...{ writer, client, keys, connection, read, formatRevision: opened.revision },
      onFenceLost: () => this.#heard.lose(),
    });
    this.#heard = new EntriesHeard({
      ...{ client, keys: this.#keys },
      onChange: () => this.#wakeAll(),
      onAnswered: () => connection.answered(),
      onLost: (error) => connection.notAnswered(error),
    });
    room?.start(() => this.#heedRoom());
    this.#probeLater();
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
    const refusal = this.#refusalOf(body);
    if (refusal !== null) return Promise.reject(new NotAppendedError(refusal));
    const known = this.#places.get(seq);
    if (known !== undefined) return known;
    const copy = new Uint8Array(body);
    const place = this.#order.then(() => this.#place(seq, copy));
    this.#order = place.catch(() => {});
    this.#remember(seq, place);
    return place;
  }

  #refusalOf({ byteLength }: Uint8Array): string | null {
    const { isOver, state } = this.#connection;
    if (state.state === "failed") return `The log has failed: ${state.cause}`;
    if (isOver) return "The log is closed.";
    if (byteLength > entryBytesMax) return `An entry of ${byteLength} bytes is larger than ${entryBytesMax}.`;
    // Where room is short already only that is sent which makes some.
    const isTooMuch = state.state !== "read_only" && this.#room?.hasRoomFor(byteLength) === false;
    return isTooMuch ? "etcd has no room for so much: its quota would be used up" : null;
  }

  /** What is known of etcd's room has changed. */
  #heedRoom(): void {
    const { hasAlarm = false, refusal = null } = this.#room ?? {};
    if (hasAlarm) this.#connection.setFull(quotaUsedUp);
    this.#connection.setShort(refusal);
  }

  #remember(seq: number, place: Promise<Lsn>): void {
    this.#places.set(seq, place);
    this.#underWay.add(place);
    // What was refused may be tried again.
    place.catch(() => this.#places.delete(seq)).finally(() => this.#underWay.delete(place));
    if (this.#places.size > placesMax) this.#places.delete(this.#places.keys().next().value as number);
  }

  /** @throws NotAppendedError | OutcomeUnknownError */
  async #place(seq: number, body: Uint8Array): Promise<Lsn> {
    try {
      const known = this.#heard.last;
      const lsn = await this.#own.put(seq, body);
      if (lsn <= known) throw this.#failAsAnotherPast(lsn);
      this.#heard.add({ lsn, writer: this.writer, seq, body }, false);
      this.#wakeAll();
      return lsn;
    } catch (error) {
      if (error instanceof GivenUpError) throw new OutcomeUnknownError(error.message);
      throw error;
    }
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    let last: KnownEntry | null = null;
    const read = async (from: Lsn) => {
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
    this.#sizes.note(lsn, body.byteLength);
    // What this server puts is counted as it is sent.
    if (writer !== this.writer) this.#room?.note(body.byteLength);
    return { lsn, name: entryNameText(entry) };
  }

  /** @param known the one before, if it was read or heard of */
  async #entriesFrom(from: Lsn, known: KnownEntry | null): Promise<readonly LogEntry[]> {
    if (this.#connection.isOver) return [];
    const heard = this.#heard.from(from);
    if (heard !== undefined) return heard;
    try {
      const read = await this.#readFrom(from);
      if (read === null) this.#connection.fail(trimmed(from));
      if (read === null || this.#connection.isOver) return [];
      const { entries, listing } = read;
      if (known !== null && this.#read.isAnother(listing, known)) this.#failAsAnotherPast(known.lsn);
      if (this.#connection.isOver) return [];
      if (entries.length === 0 && !this.#heard.isListening)
        this.#heard.listen(listing.revision + 1n, listing.end);
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
      await this.#doubt(from - 1);
      if (this.#connection.isOver) return read;
      throw answeredFromBefore();
    });
  }

  /** A member of an etcd that was paused may answer from before. One that answers to a write does not. */
  async #doubt(known: Lsn): Promise<void> {
    const end = await this.tail();
    if (end < known)
      this.#connection.fail(
        `the log ends at ${end}, and ${known} was there already: ${restoredFromOlder} (docs/cluster.md)`,
      );
  }

  #failAsAnotherPast(lsn: Lsn): OutcomeUnknownError {
    this.#connection.fail(
      `the log has another entry at ${lsn} than was there: ${restoredFromOlder} (docs/cluster.md)`,
    );
    return new OutcomeUnknownError("The log is of another past.");
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

  #noteLag(): void {
    this.#lag.note(Math.max(this.#unheard, this.#heard.last), this.#taken());
  }

  stats(): EtcdLogStats {
    this.#noteLag();
    const { suspendedMsTotal } = this.#connection;
    return {
      ...this.#lag.stats(),
      ...{ entries: this.#entryCount, bytes: this.#sizes.bytesKnown, suspendedMsTotal },
    };
  }

  async tail(): Promise<Lsn> {
    const { question, tail, format } = this.#keys;
    const ranges: Step[] = [{ range: { key: tail, keysOnly: true } }, { range: { key: format } }];
    let success: Step[] = [{ put: { key: question, value: bytesOf("") } }, ...ranges];
    const [tails, formats] = (
      await this.#connection.insist(
        () => this.#client.txn({ compare: [], success }),
        (error) => {
          // Where nothing can be written it is read.
          if (isOutOfSpace(error)) success = ranges;
        },
      )
    ).ranges;
    this.#assertSame(formats?.kvs[0]);
    return endIn(tails?.kvs, this.#keys);
  }

  /** Where the log goes on somewhere else, what is here is the past. */
  #assertSame(format: KeyValue | undefined): void {
    if (format?.modRevision === this.#formatRevision) return;
    const cause = notTheSame(format, this.#keys.prefix);
    this.#connection.fail(cause);
    throw new Error(cause);
  }

  /** A watch may be dead and say nothing; and whether anybody answers at all is seen here first. */
  #probeLater(): void {
    this.#cancelProbe = this.#clock.setTimer(this.#connection.paces.probeEveryMs, () => {
      this.#connection.look();
      void this.#probe().finally(() => {
        if (!this.#connection.isOver) this.#probeLater();
      });
    });
  }

  async #probe(): Promise<void> {
    try {
      // Of what is heard while it is asked the answer may not know.
      const { last } = this.#heard;
      const { tail, format } = this.#keys;
      const success = [{ range: { key: tail, keysOnly: true } }, { range: { key: format } }];
      const { ranges } = await this.#client.txn({ compare: [], success, timeoutMs: probeTimeoutMs });
      this.#connection.answered();
      this.#assertSame(ranges[1]?.kvs[0]);
      await this.#compare(endIn(ranges[0]?.kvs, this.#keys), last);
      if (this.#probes % probesPerCount === 0) await this.#count();
      this.#probes += 1;
      if (this.#connection.isFull && !(await this.#client.isFull())) this.#connection.setFull(null);
    } catch (error) {
      this.#connection.notAnswered(error);
    }
  }

  async #compare(end: Lsn, known: Lsn): Promise<void> {
    if (end < known) await this.#doubt(known);
    else if (!this.#heard.isListening) this.#wakeIfBehind(end);
    else if (this.#unheard > this.#heard.last) this.#heard.lose();
    this.#unheard = end;
    this.#noteLag();
  }

  /** While nobody listens nobody is told of what comes. */
  #wakeIfBehind(end: Lsn): void {
    if (end > this.#taken()) this.#wakeAll();
  }

  async #count(): Promise<void> {
    const { first, end } = await this.#read.extent();
    this.#sizes.forgetBefore(first);
    this.#entryCount = end - first + 1;
  }

  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
    const insist = <T>(ask: () => Promise<T>) => this.#connection.insist(ask, throwIfFull);
    const [client, keys, read] = [this.#client, this.#keys, this.#read];
    await trimEntries({ client, keys, read, formatRevision: this.#formatRevision, insist }, upTo);
  }

  /** Entries that this server did not follow are read for it once. */
  async usage(): Promise<LogUsage> {
    for (;;) {
      const { first, end } = await this.#connection.insist(() => this.#read.extent());
      this.#sizes.forgetBefore(first);
      await this.#learnSizes(first, end);
      const bytes = this.#sizes.bytesUpTo(end);
      // Otherwise some were trimmed meanwhile.
      if (bytes !== null) return { entries: end - first + 1, bytes };
    }
  }

  async #learnSizes(first: Lsn, end: Lsn): Promise<void> {
    if (this.#sizes.bytesUpTo(end) !== null) return;
    let from = first;
    while (from <= end) {
      if (this.#sizes.isKnown(from)) {
        from += 1;
        continue;
      }
      const start = from;
      const sizes = await this.#connection.insist(() => this.#read.sizesFrom(start));
      for (const { lsn, bytes } of sizes) this.#sizes.note(lsn, bytes);
      if (sizes.length === 0) return;
      from = Math.max(from, sizes.at(-1)?.lsn ?? from) + 1;
    }
  }

  onState(listener: (state: LogState) => void): void {
    this.#connection.onState(listener);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#cancelProbe();
    this.#room?.stop();
    await Promise.allSettled(this.#underWay);
    this.#heard.stop();
  }
}

/** What the next start mends (`bootstrap.ts`). */
function trimmed(from: Lsn): string {
  return (
    `Log entries from ${from} on are missing: they were trimmed before this server had read them. ` +
    "Start it again: it takes the snapshot that the other servers share."
  );
}

/** Whoever trims does it again another time. */
function throwIfFull(error: unknown): void {
  if (isOutOfSpace(error)) throw error;
}
