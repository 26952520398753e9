// Where lines are written that this process must not wait for. A file takes them at once. A pipe or a terminal is opened
// once more, so that not to wait is a matter of this process alone: the command may have the same one. What cannot be
// opened once more, a socket above all, is left to a process beside this one that may be kept waiting.

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { openingOf } from "./descriptors.ts";
import { Scribe } from "./scribe.ts";
import type { Sink, Written } from "./sink.ts";

interface Opened {
  readonly sink: Sink;
  /** A descriptor that the command does not get: the reader would not see the end while a process of it lives. */
  readonly keptBack: number | null;
  /** Whether somebody has left a line there without its end. */
  readonly isWithinLine: boolean;
}

/** A file, or a descriptor that was open before. */
type Target = { readonly file: string } | { readonly descriptor: number };

const stdoutDescriptor = 1;
const stderrDescriptor = 2;
const newline = 0x0a;
const fileMode = 0o666;
const againMs = 50;
const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * @param outside the descriptors beyond the first three that were open before this process began
 * @throws a system's error when nothing can be written there
 */
export function openSink(where: string, outside: readonly number[]): Opened {
  const target = targetIn(where);
  return "file" in target ? openFile(target.file) : openDescriptor(target.descriptor, outside);
}

function targetIn(where: string): Target {
  if (where === "-" || where === "/dev/stdout") return { descriptor: stdoutDescriptor };
  if (where === "/dev/stderr") return { descriptor: stderrDescriptor };
  const [, number] = /^(?:\/dev\/fd\/|\/proc\/self\/fd\/)?(\d+)$/.exec(where) ?? [];
  return number === undefined ? { file: where } : { descriptor: Number(number) };
}

function openFile(file: string): Opened {
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
  const descriptor = openSync(file, flags, fileMode);
  return {
    sink: new Descriptor(descriptor, { isOwn: true }),
    keptBack: null,
    isWithinLine: isWithinLine(descriptor, file),
  };
}

function openDescriptor(given: number, outside: readonly number[]): Opened {
  const isFromOutside = given <= stderrDescriptor || outside.includes(given);
  // What this process has opened for itself is not to be written to: Node does not survive it.
  if (!isFromOutside || openingOf(given)?.canWrite === false) {
    throw Object.assign(new Error("It is not open for writing."), { code: "EBADF" });
  }
  const isFile = fstatSync(given).isFile();
  return {
    // With a file, where the next byte goes is shared with whoever writes there too, as the command does.
    sink: isFile ? new Descriptor(given, { isOwn: false }) : openAgain(given),
    keptBack: given === stdoutDescriptor ? null : given,
    isWithinLine: isFile && isWithinLine(given, pathOf(given)),
  };
}

function openAgain(given: number): Sink {
  try {
    const descriptor = openSync(pathOf(given), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    return new Descriptor(descriptor, { isOwn: true });
  } catch {
    return Scribe.start(given);
  }
}

/** Elsewhere `/dev/fd` gives the same once more, for which not to wait would be a matter of all who have it. */
function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** Not, where it may not be read. */
function isWithinLine(descriptor: number, path: string): boolean {
  const status = fstatSync(descriptor);
  const end = openingOf(descriptor)?.position ?? status.size;
  if (!status.isFile() || end === 0) return false;
  try {
    const reader = openSync(path, O_RDONLY | O_NONBLOCK);
    const last = Buffer.alloc(1);
    const bytesRead = readSync(reader, last, 0, 1, end - 1);
    closeSync(reader);
    return bytesRead === 1 && last[0] !== newline;
  } catch {
    return false;
  }
}

/** One that says so when it would have to wait, or never has to. */
class Descriptor implements Sink {
  readonly ready = Promise.resolve();
  readonly #descriptor: number;
  readonly #isOwn: boolean;
  readonly #closing = new AbortController();

  constructor(descriptor: number, { isOwn }: { readonly isOwn: boolean }) {
    this.#descriptor = descriptor;
    this.#isOwn = isOwn;
  }

  async write(bytes: Buffer): Promise<Written> {
    let count = 0;
    try {
      while (count < bytes.byteLength) {
        const some = this.#writeSome(bytes.subarray(count));
        if (some === null) await pause(againMs, undefined, { signal: this.#closing.signal, ref: false });
        else count += some;
      }
      return { bytes: count, code: null };
    } catch (error) {
      return { bytes: count, code: (error as NodeJS.ErrnoException).code ?? null };
    }
  }

  /** Null when there is no room. */
  #writeSome(bytes: Buffer): number | null {
    try {
      return writeSync(this.#descriptor, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return null;
      throw error;
    }
  }

  close(): void {
    this.#closing.abort();
    if (this.#isOwn) closeSync(this.#descriptor);
  }
}
