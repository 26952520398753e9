// The one place where the command line writes: results to stdout, as text or as JSON, everything else to stderr. It
// colours only what goes to a terminal, and waits for a reader that is slow.

import { once } from "node:events";
import type { Writable } from "node:stream";
import { styleText } from "node:util";

type Colour = "red" | "yellow" | "green" | "blue" | "dim";

/** A result in both forms; the text is made only where it is shown. */
interface Result {
  readonly text: () => string | Uint8Array;
  readonly json: unknown;
}

export class Output {
  readonly #asJson: boolean;

  constructor({ json }: { readonly json: boolean }) {
    this.#asJson = json;
  }

  /** One result. Text that ends in no newline gets none: it may be data. */
  async write({ text, json }: Result): Promise<void> {
    await send(process.stdout, this.#asJson ? `${JSON.stringify(json)}\n` : text());
  }

  /** A line, and as JSON a line too: what comes one by one can be read one by one. */
  async line(text: () => string, json: unknown): Promise<void> {
    await this.write({ text: () => `${text()}\n`, json });
  }

  /** Something to know that is no result. */
  note(message: string): void {
    process.stderr.write(`${this.#named(message, "yellow")}\n`);
  }

  error(message: string): void {
    process.stderr.write(`${this.#named(message, "red")}\n`);
  }

  /** Coloured where stdout is a terminal that wants it. */
  style(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: process.stdout });
  }

  #named(message: string, colour: Colour): string {
    return `${styleText(colour, "treekeeper:", { stream: process.stderr })} ${message}`;
  }
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
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

/** Text that cannot move the cursor, nor be taken for more lines than one. */
export function onOneLine(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return escaped.replaceAll(/[\u007f-\u009f]/g, (control) => `\\u00${control.charCodeAt(0).toString(16)}`);
}
