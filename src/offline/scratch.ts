// A folder for a copy of what is looked at, of this user alone. It is removed when it is done with, however the process
// ends that can still do something.

import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asOfflineError, OfflineError } from "./offline-error.ts";

/** A copy that is read grows: an older one is upgraded in it. */
const growth = 1.25;
const slackBytes = 16_777_216;

const endingSignals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

export class Scratch {
  readonly folder: string;
  readonly #above: string;
  readonly #remove = () => this.remove();
  readonly #onSignal = (name: NodeJS.Signals) => {
    this.remove();
    process.kill(process.pid, name);
  };
  /** Signals that end the process unless somebody else has said what they do. */
  readonly #signals = endingSignals.filter((name) => process.listenerCount(name) === 0);

  /** @param above where there is room; the system's folder for temporary files unless given */
  constructor(above = tmpdir()) {
    this.#above = resolve(above);
    try {
      this.folder = mkdtempSync(join(this.#above, "treekeeper-"));
    } catch (error) {
      throw asOfflineError(error, this.#above);
    }
    process.once("exit", this.#remove);
    for (const name of this.#signals) process.once(name, this.#onSignal);
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
    process.removeListener("exit", this.#remove);
    for (const name of this.#signals) process.removeListener(name, this.#onSignal);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
