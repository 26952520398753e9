// Tells a program what befalls a command, one JSON object a line, where `--jsonl` says. Whoever holds or leads does not
// stop or wait because nobody reads: what does not fit into a pipe is kept for a while, up to a bound, and then left out.

import { closeSync, constants, fstatSync, openSync, readlinkSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Option } from "commander";
import { ExitError, exitCodes } from "../exit-codes.ts";
import type { LifecycleEvent, Subject } from "./lifecycle.ts";

/** A file, or a descriptor that was open before. */
type Target = { readonly file: string } | { readonly descriptor: number };

interface Opened {
  readonly descriptor: number;
  readonly isOwn: boolean;
  /** A descriptor that the command does not get: the reader would not see the end while a process of it lives. */
  readonly keptBack: number | null;
}

/** What a reader that stands still may have outstanding. */
const heldBytesMax = 64 * 1024;
const againMs = 50;
/** At the end nobody is waited for longer. */
const endWithinMs = 1000;
const stdoutDescriptor = 1;
const newline = 0x0a;
const fileMode = 0o666;

export function jsonlOption(): Option {
  return new Option(
    "--jsonl <where>",
    "tell what happens, a JSON object a line: the end of a file, a descriptor that is open (3), or - for stdout",
  );
}

export class EventLines {
  readonly #subject: Subject;
  readonly #opened: Opened;
  #held: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #leftOut = 0;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(subject: Subject, opened: Opened) {
    this.#subject = subject;
    this.#opened = opened;
  }

  /** @throws ExitError when nothing can be written there */
  static open(where: string, subject: Subject): EventLines {
    const target = targetIn(where);
    try {
      return new EventLines(subject, "file" in target ? openFile(target.file) : openAgain(target.descriptor));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ExitError(exitCodes.usage, `--jsonl ${where}: it cannot be written to (${code}).`);
    }
  }

  get keptBack(): number | null {
    return this.#opened.keptBack;
  }

  tell(event: LifecycleEvent): void {
    if (this.#isOver) return;
    const { event: name, ...details } = event;
    const line = Buffer.from(
      `${JSON.stringify({ atMs: Date.now(), event: name, ...this.#subject, ...details })}\n`,
    );
    if (this.#held.byteLength + line.byteLength > heldBytesMax) this.#leftOut += 1;
    else this.#held = Buffer.concat([this.#held, line]);
    this.#write();
  }

  /** Resolves when all is written, or is not to be. Returns how many events were left out. */
  async end(): Promise<number> {
    const untilMs = performance.now() + endWithinMs;
    while (!this.#isOver && this.#held.byteLength > 0 && performance.now() < untilMs) {
      await pause(againMs);
      this.#write();
    }
    clearTimeout(this.#timer);
    this.#isOver = true;
    if (this.#opened.isOwn) closeSync(this.#opened.descriptor);
    return this.#leftOut + this.#held.filter((byte) => byte === newline).byteLength;
  }

  #write(): void {
    clearTimeout(this.#timer);
    try {
      while (this.#held.byteLength > 0) {
        this.#held = this.#held.subarray(writeSync(this.#opened.descriptor, this.#held));
      }
    } catch (error) {
      // A full pipe has room again later. A reader that has gone ends the telling, and nothing else.
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") this.#writeLater();
      else this.#stop();
    }
  }

  #writeLater(): void {
    this.#timer = setTimeout(() => this.#write(), againMs).unref();
  }

  #stop(): void {
    this.#isOver = true;
    this.#held = Buffer.alloc(0);
  }
}

function targetIn(where: string): Target {
  if (where === "-") return { descriptor: stdoutDescriptor };
  const [, number] = /^(?:\/dev\/fd\/)?(\d+)$/.exec(where) ?? [];
  return number === undefined ? { file: where } : { descriptor: Number(number) };
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;

function openFile(file: string): Opened {
  const descriptor = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, fileMode);
  return { descriptor, isOwn: true, keptBack: null };
}

/** Once more, so that not to wait for a reader is a matter of this program's alone. A socket cannot be opened so. */
function openAgain(given: number): Opened {
  const keptBack = given === stdoutDescriptor ? null : given;
  mustBeOutside(given);
  try {
    const descriptor = openSync(`/dev/fd/${given}`, O_WRONLY | O_APPEND | O_NONBLOCK);
    return { descriptor, isOwn: true, keptBack };
  } catch {
    return { descriptor: given, isOwn: false, keptBack };
  }
}

/** @throws Error when there is nothing, or something that this program has opened for itself */
function mustBeOutside(descriptor: number): void {
  fstatSync(descriptor);
  if (!leadsTo(descriptor).startsWith("anon_inode:")) return;
  throw Object.assign(new Error("It was not open before."), { code: "EBADF" });
}

/** Nowhere, on a system that does not tell. */
function leadsTo(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}
