// The folder that scheduled backups go to: what they are called, which there are, and which are too many. A file there with
// the name of a backup is a whole one: it got the name when it was on disk and had been read back.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { privateDirectoryMode, syncDirectory } from "../own-directory.ts";
import type { BackupFacts } from "../store/backup-source.ts";

const nameForm = /^treekeeper-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-\d+\.db$/;
/** With what SQLite may have put beside it. */
const unfinishedForm = /^\.treekeeper-[0-9]+\.part(-journal|-wal|-shm)?$/;

export class BackupFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Where one is made; whatever an earlier process left unfinished is gone then. */
  begin(): string {
    mkdirSync(this.#path, { recursive: true, mode: privateDirectoryMode });
    for (const name of readdirSync(this.#path))
      if (unfinishedForm.test(name)) rmSync(join(this.#path, name), { force: true });
    return join(this.#path, `.treekeeper-${process.pid}.part`);
  }

  /** Gives it its name, for good. */
  finish(unfinished: string, { takenAtMs, zxid }: Pick<BackupFacts, "takenAtMs" | "zxid">): string {
    const time = new Date(takenAtMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const file = join(this.#path, `treekeeper-${time}-${zxid}.db`);
    renameSync(unfinished, file);
    syncDirectory(this.#path);
    return file;
  }

  /** When the newest was begun, by its name; null where there is none. */
  newestMs(): number | null {
    const newest = this.#names().at(-1);
    if (newest === undefined) return null;
    const [, year, month, day, hour, minute, second] = (nameForm.exec(newest) ?? []).map(Number);
    return Date.UTC(Number(year), Number(month) - 1, day, hour, minute, second);
  }

  /**
   * Removes the oldest until so many are left, `file` among them: where the clock was ahead once, by their names others are
   * newer than the one that was just taken.
   */
  keepNewest(count: number, file: string): void {
    const others = this.#names().filter((name) => join(this.#path, name) !== file);
    for (const name of others.slice(0, Math.max(0, others.length + 1 - count)))
      rmSync(join(this.#path, name));
  }

  /** Oldest first: their names begin with the time. */
  #names(): string[] {
    if (!existsSync(this.#path)) return [];
    return readdirSync(this.#path)
      .filter((name) => nameForm.test(name))
      .sort((a, b) => orderOf(a).localeCompare(orderOf(b), "en"));
  }
}

/** The zxid counts where two are of one second. */
function orderOf(name: string): string {
  return name.replace(/-(\d+)\.db$/, (_, zxid: string) => `-${zxid.padStart(16, "0")}`);
}
