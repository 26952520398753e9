// The JSON of large data is begun while the entry that it is in is on its way to the disk, one piece in each turn of the
// event loop. What there is of it when the entry is done need not be made then, while everybody waits. It is the same text
// for whoever has begun none of it: a server that replays or follows.

import { jsonLengthOf, longDataBytes } from "../core/json-length.ts";
import { DataPieces } from "./data-pieces.ts";

/** Of data that waits for its pieces to be made, as in two of the longest entries; what comes on top is made in one go. */
const waitingBytesMax = 33_554_432;

class TextAhead {
  readonly #data: Uint8Array;
  readonly #pieces: DataPieces;
  #isMeasured = false;
  #text: string;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#pieces = new DataPieces(data);
    this.#text = this.#pieces.isText ? '"data":"' : '"dataBase64":"';
  }

  get bytes(): number {
    return this.#data.byteLength;
  }

  get isDone(): boolean {
    return this.#pieces.isDone;
  }

  /** How long it will be comes first: the transaction is held to that. */
  goOn(): void {
    if (this.#isMeasured) this.#text += this.#pieces.next();
    else jsonLengthOf(this.#data);
    this.#isMeasured = true;
  }

  whole(): string {
    return `${this.#text}${this.#pieces.rest()}"`;
  }
}

/** By data, and gone with it: what is refused at its place in the log is never taken. */
const begun = new WeakMap<Uint8Array, TextAhead>();
/** Those with pieces to be made, in the order of the log. */
const waiting = new Set<TextAhead>();
let waitingBytes = 0;
let isScheduled = false;

/** From now on the data does not change. */
export function beginText(data: Uint8Array): void {
  if (data.byteLength <= longDataBytes || waitingBytes + data.byteLength > waitingBytesMax) return;
  const text = new TextAhead(data);
  begun.set(data, text);
  waiting.add(text);
  waitingBytes += text.bytes;
  schedule();
}

function schedule(): void {
  if (isScheduled || waiting.size === 0) return;
  isScheduled = true;
  setImmediate(goOn);
}

function goOn(): void {
  isScheduled = false;
  const [first] = waiting;
  if (first === undefined) return;
  first.goOn();
  if (first.isDone) leave(first);
  schedule();
}

function leave(text: TextAhead): void {
  if (waiting.delete(text)) waitingBytes -= text.bytes;
}

/** The member as `dataText` has it, once, if it was begun; what is missing of it is made now. */
export function takeText(data: Uint8Array): string | undefined {
  const text = begun.get(data);
  if (text === undefined) return undefined;
  begun.delete(data);
  leave(text);
  return text.whole();
}
