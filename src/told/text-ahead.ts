// The JSON of large data is begun while the entry that it is in is on its way to the disk, one piece in each turn of the
// event loop. What there is of it when the entry is done need not be made then, while everybody waits. It is the same text
// for whoever has begun none of it: a server that replays or follows.

import { DataPieces } from "./data-pieces.ts";

/** What is shorter is made in one go. */
export const longDataBytes = 65_536;

/** Of data that waits for its pieces to be made, as in two of the longest entries; what comes on top is made in one go. */
const waitingBytesMax = 33_554_432;

class TextAhead {
  readonly bytes: number;
  readonly #pieces: DataPieces;
  #text: string;

  constructor(data: Uint8Array) {
    this.bytes = data.byteLength;
    this.#pieces = new DataPieces(data);
    this.#text = this.#pieces.isText ? '"data":"' : '"dataBase64":"';
  }

  get isDone(): boolean {
    return this.#pieces.isDone;
  }

  goOn(): void {
    this.#text += this.#pieces.next();
  }

  whole(): string {
    return `${this.#text}${this.#pieces.rest()}"`;
  }
}

/** By data, and gone with it: what is refused at its place in the log is never taken. */
const begun = new WeakMap<Uint8Array, TextAhead>();
/** In the order of the log. */
const waiting: TextAhead[] = [];
let waitingBytes = 0;

/** From now on the data does not change. */
export function beginText(data: Uint8Array): void {
  if (data.byteLength <= longDataBytes || waitingBytes + data.byteLength > waitingBytesMax) return;
  const text = new TextAhead(data);
  begun.set(data, text);
  waiting.push(text);
  waitingBytes += text.bytes;
  if (waiting.length === 1) setImmediate(goOn);
}

function goOn(): void {
  const first = waiting[0] as TextAhead;
  first.goOn();
  if (first.isDone) {
    waiting.shift();
    waitingBytes -= first.bytes;
  }
  if (waiting.length > 0) setImmediate(goOn);
}

/** The member as `dataText` has it, once, if it was begun; what is missing of it is made now. */
export function takeText(data: Uint8Array): string | undefined {
  const text = begun.get(data);
  if (text === undefined) return undefined;
  begun.delete(data);
  return text.whole();
}
