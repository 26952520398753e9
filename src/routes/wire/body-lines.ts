// The lines of a body that may be longer than memory and than any time. One line is held at once, and each has to come
// within a bound: bytes that drip are no reason to keep a place for ever. The time that we take is not the sender's.

import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import type { BodiesInFlight, HeldBody } from "../http/bodies-in-flight.ts";
import { GrowingBytes } from "../http/growing-bytes.ts";
import type { HttpLimits } from "../http/http-limits.ts";
import { type InputValve, inputValveOf } from "../http/input-valve.ts";
import { type JsonLimits, JsonScanner } from "../http/json-scanner.ts";
import { BodyRefused } from "../http/refused-body.ts";

export interface BodyLinesParts {
  readonly clock: Clock;
  readonly bodies: BodiesInFlight;
  readonly limits: JsonLimits & Pick<HttpLimits, "transactionBytesMax" | "requestTimeoutMs">;
}

/**
 * @throws KeeperError for a line that is too long, more JSON than is read, comes too slowly or is no text; the body is left
 * where it is
 */
export async function* linesOf(request: IncomingMessage, parts: BodyLinesParts): AsyncGenerator<string> {
  const reader = new PieceReader(request, inputValveOf(request), parts);
  const line = new HeldLine(parts, (refusal) => reader.refuse(refusal));
  try {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
      let start = 0;
      for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, start)) {
        line.add(piece.subarray(start, end));
        const text = line.take();
        if (!isBlank(text)) reader.beginLine();
        yield text;
        start = end + 1;
      }
      line.add(piece.subarray(start));
    }
    if (line.length > 0) yield line.take();
  } finally {
    line.end();
    reader.end();
  }
}

const newline = 10;

export function isBlank(line: string): boolean {
  return line.trim() === "";
}

/** The line that is on its way, as much as has come of it. */
class HeldLine {
  readonly #bytesMax: number;
  readonly #bytes: GrowingBytes;
  readonly #held: HeldBody;
  readonly #limits: JsonLimits;
  #scanner: JsonScanner;

  constructor({ bodies, limits }: BodyLinesParts, refuse: (refusal: BodyRefused) => void) {
    this.#bytesMax = limits.transactionBytesMax;
    this.#bytes = new GrowingBytes(this.#bytesMax);
    this.#held = bodies.begin(refuse);
    this.#limits = limits;
    this.#scanner = new JsonScanner(limits);
  }

  get length(): number {
    return this.#bytes.length;
  }

  add(piece: Uint8Array): void {
    const size = this.#bytes.length + piece.length;
    if (size > this.#bytesMax) throw tooLong(this.#bytesMax, size);
    this.#scanner.scanAll(piece);
    this.#bytes.add(piece);
    this.#held.holds(size);
  }

  /** Without the end of the line, be it one character or two. */
  take(): string {
    const bytes = this.#bytes.take();
    this.#held.holds(0);
    this.#scanner = new JsonScanner(this.#limits);
    if (isUtf8(bytes)) return bytes.toString("utf8").replace(/\r$/, "");
    throw new KeeperError("bad_request", "It is not valid UTF-8.");
  }

  end(): void {
    this.#held.end();
  }
}

/** Reads what has come of a body, in one piece, and waits for more as long as a line may take. */
class PieceReader {
  readonly #body: Readable;
  readonly #clock: Clock;
  readonly #lineMsMax: number;
  readonly #valve: InputValve;
  /** Null while more is wanted. */
  #release: (() => void) | null = null;
  readonly #come = new GrowingBytes(Number.POSITIVE_INFINITY);
  /** Time spent waiting for the line that is on its way. */
  #waitedMs = 0;
  #refusal: BodyRefused | null = null;
  #wake = () => {};
  readonly #onData = (piece: Buffer) => this.#take(piece);
  readonly #onEvent = () => this.#wake();

  constructor(body: Readable, valve: InputValve, { clock, limits }: BodyLinesParts) {
    this.#body = body;
    this.#valve = valve;
    this.#clock = clock;
    this.#lineMsMax = limits.requestTimeoutMs;
    for (const event of wakingEvents) body.on(event, this.#onEvent);
    body.on("data", this.#onData);
  }

  /** Null at the end. @throws BodyRefused */
  async next(): Promise<Buffer | null> {
    for (;;) {
      if (this.#refusal !== null) throw this.#refusal;
      if (this.#come.length > 0) return this.#come.take();
      if (this.#body.readableEnded) return null;
      if (this.#body.destroyed)
        throw new BodyRefused("bad_request", "The body is incomplete: the connection closed.");
      await this.#wait();
    }
  }

  beginLine(): void {
    this.#waitedMs = 0;
  }

  refuse(refusal: BodyRefused): void {
    this.#refusal = refusal;
    this.#wake();
  }

  end(): void {
    for (const event of wakingEvents) this.#body.off(event, this.#onEvent);
    this.#body.off("data", this.#onData);
    // What is not read may still break off.
    this.#body.on("error", () => {});
    this.#body.pause();
    this.#open();
  }

  /** What comes at one turn is enough until it is asked for, and is looked at once, however many pieces it came in. */
  #take(piece: Buffer): void {
    this.#come.add(piece);
    if (this.#release !== null) return;
    this.#release = this.#valve.hold();
    setImmediate(this.#onEvent);
  }

  #open(): void {
    this.#release?.();
    this.#release = null;
  }

  async #wait(): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const late = () => this.refuse(tooSlow(this.#lineMsMax));
    const cancelTimer = this.#clock.setTimer(Math.max(0, this.#lineMsMax - this.#waitedMs), late);
    this.#open();
    await promise;
    cancelTimer();
    this.#waitedMs += this.#clock.monotonicMs() - beganMs;
  }
}

const wakingEvents = ["end", "error", "close"] as const;

function tooLong(limitValue: number, size: number): BodyRefused {
  const details = { limit: "transactionBytesMax", limitValue, size };
  return new BodyRefused(
    "too_large",
    `It has ${size} bytes or more; a line has at most ${limitValue}.`,
    details,
  );
}

function tooSlow(limitValue: number): BodyRefused {
  const details = { limit: "requestTimeoutMs", limitValue };
  return new BodyRefused("bad_request", `It did not come within ${limitValue} ms.`, details, 408);
}
