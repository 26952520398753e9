// Looks through the bytes of a JSON text as they come, before any of it is parsed: how deep it is, how many values it has,
// and where it may be cut. By its bytes it may be short and still be hundreds of thousands of small values, each of which
// costs while everybody waits. It judges sizes alone: text that is no JSON may pass.

import { KeeperError } from "../../core/errors.ts";
import { fixedLimits } from "./fixed-limits.ts";
import type { HttpLimits } from "./http-limits.ts";

export type JsonLimits = Pick<HttpLimits, "jsonDepthMax" | "jsonValuesMax">;

/** Lists in the outermost object or list: what a body has many of, such as operations, stands there. */
const listDepth = 2;

export class JsonScanner {
  readonly #depthMax: number;
  readonly #valuesMax: number;
  #depth = 0;
  /** Lists, objects, and what stands in them: commas and opening brackets are counted. */
  #values = 0;
  /** Of them, those in the item that is being looked through, or outside of all lists. */
  #itemValues = 0;
  #outerValues = 0;
  /** Of the same, bytes that stand in no string. */
  #itemBytes = 0;
  #outerBytes = 0;
  #isInList = false;
  #isInString = false;
  #isEscaped = false;
  /** Of what it stands in, outermost first. */
  readonly #isObject: boolean[] = [];
  /** Whether a string that comes next in an object is a name. */
  #isNameNext = false;
  #isName = false;
  #nameLength = 0;
  /** Bytes of the string since the last escape in it began. */
  #sinceEscape = 0;
  #lastComma = -1;
  #strings = 0;

  constructor({ jsonDepthMax, jsonValuesMax }: JsonLimits) {
    this.#depthMax = jsonDepthMax;
    this.#valuesMax = jsonValuesMax;
  }

  /** Commas and opening brackets so far. */
  get values(): number {
    return this.#values;
  }

  /** Whether it stands in a list of the outermost object or list. */
  get isInList(): boolean {
    return this.#isInList;
  }

  /** Whether it stands in a string that is no name. */
  get isInValue(): boolean {
    return this.#isInString && !this.#isName;
  }

  /** Strings that have begun. */
  get strings(): number {
    return this.#strings;
  }

  /** Bytes at the end of what was looked at that may be a part of an escape. */
  get openEscapeLength(): number {
    return this.#sinceEscape < longestEscape ? this.#sinceEscape : 0;
  }

  /** The last place in what was looked at where one item ends and another begins; -1 for none. */
  get lastComma(): number {
    return this.#lastComma;
  }

  /**
   * Goes on from a place in a piece.
   * @returns where it stopped: behind the bracket that opens or closes a list, or at the end of the piece
   * @throws KeeperError
   */
  scan(piece: Uint8Array, from: number): number {
    this.#lastComma = -1;
    const wasInList = this.#isInList;
    let at = from;
    while (at < piece.length) {
      if (this.#isInString) {
        at = this.#scanString(piece, at);
        continue;
      }
      this.#itemBytes += 1;
      this.#take(piece[at] as number, at);
      at += 1;
      if (this.#isInList !== wasInList) break;
    }
    if (this.#itemBytes > fixedLimits.jsonItemBytesMax) throw tooLong(this.#itemBytes);
    return at;
  }

  /** Where nothing is cut. @throws KeeperError for what is deeper or has more values than the service reads */
  scanAll(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; at = this.scan(piece, at));
  }

  #take(byte: number, at: number): void {
    switch (byte) {
      case quote:
        this.#beginString();
        break;
      case comma:
        this.#isNameNext = true;
        if (this.#isInList && this.#depth === listDepth) {
          this.#lastComma = at;
          this.#itemValues = 0;
          this.#itemBytes = 0;
        }
        this.#count();
        break;
      case openBracket:
      case openBrace:
        this.#count();
        this.#open(byte === openBracket);
        break;
      case closeBracket:
      case closeBrace:
        this.#close();
        break;
      case colon:
        this.#isNameNext = false;
        break;
    }
  }

  #open(isList: boolean): void {
    this.#depth += 1;
    if (this.#depth > this.#depthMax) throw tooDeep(this.#depthMax, this.#depth);
    this.#isObject[this.#depth] = !isList;
    this.#isNameNext = true;
    if (!isList || this.#isInList || this.#depth !== listDepth) return;
    this.#isInList = true;
    [this.#outerValues, this.#itemValues] = [this.#itemValues, 0];
    [this.#outerBytes, this.#itemBytes] = [this.#itemBytes, 0];
  }

  #close(): void {
    if (this.#isInList && this.#depth === listDepth) {
      this.#isInList = false;
      this.#itemValues = this.#outerValues;
      this.#itemBytes = this.#outerBytes;
    }
    // Text with more of them closed than opened is no JSON, whatever follows.
    this.#depth = Math.max(0, this.#depth - 1);
  }

  #count(): void {
    this.#values += 1;
    this.#itemValues += 1;
    if (this.#values > this.#valuesMax) throw tooMany("jsonValuesMax", this.#valuesMax, this.#values);
    const { jsonItemValuesMax } = fixedLimits;
    if (this.#itemValues > jsonItemValuesMax)
      throw tooMany("jsonItemValuesMax", jsonItemValuesMax, this.#itemValues);
  }

  #beginString(): void {
    this.#isInString = true;
    this.#strings += 1;
    this.#isName = this.#isNameNext && this.#isObject[this.#depth] === true;
    this.#nameLength = 0;
    this.#sinceEscape = longestEscape;
  }

  /** From a place within a string to its end, or that of the piece. */
  #scanString(piece: Uint8Array, from: number): number {
    let at = from;
    let sinceEscape = this.#sinceEscape;
    let isEscaped = this.#isEscaped;
    for (; at < piece.length; at += 1) {
      const byte = piece[at];
      sinceEscape += 1;
      if (isEscaped) isEscaped = false;
      else if (byte === backslash) {
        isEscaped = true;
        sinceEscape = 1;
      } else if (byte === quote) break;
    }
    this.#sinceEscape = sinceEscape;
    this.#isEscaped = isEscaped;
    if (this.#isName) this.#countName(at - from);
    if (at === piece.length) return at;
    this.#isInString = false;
    this.#isNameNext = false;
    return at + 1;
  }

  #countName(bytes: number): void {
    this.#nameLength += bytes;
    const { jsonNameBytesMax: limitValue } = fixedLimits;
    if (this.#nameLength <= limitValue) return;
    const details = { limit: "jsonNameBytesMax", limitValue, size: this.#nameLength };
    throw new KeeperError(
      "too_large",
      `The names of members in JSON have at most ${limitValue} bytes.`,
      details,
    );
  }
}

function tooDeep(limitValue: number, size: number): KeeperError {
  const message = `Lists and objects in JSON are at most ${limitValue} deep; these are deeper.`;
  return new KeeperError("bad_request", message, { limit: "jsonDepthMax", limitValue, size });
}

function tooLong(size: number): KeeperError {
  const { jsonItemBytesMax: limitValue } = fixedLimits;
  const message = `An operation, or another item in JSON, has at most ${limitValue} bytes outside of its strings.`;
  return new KeeperError("too_large", message, { limit: "jsonItemBytesMax", limitValue, size });
}

function tooMany(
  limit: "jsonValuesMax" | "jsonItemValuesMax",
  limitValue: number,
  size: number,
): KeeperError {
  const where = limit === "jsonValuesMax" ? "JSON here" : "An operation, or another item in JSON,";
  return new KeeperError("too_large", `${where} has at most ${limitValue} values; this has more.`, {
    ...{ limit, limitValue, size },
  });
}

/** `\u0061`: bytes. */
const longestEscape = 6;
const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
