// Where the command line writes: results to stdout, as text or as JSON, everything else to stderr. It colours only what
// goes to a terminal, waits for a reader that is slow, and lets nothing through that could disturb a terminal; bytes are
// data, and stay as they are.

import { once } from "node:events";
import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { printable, printableLine } from "../printable.ts";

type Colour = "red" | "yellow" | "green" | "blue" | "dim";

/** Words that are coloured where stdout is a terminal that wants it. */
interface Coloured {
  readonly colour: Colour;
  readonly words: string;
}

/** The parts of a line. */
export type Line = readonly (string | Coloured)[];

/** A result in both forms; the text is made only where it is shown. */
interface Result {
  readonly text: () => string | Uint8Array;
  readonly json: unknown;
}

export class Output {
  readonly #asJson: boolean;
  /** Whether nothing is said but results and faults. */
  readonly isQuiet: boolean;

  constructor({
    json = false,
    quiet = false,
  }: { readonly json?: boolean | undefined; readonly quiet?: boolean | undefined }) {
    this.#asJson = json;
    this.isQuiet = quiet;
  }

  /** One result. Text that ends in no newline gets none: it may be data. */
  async write({ text, json }: Result): Promise<void> {
    if (this.#asJson) return await send(process.stdout, `${printable(JSON.stringify(json))}\n`);
    const shown = text();
    await send(process.stdout, typeof shown === "string" ? printable(shown) : shown);
  }

  /** A line, and as JSON a line too: what comes one by one can be read one by one. */
  async line(text: () => string | Line, json: unknown): Promise<void> {
    if (this.#asJson) return await this.write({ text: () => "", json });
    const shown = text();
    const parts = typeof shown === "string" ? [shown] : shown;
    await send(process.stdout, `${parts.map(shownPart).join("")}\n`);
  }

  /** A name on a line of its own, for who reads it: as it is, unless that is a terminal. */
  async name(name: string, json: unknown): Promise<void> {
    if (this.#asJson || process.stdout.isTTY) return await this.line(() => name, json);
    await send(process.stdout, `${name}\n`);
  }

  /** Something to know that is no result. */
  note(message: string): void {
    if (!this.isQuiet) say(message, "yellow");
  }

  error(message: string): void {
    say(message, "red");
  }
}

function shownPart(part: Line[number]): string {
  if (typeof part === "string") return printableLine(part);
  return styleText(part.colour, printableLine(part.words), { stream: process.stdout });
}

/** One line, but for the trace of a fault of this program. */
function say(message: string, colour: Colour): void {
  const lines = message.split(/\n(?= {4}at )/).map(printableLine);
  process.stderr.write(
    `${styleText(colour, "treekeeper:", { stream: process.stderr })} ${lines.join("\n")}\n`,
  );
}

async function send(stream: Writable, part: string | Uint8Array): Promise<void> {
  if (!stream.write(part)) await once(stream, "drain");
}

/** Resolves when everything written has left the process. */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

/** Names and their values below each other. */
export function aligned(rows: readonly (readonly [string, unknown])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${printableLine(String(value))}\n`).join("");
}
