// Tells a program what befalls a command, one JSON object a line, where `--jsonl` says. Whoever holds or leads does not
// stop or wait because nobody reads: what is not taken is kept for a while, up to a bound, and then left out. That some
// were left out is told in their place.

import { setTimeout as pause } from "node:timers/promises";
import { Option } from "commander";
import { ExitError, exitCodes } from "../exit-codes.ts";
import type { LifecycleEvent, Subject } from "./lifecycle.ts";
import { openSink } from "./open-sink.ts";
import type { Sink } from "./sink.ts";

/** A line that is to be written, or the place of events for which there was no room. */
type Held = { readonly line: Buffer } | { leftOut: number };

/** What a reader that stands still may have outstanding. */
const heldBytesMax = 64 * 1024;
/** At the end nobody is waited for longer. */
const endWithinMs = 1000;
/** Nor what it takes before anything can be written. */
const readyWithinMs = 10_000;
const newline = 0x0a;

export function jsonlOption(): Option {
  return new Option(
    "--jsonl <where>",
    "tell what happens, a JSON object a line: the end of a file, a descriptor that is open (3), or - for stdout",
  );
}

export class EventLines {
  /** A descriptor that the command does not get. */
  readonly keptBack: number | null;
  readonly #subject: Subject;
  readonly #sink: Sink;
  readonly #held: Held[] = [];
  /** With the line that is being written. */
  #heldBytes = 0;
  #heldLines = 0;
  #leftOut = 0;
  /** Of them, those of whose absence nothing was told yet. */
  #untold = 0;
  /** Why one of them could not be written. */
  #fault: string | null = null;
  #isWithinLine: boolean;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  #isOver = false;

  private constructor(subject: Subject, { sink, keptBack, isWithinLine }: ReturnType<typeof openSink>) {
    this.#subject = subject;
    this.#sink = sink;
    this.keptBack = keptBack;
    this.#isWithinLine = isWithinLine;
  }

  /**
   * @param outside the descriptors beyond the first three that were open before this process began
   * @throws ExitError when nothing can be written there
   */
  static open(where: string, subject: Subject, outside: readonly number[]): EventLines {
    try {
      return new EventLines(subject, openSink(where, outside));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ExitError(exitCodes.usage, `--jsonl ${where}: it cannot be written to (${code}).`);
    }
  }

  tell(event: LifecycleEvent): void {
    const line = this.#lineOf(event);
    if (this.#heldBytes + line.byteLength > heldBytesMax) this.#leaveOut();
    else this.#hold(line);
    if (!this.#isWriting) this.#written = this.#writeHeld();
  }

  /** Resolves when all is written, or is not to be: with a sentence about what was left out, null for nothing. */
  async end(): Promise<string | null> {
    await Promise.race([this.#sink.ready, pause(readyWithinMs)]);
    await Promise.race([this.#written, pause(endWithinMs)]);
    this.#isOver = true;
    this.#sink.close();
    const leftOut = this.#leftOut + this.#heldLines;
    if (leftOut === 0) return null;
    const why = this.#fault === null ? "nobody read them" : `they could not be written (${this.#fault})`;
    return `${leftOut} ${leftOut === 1 ? "event was" : "events were"} left out, since ${why}`;
  }

  #lineOf({ event, ...details }: LifecycleEvent): Buffer {
    return Buffer.from(`${JSON.stringify({ atMs: Date.now(), event, ...this.#subject, ...details })}\n`);
  }

  #hold(line: Buffer): void {
    this.#held.push({ line });
    this.#heldBytes += line.byteLength;
    this.#heldLines += 1;
  }

  #leaveOut(): void {
    this.#leftOut += 1;
    const last = this.#held.at(-1);
    if (last !== undefined && "leftOut" in last) last.leftOut += 1;
    else this.#held.push({ leftOut: 1 });
  }

  /** Begins at once, so that what can be written is written before anything else happens. */
  async #writeHeld(): Promise<void> {
    this.#isWriting = true;
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) {
      if ("leftOut" in next) {
        this.#untold += next.leftOut;
        await this.#tellLeftOut();
      } else await this.#writeEvent(next.line);
      if (this.#isOver) return;
    }
    this.#isWriting = false;
  }

  async #writeEvent(line: Buffer): Promise<void> {
    const untold = this.#untold === 0 ? null : await this.#tellLeftOut();
    const fault = untold ?? (await this.#write(line));
    if (this.#isOver) return;
    this.#heldBytes -= line.byteLength;
    this.#heldLines -= 1;
    if (fault === null) return;
    this.#fault = fault;
    this.#leftOut += 1;
    this.#untold += 1;
  }

  /** Returns why it could not be told. */
  async #tellLeftOut(): Promise<string | null> {
    const fault = await this.#write(this.#lineOf({ event: "left_out", count: this.#untold }));
    if (fault === null) this.#untold = 0;
    return fault;
  }

  /** As a line of its own, whatever stands before it. Returns why not all of it could be written. */
  async #write(line: Buffer): Promise<string | null> {
    const whole = this.#isWithinLine ? Buffer.concat([Buffer.of(newline), line]) : line;
    const { bytes, code } = await this.#sink.write(whole);
    if (bytes > 0) this.#isWithinLine = whole[bytes - 1] !== newline;
    return code;
  }
}
