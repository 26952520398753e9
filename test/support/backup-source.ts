// Backups of a store that has no file: a few bytes that say so. What is asked of it is what a test is about.

import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeeperError } from "../../src/core/errors.ts";
import type { BackupSource, BackupStats, TakenBackup } from "../../src/store/backup-source.ts";
import type { Keeper } from "./keeper.ts";

export class MadeUpBackups implements BackupSource {
  content: Uint8Array = Buffer.from("SQLite format 3\0, and so on");
  hasRoom = true;
  /** Those that are not released yet. */
  openCount = 0;
  readonly #keeper: Keeper;

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  async take(signal: AbortSignal): Promise<TakenBackup> {
    signal.throwIfAborted();
    if (!this.hasRoom) throw new KeeperError("no_room", "The disk has 1 byte left. No backup was taken.");
    if (this.openCount > 0)
      throw new KeeperError("throttled", "Another is taken.", { retryAfterSeconds: 10 });
    this.openCount += 1;
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-backup-"));
    writeFileSync(join(folder, "copy"), this.content);
    const content = await open(join(folder, "copy"), "r");
    let isReleased = false;
    rmSync(folder, { recursive: true });
    return {
      id: randomUUID(),
      zxid: this.#keeper.store.zxid,
      takenAtMs: this.#keeper.clock.wallMs(),
      bytes: this.content.byteLength,
      sha256: createHash("sha256").update(this.content).digest("base64"),
      content,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        await content.close();
        this.openCount -= 1;
      },
    };
  }

  stats(): BackupStats {
    const nothing = { taken: 0, failures: 0, lastBackupMs: 0, lastBackupBytes: 0, lastTookMs: 0 };
    return { ...nothing, isRunning: this.openCount > 0 };
  }
}
