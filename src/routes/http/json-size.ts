// How much a JSON text is to read: by its bytes it may be short and still be hundreds of thousands of small values, each
// of which costs while everybody waits. It is looked through once, before it is parsed.

import { KeeperError } from "../../core/errors.ts";
import type { HttpLimits } from "./http-limits.ts";

export type JsonLimits = Pick<HttpLimits, "jsonDepthMax" | "jsonValuesMax">;

/** @throws KeeperError for what is deeper or has more values than the service reads. Text that is no JSON may pass. */
export function assertReadable(text: string, { jsonDepthMax, jsonValuesMax }: JsonLimits): void {
  const { depth, values } = sizeOf(text, { jsonDepthMax, jsonValuesMax });
  if (depth > jsonDepthMax) {
    const message = `Lists and objects in JSON are at most ${jsonDepthMax} deep; these are ${depth}.`;
    throw new KeeperError("bad_request", message, {
      limit: "jsonDepthMax",
      limitValue: jsonDepthMax,
      size: depth,
    });
  }
  if (values <= jsonValuesMax) return;
  const details = { limit: "jsonValuesMax", limitValue: jsonValuesMax, size: values };
  throw new KeeperError(
    "too_large",
    `JSON here has at most ${jsonValuesMax} values; this has more.`,
    details,
  );
}

interface JsonSize {
  /** Lists, objects, and what stands in them: its commas and opening brackets, counted until they are too many. */
  readonly values: number;
  /** Of lists and objects within each other. */
  readonly depth: number;
}

function sizeOf(text: string, { jsonDepthMax, jsonValuesMax }: JsonLimits): JsonSize {
  const strings = new Strings(text);
  let [values, depth, deepest] = [0, 0, 0];
  for (let at = 0; at < text.length && (values <= jsonValuesMax || deepest > jsonDepthMax); at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = strings.endOf(at + 1);
        break;
      case comma:
        values += 1;
        break;
      case openBracket:
      case openBrace:
        values += 1;
        depth += 1;
        deepest = Math.max(deepest, depth);
        break;
      case closeBracket:
      case closeBrace:
        depth -= 1;
        break;
    }
  }
  return { values, depth: deepest };
}

/** Most strings escape nothing, and their ends are found without a look at each character. */
class Strings {
  readonly #text: string;
  #nextBackslash = -1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the string that begins at `start` has its closing quote; behind the text when it has none. */
  endOf(start: number): number {
    const end = this.#indexOf('"', start);
    if (this.#nextBackslash < start) this.#nextBackslash = this.#indexOf("\\", start);
    return this.#nextBackslash > end ? end : this.#endAfterEscapes(this.#nextBackslash);
  }

  #endAfterEscapes(from: number): number {
    const text = this.#text;
    let at = from;
    for (; at < text.length; at += 1) {
      const character = text.charCodeAt(at);
      if (character === backslash) at += 1;
      else if (character === quote) break;
    }
    return at;
  }

  #indexOf(character: string, from: number): number {
    const at = this.#text.indexOf(character, from);
    return at === -1 ? this.#text.length : at;
  }
}

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
