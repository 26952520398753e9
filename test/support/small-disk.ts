// A disk of little room in place of a folder, where the system lets tests mount one.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs what follows with a disk of so much room in place of a folder, for itself alone and gone with it. */
export function onSmallDisk(folder: string, mebibytes: number): [string, ...string[]] {
  const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && exec "$@"`;
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, folder];
}

const [probe, ...probeArguments] = [...onSmallDisk(tmpdir(), 1), "true"] as const;
export const canMount = spawnSync(probe, probeArguments).status === 0;

/**
 * A disk that outlives those who use it: programs are started on it one after the other, and whoever has it can fill it
 * with something that is none of theirs, and take that away again.
 */
export class SmallDisk {
  readonly #folder: string;
  readonly #holder: ChildProcess;

  private constructor(folder: string, holder: ChildProcess) {
    this.#folder = folder;
    this.#holder = holder;
  }

  static async mount(folder: string, mebibytes: number): Promise<SmallDisk> {
    const [program, ...args] = onSmallDisk(folder, mebibytes);
    const hold = ["sh", "-c", "echo mounted; exec sleep 1000000"];
    const holder = spawn(program, [...args, ...hold], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout as NodeJS.ReadableStream, "data");
    return new SmallDisk(folder, holder);
  }

  /** What is put before a command that is to see the disk. */
  get entry(): [string, ...string[]] {
    return ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", String(this.#holder.pid)];
  }

  /** A path on the disk, as those see it who are not on it. */
  seen(...names: string[]): string {
    return join("/proc", String(this.#holder.pid), "root", this.#folder, ...names);
  }

  /** Takes all the room but so much. */
  fill(leftBytes = 0): void {
    const { bavail, bsize } = statfsSync(this.seen());
    const size = Math.max(0, bavail * bsize - leftBytes);
    const descriptor = openSync(this.seen("filler"), "a");
    try {
      for (let written = 0; written < size; ) {
        written += writeSync(descriptor, Buffer.alloc(Math.min(65_536, size - written)));
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Gives back what was taken. */
  free(): void {
    rmSync(this.seen("filler"), { force: true });
  }

  async unmount(): Promise<void> {
    this.#holder.kill("SIGKILL");
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) await once(this.#holder, "exit");
  }
}
