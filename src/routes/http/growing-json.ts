// JSON that is long and comes in pieces, parsed as it comes: what is at hand of its outer lists and of long strings is
// done before more is read, and nothing is left to be done in one go at the end. What comes out is what JSON.parse makes
// of the whole. So a transaction of megabytes takes its time bit by bit, and others have theirs between.

import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { KeeperError } from "../../core/errors.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { type JsonLimits, JsonScanner } from "./json-scanner.ts";

/** Throws for what is no JSON, or none that the service reads. */
export type ParseJson = (text: string) => unknown;

export class GrowingJson {
  readonly #scanner: JsonScanner;
  readonly #parse: ParseJson;
  readonly #long = new LongStrings();
  readonly #unread: UnreadJson;
  /** All that is outside of the lists; in each of them stands its number. */
  #frame = "";
  readonly #lists: unknown[][] = [];
  #bytes = 0;

  constructor(limits: JsonLimits, parse: ParseJson) {
    this.#scanner = new JsonScanner(limits);
    this.#parse = parse;
    this.#unread = new UnreadJson(this.#scanner, this.#long, parse);
  }

  /** Values take more room than the bytes that they are written with. */
  get heldBytes(): number {
    return this.#bytes + this.#scanner.values * bytesPerValue;
  }

  /** @throws KeeperError for what is too much, or no JSON as far as that can be seen yet */
  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    for (let from = 0; from < piece.length; ) {
      const wasInList = this.#scanner.isInList;
      const end = this.#scanner.scan(piece, from);
      const hasTurned = this.#scanner.isInList !== wasInList;
      if (!wasInList) this.#unread.add(piece.subarray(from, end));
      else if (hasTurned) this.#endList(piece.subarray(from, end - 1), piece.subarray(end - 1, end));
      else this.#addItems(piece.subarray(from, end), this.#scanner.lastComma - from);
      if (hasTurned && !wasInList) this.#beginList();
      from = end;
    }
    this.#unread.cutLongString();
  }

  /** @throws KeeperError */
  take(): unknown {
    const whole = this.#long.putInto(this.#parse(this.#frame + this.#unread.take()));
    if (typeof whole !== "object" || whole === null) return whole;
    const members = whole as Record<string, unknown>;
    for (const [name, member] of Object.entries(members)) {
      if (Array.isArray(member)) members[name] = this.#lists[member[0]];
    }
    return whole;
  }

  #beginList(): void {
    this.#frame += this.#unread.take() + this.#lists.length;
    this.#lists.push([]);
  }

  /** @param comma where the last item ends that is whole; before the piece where none does */
  #addItems(piece: Uint8Array, comma: number): void {
    if (comma < 0) {
      this.#unread.add(piece);
      return;
    }
    this.#unread.add(piece.subarray(0, comma));
    const items = this.#itemsIn(this.#unread.take());
    if (items.length === 0) throw notJson();
    for (const item of items) this.#list.push(item);
    this.#unread.add(piece.subarray(comma + 1));
  }

  #endList(rest: Uint8Array, bracket: Uint8Array): void {
    this.#unread.add(rest);
    const items = this.#itemsIn(this.#unread.take());
    // Behind a comma there is one more.
    if (items.length === 0 && this.#list.length > 0) throw notJson();
    for (const item of items) this.#list.push(item);
    this.#unread.add(bracket);
  }

  get #list(): unknown[] {
    return this.#lists.at(-1) as unknown[];
  }

  #itemsIn(text: string): unknown[] {
    return this.#long.putInto(this.#parse(`[${text}]`)) as unknown[];
  }
}

/** Of an empty object, or of a member with a name that no other has. */
const bytesPerValue = 128;

/** What was not parsed yet, as text as soon as it is known where a long string of it goes on. */
class UnreadJson {
  readonly #scanner: JsonScanner;
  readonly #long: LongStrings;
  readonly #parse: ParseJson;
  readonly #bytes = new GrowingBytes(Number.POSITIVE_INFINITY);
  #text = "";
  /** The number of the string that was cut last. */
  #cutString = 0;

  constructor(scanner: JsonScanner, long: LongStrings, parse: ParseJson) {
    this.#scanner = scanner;
    this.#long = long;
    this.#parse = parse;
  }

  add(piece: Uint8Array): void {
    this.#bytes.add(piece);
  }

  take(): string {
    const text = this.#text + textOf(this.#bytes.take());
    this.#text = "";
    return text;
  }

  /** Of a string that goes on, what there is of it is taken away, so that it is not parsed with all that follows. */
  cutLongString(): void {
    if (this.#bytes.length < uncutBytesMax || !this.#scanner.isInValue) return;
    const bytes = this.#bytes.take();
    const end = endOfCharacters(bytes, bytes.length - this.#scanner.openEscapeLength);
    const text = textOf(bytes.subarray(0, end));
    if (this.#cutString === this.#scanner.strings) this.#long.goOn(this.#parse(`"${text}"`) as string);
    else this.#text += text + this.#long.begin();
    this.#cutString = this.#scanner.strings;
    this.#bytes.add(bytes.subarray(end));
  }
}

/** The middles of long strings, and the marks that stand for them in what is parsed. */
class LongStrings {
  /** No client knows it. It begins with what no escape goes on with. */
  readonly #mark = `z${randomUUID()}`;
  readonly #middles: string[][] = [];

  begin(): string {
    this.#middles.push([]);
    return this.#markOf(this.#middles.length - 1);
  }

  goOn(part: string): void {
    this.#middles.at(-1)?.push(part);
  }

  /** The value with its strings as they were sent; no deeper than the scanner lets in. */
  putInto(value: unknown): unknown {
    if (this.#middles.length === 0) return value;
    if (typeof value === "string") return this.#whole(value);
    if (typeof value !== "object" || value === null) return value;
    const members = value as Record<string, unknown>;
    for (const [name, member] of Object.entries(members)) members[name] = this.putInto(member);
    return value;
  }

  #whole(text: string): string {
    const at = text.indexOf(this.#mark);
    if (at === -1) return text;
    const behindMark = text.indexOf(".", at);
    const number = Number(text.slice(at + this.#mark.length, behindMark));
    const middle = this.#middles[number] as string[];
    return [text.slice(0, at), ...middle, text.slice(behindMark + 1)].join("");
  }

  #markOf(number: number): string {
    return `${this.#mark}${number}.`;
  }
}

const uncutBytesMax = 16_384;

/** Decoding would put U+FFFD where a fault is, and nobody would hear of it. */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new KeeperError("bad_request", "The body is not valid UTF-8.");
  return bytes.toString("utf8");
}

export function notJson(): KeeperError {
  return new KeeperError("bad_request", "The body is not valid JSON.");
}

/** Where the last character begins that may go on behind `end`, or `end` where that is ASCII. */
function endOfCharacters(bytes: Uint8Array, end: number): number {
  const isContinuation = (at: number) => ((bytes[at] ?? 0) & 0xc0) === 0x80;
  let at = end;
  while (end - at < 3 && isContinuation(at - 1)) at -= 1;
  return (bytes[at - 1] ?? 0) >= 0xc0 ? at - 1 : at;
}
