// Entries as they are heard of when they are written, by a watch. Released versions of etcd have lost events, told them
// twice or out of order, and kept silent: so what is heard counts only as the next of what was heard before, and with
// anything else there is a gap, which is read and not heard.

import { entryNameText, type LogEntry, type Lsn } from "../commit-log.ts";
import { entryOf, type KnownEntry } from "./entries-read.ts";
import type { EtcdCalls, KeyValue, WatchAnswer } from "./etcd-calls.ts";
import type { Keys } from "./keys.ts";

interface HeardParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  /** Called when there is more to be taken, or nothing more is heard. */
  readonly onChange: () => void;
  readonly onAnswered: () => void;
  readonly onLost: (error: unknown) => void;
}

/** What is heard and not taken yet; older ones go, and can be read. */
const keptBytesMax = 8_388_608;
/** Taken at once. */
const takenAtOnceMax = 64;

export class EntriesHeard {
  readonly #parts: HeardParts;
  #entries: LogEntry[] = [];
  #bytes = 0;
  /** The last entry that was heard of, or was known when the hearing began. */
  #last: KnownEntry = { lsn: 0, name: "" };
  #abort: AbortController | null = null;
  /** Of one transaction, which writes an entry and the tail: what was heard so far. */
  #half: { readonly revision: bigint; entry?: KeyValue; tail?: KeyValue } | null = null;

  constructor(parts: HeardParts) {
    this.#parts = parts;
  }

  get isListening(): boolean {
    return this.#abort !== null;
  }

  /** Everything up to here is known. */
  get last(): Lsn {
    return this.#last.lsn;
  }

  /** The same, and which entry stands there. Also when nobody listens any more: it was there. */
  get lastKnown(): KnownEntry {
    return this.#last;
  }

  /** Some of those from one on; none when it has yet to be written, undefined when it was not heard. */
  from(from: Lsn): readonly LogEntry[] | undefined {
    if (!this.isListening) return undefined;
    const first = this.last - this.#entries.length + 1;
    return from < first ? undefined : this.#entries.slice(from - first, from - first + takenAtOnceMax);
  }

  /** From here on: everything up to `last` is known, and was written before the revision. */
  listen(startRevision: bigint, last: KnownEntry): void {
    this.stop();
    this.#last = last;
    const abort = new AbortController();
    this.#abort = abort;
    void this.#hear(startRevision, abort);
  }

  async #hear(startRevision: bigint, abort: AbortController): Promise<void> {
    const { client, keys, onLost } = this.#parts;
    try {
      for await (const answer of client.watch({ ...keys.log, startRevision }, abort.signal)) {
        if (abort.signal.aborted) return;
        this.#parts.onAnswered();
        if (answer.canceled)
          throw new Error(`etcd ended the watch: ${answer.cancelReason || "without a word"}`);
        this.#take(answer);
      }
      throw new Error("etcd ended the watch");
    } catch (error) {
      if (abort.signal.aborted) return;
      onLost(error);
      this.lose();
    }
  }

  #take({ events }: WatchAnswer): void {
    for (const { kv } of events) {
      if (!this.isListening) return;
      this.#takeEvent(kv);
    }
    this.#parts.onChange();
  }

  #takeEvent(kv: KeyValue): void {
    const { keys } = this.#parts;
    const { modRevision } = kv;
    if (this.#half !== null && this.#half.revision !== modRevision) {
      this.lose();
      return;
    }
    this.#half ??= { revision: modRevision };
    if (keys.entryAt(kv.key) === null) this.#half.tail = kv;
    else this.#half.entry = kv;
    const { entry, tail } = this.#half;
    if (entry === undefined || tail === undefined) return;
    this.#half = null;
    const lsn = keys.lsnAt(tail.version);
    const heard = entryOf(entry, lsn, keys);
    if (heard !== null) this.add(heard);
    // One that is in parts is read with them.
    else if (lsn > this.last) this.lose();
  }

  /** One that is there: heard, or written by ourselves. One that is known already changes nothing. */
  add(entry: LogEntry, isHeard = true): void {
    if (!this.isListening || entry.lsn <= this.last) return;
    if (entry.lsn === this.last + 1) this.#keep(entry);
    // Of what we wrote behind others' the others are yet to be heard.
    else if (isHeard) this.lose();
  }

  #keep(entry: LogEntry): void {
    this.#last = { lsn: entry.lsn, name: entryNameText(entry) };
    this.#entries.push(entry);
    this.#bytes += entry.body.byteLength;
    while (this.#bytes > keptBytesMax && this.#entries.length > 1)
      this.#bytes -= (this.#entries.shift() as LogEntry).body.byteLength;
  }

  /** Those up to here are taken by all who want them. */
  forget(upTo: Lsn): void {
    const first = this.last - this.#entries.length + 1;
    for (const { body } of this.#entries.splice(0, Math.max(0, upTo - first + 1)))
      this.#bytes -= body.byteLength;
  }

  /** There is a gap, or nobody says anything any more: the rest has to be read. */
  lose(): void {
    this.stop();
    this.#parts.onChange();
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#entries = [];
    this.#bytes = 0;
    this.#half = null;
  }
}
