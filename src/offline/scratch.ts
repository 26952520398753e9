// A folder for a copy of what is looked at, of this user alone. It is removed when it is done with, however the process
// ends that can still do something.

import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asOfflineError, OfflineError } from "./offline-error.ts";

/** A copy that is read grows: an older one is upgraded in it. */
const growth = 1.25;
const slackBytes = 16_777_216;

/** A signal that ends the process, unless somebody else has said what it does. */
const endingSignals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Those that are there. */
const folders = new Set<string>();

export class Scratch {
  readonly folder: string;
  readonly #above: string;

  /** @param above where there is room; the system's folder for temporary files unless given */
  constructor(above = tmpdir()) {
    this.#above = resolve(above);
    try {
      this.folder = mkdtempSync(join(this.#above, "treekeeper-"));
    } catch (error) {
      throw asOfflineError(error, this.#above);
    }
    if (folders.size === 0) watchForTheEnd();
    folders.add(this.folder);
  }

  /** @throws OfflineError where a copy of so many bytes would not fit */
  assertRoomFor(bytes: number): void {
    const { bavail, bsize } = statfsSync(this.folder);
    const wanted = Math.ceil(bytes * growth) + slackBytes;
    if (bavail * bsize >= wanted) return;
    throw new OfflineError(
      `What is looked at is copied first, which takes ${wanted} bytes, and ${this.#above} has ${bavail * bsize} left. ` +
        "Name a folder with more room by --scratch.",
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
    if (folders.size === 0) watchNoMore();
  }
}

/** Signals that are listened to for this. */
const heard: NodeJS.Signals[] = [];

function watchForTheEnd(): void {
  process.once("exit", removeAll);
  heard.push(...endingSignals.filter((name) => process.listenerCount(name) === 0));
  for (const name of heard) process.once(name, endBy);
}

function watchNoMore(): void {
  process.removeListener("exit", removeAll);
  for (const name of heard.splice(0)) process.removeListener(name, endBy);
}

function removeAll(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function endBy(name: NodeJS.Signals): void {
  removeAll();
  process.kill(process.pid, name);
}
