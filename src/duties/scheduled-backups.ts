// Takes a backup now and then, into a folder, and keeps the newest. Each server does so for itself, whoever keeps house: its
// file is its own. What goes wrong is told and counted, and tried again; the service goes on.

import type { Clock } from "../clock.ts";
import { KeeperError } from "../core/errors.ts";
import type { BackupFacts } from "../store/backup-source.ts";
import { runBackupCommand, wordsOf } from "./backup-command.ts";
import { BackupFolder } from "./backup-folder.ts";
import type { Duty } from "./duty.ts";

/** By the names of the settings. */
export interface BackupSchedule {
  readonly backupDir: string;
  readonly backupEveryMs: number;
  readonly backupKeep: number;
  /** Run with each one's path; empty for none. */
  readonly backupCommand: string;
  readonly backupCommandMsMax: number;
}

interface ScheduledBackupsParts {
  /** Makes a backup in a file and reads it back. */
  readonly takeInto: (file: string, signal: AbortSignal) => Promise<BackupFacts>;
  readonly clock: Clock;
  readonly onTaken: (facts: BackupFacts & { readonly file: string }) => void;
  readonly onFailed: (reason: string) => void;
}

export interface ScheduledBackupsStats {
  readonly taken: number;
  /** Backups that were not made, and commands that failed. */
  readonly failures: number;
  /** Wall clock of the newest one in the folder, also of an earlier process; 0 where there is none. */
  readonly lastBackupMs: number;
  readonly lastBackupBytes: number;
  /** Why the last attempt failed; null when it did not. */
  readonly lastFailure: string | null;
}

/** What failed is tried again sooner than the next would be due. */
const retryMsMax = 600_000;
/** One that is under way for somebody else ends soon. */
const busyRetryMs = 10_000;

export class ScheduledBackups implements Duty {
  readonly #schedule: BackupSchedule;
  readonly #parts: ScheduledBackupsParts;
  readonly #folder: BackupFolder;
  #stopping: AbortController | null = null;
  #cancelTimer = () => {};
  #stats: ScheduledBackupsStats = {
    taken: 0,
    failures: 0,
    lastBackupMs: 0,
    lastBackupBytes: 0,
    lastFailure: null,
  };

  constructor(schedule: BackupSchedule, parts: ScheduledBackupsParts) {
    this.#schedule = schedule;
    this.#parts = parts;
    this.#folder = new BackupFolder(schedule.backupDir);
  }

  stats(): ScheduledBackupsStats {
    return this.#stats;
  }

  /** The next is due when the newest of the folder is old enough: many starts make no more backups than one. */
  start(): void {
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#takeAfter(this.#firstDueMs(), stopping.signal);
  }

  stop(): void {
    this.#cancelTimer();
    this.#stopping?.abort(new Error("the service ends"));
    this.#stopping = null;
  }

  #firstDueMs(): number {
    try {
      const newestMs = this.#folder.newestMs();
      if (newestMs === null) return 0;
      this.#stats = { ...this.#stats, lastBackupMs: newestMs };
      const ageMs = Math.max(0, this.#parts.clock.wallMs() - newestMs);
      return Math.max(0, this.#schedule.backupEveryMs - ageMs);
    } catch {
      // Said again, with its reason, when one is taken.
      return 0;
    }
  }

  #takeAfter(ms: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#cancelTimer = this.#parts.clock.setTimer(ms, () => {
      void this.#take(signal).then((nextMs) => this.#takeAfter(nextMs, signal));
    });
  }

  /** Answers when to take the next one. */
  async #take(signal: AbortSignal): Promise<number> {
    const { backupEveryMs, backupKeep } = this.#schedule;
    try {
      const unfinished = this.#folder.begin();
      const facts = await this.#parts.takeInto(unfinished, signal);
      const file = this.#folder.finish(unfinished, facts);
      const { takenAtMs: lastBackupMs, bytes: lastBackupBytes } = facts;
      const taken = this.#stats.taken + 1;
      this.#stats = { ...this.#stats, taken, lastBackupMs, lastBackupBytes, lastFailure: null };
      this.#parts.onTaken({ ...facts, file });
      this.#folder.keepNewest(backupKeep, file);
      await this.#runCommand(file, signal);
      return backupEveryMs;
    } catch (error) {
      if (signal.aborted) return 0;
      if (error instanceof KeeperError && error.code === "throttled") return busyRetryMs;
      this.#fail(error instanceof Error ? error.message : String(error));
      return Math.min(backupEveryMs, retryMsMax);
    }
  }

  /** The backup is there, whatever becomes of the command. */
  async #runCommand(file: string, signal: AbortSignal): Promise<void> {
    const { backupCommand, backupCommandMsMax: msMax } = this.#schedule;
    const words = wordsOf(backupCommand);
    if (words.length === 0) return;
    try {
      await runBackupCommand(words, file, { msMax, signal });
    } catch (error) {
      if (!signal.aborted) this.#fail(`--backup-command failed: ${(error as Error).message}`);
    }
  }

  #fail(lastFailure: string): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastFailure };
    this.#parts.onFailed(lastFailure);
  }
}
