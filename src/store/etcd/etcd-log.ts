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
  type LogEntry,
  type LogInfo,
  type LogState,
  type LogUsage,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../commit-log.ts";
import { Follower } from "../follower.ts";
import { Connection, GivenUpError, type Paces, usualPaces } from "./connection.ts";
import { EntriesHeard } from "./entries-heard.ts";
import { EntriesRead, versionIn } from "./entries-read.ts";
import { lengthIn, partsOf, valueFor } from "./entry-value.ts";
import { type EtcdCalls, isOutOfSpace, type Step, type TxnAnswer } from "./etcd-client.ts";
import { bytesOf, Keys, textOf } from "./keys.ts";

const entryBytesMax = 16_777_216;
/** Places of our own entries that are remembered, for appends that are repeated. */
const placesMax = 1000;
/** Entries deleted in one transaction, in two steps each; etcd allows 128. */
const deletedAtOnceMax = 50;
/** Entries whose sizes are added up at once. */
const countedAtOnceMax = 16n;

export interface EtcdLogParts {
  readonly client: EtcdCalls;
  readonly clock: Clock;
  /** What all keys begin with; ends with a slash. */
  readonly prefix: string;
  readonly paces?: Paces;
  /** Called when nobody has answered for a while as it is opened. */
  readonly onWaiting?: (cause: string) => void;
  /** Ends the opening. */
  readonly signal?: AbortSignal;
}

interface Format {
  readonly clusterId: string;
  readonly format: number;
}

const format = 1;

export class EtcdLog implements CommitLog {
  readonly info: LogInfo;
  readonly writer = randomBytes(8).toString("hex");
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #keys: Keys;
  readonly #formatRevision: bigint;
  readonly #connection: Connection;
  readonly #read: EntriesRead;
  readonly #heard: EntriesHeard;
  readonly #followers = new Set<Follower>();
  readonly #places = new Map<number, Promise<Lsn>>();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Entries of one writer stay in their order. */
  #order: Promise<unknown> = Promise.resolve();
  #cancelProbe: () => void = () => {};
  /** What the last look at the tail found, if it was not heard by then. */
  #unheard: Lsn = 0;

  private constructor({ client, clock, prefix }: EtcdLogParts, connection: Connection, opened: Opened) {
    this.#client = client;
    this.#clock = clock;
    this.#connection = connection;
    this.#keys = new Keys(prefix);
    this.#formatRevision = opened.revision;
    this.info = { kind: "etcd", clusterId: opened.clusterId, entryBytesMax, isShared: true };
    this.#read = new EntriesRead(client, this.#keys);
    this.#heard = new EntriesHeard({
      ...{ client, keys: this.#keys },
      onChange: () => this.#wakeAll(),
      onAnswered: () => connection.answered(),
      onLost: (error) => connection.notAnswered(error),
    });
    this.#probeLater();
  }

  /** Resolves when etcd answers. @throws Error when what is there is of another format */
  static async open(parts: EtcdLogParts): Promise<EtcdLog> {
    const { clock, paces = usualPaces, onWaiting = () => {}, signal } = parts;
    const opening = new Connection(clock, paces);
    opening.onState((state) => {
      if (state.state === "suspended") onWaiting(state.cause);
    });
    const opened = await opening.insist(
      () => openFormat(parts),
      () => signal?.throwIfAborted(),
    );
    return new EtcdLog(parts, new Connection(clock, paces), opened);
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
    return byteLength > entryBytesMax
      ? `An entry of ${byteLength} bytes is larger than ${entryBytesMax}.`
      : null;
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
      await this.#putParts(seq, body);
      const placed = await this.#connection.insist(
        () => this.#put(seq, body),
        (error) => this.#refuseWithoutRoom(seq, error),
      );
      if (placed.succeeded) {
        const lsn = versionIn(placed.ranges[0]?.kvs);
        this.#heard.add({ lsn, writer: this.writer, seq, body }, false);
        this.#wakeAll();
        return lsn;
      }
      const [entry] = placed.ranges[0]?.kvs ?? [];
      if (entry !== undefined)
        return await this.#connection.insist(() => this.#read.lsnAt(entry.modRevision));
      this.#connection.fail(
        "the log is not the one that was opened: it was made anew, or another was put in its place",
      );
      throw new NotAppendedError("The log has failed.");
    } catch (error) {
      if (error instanceof GivenUpError) throw new OutcomeUnknownError(error.message);
      throw error;
    }
  }

  async #putParts(seq: number, body: Uint8Array): Promise<void> {
    for (const [index, value] of partsOf(body).entries()) {
      const put = { put: { key: this.#keys.part(this.writer, seq, index), value } };
      await this.#connection.insist(
        () => this.#client.txn({ compare: [], success: [put] }),
        (error) => this.#refuseWithoutRoom(seq, error),
      );
    }
  }

  #put(seq: number, body: Uint8Array): Promise<TxnAnswer> {
    const { format, tail } = this.#keys;
    const key = this.#keys.entry(this.writer, seq);
    return this.#client.txn({
      compare: [
        { key, version: 0n },
        { key: format, createRevision: this.#formatRevision },
      ],
      success: [
        { put: { key, value: valueFor(body) } },
        { put: { key: tail, value: bytesOf(`${this.writer}/${seq}`) } },
        { range: { key: tail, keysOnly: true } },
      ],
      failure: [{ range: { key, keysOnly: true } }],
    });
  }

  /** A write that was refused for want of room may have been done all the same; what is read after that says it. */
  async #refuseWithoutRoom(seq: number, error: unknown): Promise<void> {
    if (!isOutOfSpace(error)) return;
    const key = this.#keys.entry(this.writer, seq);
    const { kvs } = await this.#connection.insist(() => this.#client.range({ key, keysOnly: true }));
    if (kvs.length > 0) return;
    const cause = "etcd has no room: its quota is used up";
    this.#connection.setFull(cause);
    throw new NotAppendedError(cause);
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    const follower = new Follower(after, (from) => this.#entriesFrom(from), onEntries);
    this.#followers.add(follower);
    follower.wake();
  }

  async #entriesFrom(from: Lsn): Promise<readonly LogEntry[]> {
    if (this.#connection.isOver) return [];
    const heard = this.#heard.from(from);
    if (heard !== undefined) return heard;
    try {
      const read = await this.#connection.insist(() => this.#read.from(from));
      if (read === null) this.#connection.fail(`Log entries from ${from} on are missing.`);
      if (read === null || this.#connection.isOver) return [];
      const { entries, listing } = read;
      if (from > listing.end + 1) this.#failAsRolledBack(listing.end, from - 1);
      else if (entries.length === 0 && !this.#heard.isListening)
        this.#heard.listen(listing.revision + 1n, listing.end);
      return entries;
    } catch (error) {
      if (error instanceof GivenUpError) return [];
      throw error;
    }
  }

  #failAsRolledBack(end: Lsn, known: Lsn): void {
    this.#connection.fail(
      `the log ends at ${end}, and ${known} was there already: etcd was restored from an older copy`,
    );
  }

  #wakeAll(): void {
    const taken = Math.min(...[...this.#followers].map(({ next }) => next - 1));
    if (Number.isFinite(taken)) this.#heard.forget(taken);
    for (const follower of this.#followers) follower.wake();
  }

  async tail(): Promise<Lsn> {
    const { question, tail } = this.#keys;
    const success = [
      { put: { key: question, value: bytesOf("") } },
      { range: { key: tail, keysOnly: true } },
    ];
    const { ranges } = await this.#connection.insist(
      () => this.#client.txn({ compare: [], success }),
      // Where nothing can be written it is read.
      (error) => (isOutOfSpace(error) ? void success.shift() : undefined),
    );
    return versionIn(ranges[0]?.kvs);
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
      const { kvs } = await this.#client.range({ key: this.#keys.tail, keysOnly: true });
      this.#connection.answered();
      this.#compare(versionIn(kvs), last);
      if (this.#connection.isFull && !(await this.#client.isFull())) this.#connection.setFull(null);
    } catch (error) {
      this.#connection.notAnswered(error);
    }
  }

  #compare(end: Lsn, known: Lsn): void {
    if (end < known) this.#failAsRolledBack(end, known);
    else if (this.#heard.isListening && this.#unheard > this.#heard.last) this.#heard.lose();
    this.#unheard = end;
  }

  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
    const { end, keys } = await this.#connection.insist(() => this.#read.list());
    const first = end - keys.length + 1;
    const gone = keys.slice(0, Math.max(0, upTo - first + 1));
    for (let index = 0; index < gone.length; index += deletedAtOnceMax) {
      const success = gone.slice(index, index + deletedAtOnceMax).flatMap((key) => this.#deletionOf(key));
      await this.#connection.insist(() => this.#client.txn({ compare: [], success }));
    }
  }

  #deletionOf(key: Uint8Array): Step[] {
    const place = this.#keys.entryAt(key);
    const parts = place === null ? [] : [{ deleteRange: this.#keys.partsUpTo(place.writer, place.seq) }];
    return [{ deleteRange: { key } }, ...parts];
  }

  /** Reads all of it: for whoever asks seldom. */
  async usage(): Promise<LogUsage> {
    const { rangeEnd } = this.#keys.entries;
    let [entries, bytes, key] = [0, 0, this.#keys.entries.key];
    for (;;) {
      const range = { key, rangeEnd, limit: countedAtOnceMax };
      const { kvs, more } = await this.#connection.insist(() => this.#client.range(range));
      entries += kvs.length;
      for (const { value } of kvs) bytes += lengthIn(value);
      const last = kvs.at(-1)?.key;
      if (!more || last === undefined) return { entries, bytes };
      key = new Uint8Array([...last, 0]);
    }
  }

  onState(listener: (state: LogState) => void): void {
    this.#connection.onState(listener);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#cancelProbe();
    await Promise.allSettled(this.#underWay);
    this.#heard.stop();
  }
}

/** What was there when the log was opened, or was put there then. */
interface Opened {
  readonly clusterId: string;
  readonly revision: bigint;
}

async function openFormat({ client, prefix }: EtcdLogParts): Promise<Opened> {
  const { format: key } = new Keys(prefix);
  const made: Format = { clusterId: randomBytes(16).toString("hex"), format };
  const range = { range: { key } };
  const { ranges } = await client.txn({
    compare: [{ key, version: 0n }],
    success: [{ put: { key, value: bytesOf(JSON.stringify(made)) } }, range],
    failure: [range],
  });
  const [kv] = ranges[0]?.kvs ?? [];
  if (kv === undefined) throw new Error("etcd does not keep what is put into it");
  const found = JSON.parse(textOf(kv.value)) as Format;
  if (found.format !== format)
    throw new Error(`the log in etcd has format ${found.format}, which is unknown here`);
  return { clusterId: found.clusterId, revision: kv.createRevision };
}
