// Appends to the log: one after the other in the order they were asked for, each once however often it is asked for.

import { type Lsn, NotAppendedError, OutcomeUnknownError } from "../commit-log.ts";
import { GivenUpError, type LogConnection } from "../log-connection.ts";
import type { EntriesHeard } from "./entries-heard.ts";
import type { LogTail } from "./log-tail.ts";
import type { OwnEntries } from "./own-entries.ts";
import type { Room } from "./room.ts";

export const entryBytesMax = 16_777_216;
/** Places of our own entries that are remembered, for appends that are repeated. */
const placesMax = 1000;

interface AppendsParts {
  readonly writer: string;
  readonly connection: LogConnection;
  readonly own: OwnEntries;
  readonly heard: EntriesHeard;
  readonly tail: LogTail;
  readonly room: Room | undefined;
  /** Called with each that is in the log. */
  readonly onAppended: () => void;
}

export class Appends {
  readonly #parts: AppendsParts;
  readonly #places = new Map<number, Promise<Lsn>>();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Entries of one writer stay in their order. */
  #order: Promise<unknown> = Promise.resolve();

  constructor(parts: AppendsParts) {
    this.#parts = parts;
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

  /** Resolves when none is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  #refusalOf({ byteLength }: Uint8Array): string | null {
    const { connection, room } = this.#parts;
    const { isOver, state } = connection;
    if (state.state === "failed") return `The log has failed: ${state.cause}`;
    if (isOver) return "The log is closed.";
    if (byteLength > entryBytesMax) return `An entry of ${byteLength} bytes is larger than ${entryBytesMax}.`;
    // Where room is short already only that is sent which makes some.
    const isTooMuch = state.state !== "read_only" && room?.hasRoomFor(byteLength) === false;
    return isTooMuch ? "etcd has no room for so much: its quota would be used up" : null;
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
    const { writer, own, heard, tail, onAppended } = this.#parts;
    try {
      const { known } = tail;
      const lsn = await own.put(seq, body);
      if (lsn <= known.lsn) throw tail.failAsAnotherPast(lsn);
      heard.add({ lsn, writer, seq, body }, false);
      onAppended();
      return lsn;
    } catch (error) {
      if (error instanceof GivenUpError) throw new OutcomeUnknownError(error.message);
      throw error;
    }
  }
}
