// What a backup is to whoever asks for one, whatever the store is kept in.

import type { FileHandle } from "node:fs/promises";

/** What is told of a backup beside its content. */
export interface BackupFacts {
  /** Names this backup. */
  readonly id: string;
  /** All that was acknowledged up to here is in it, and nothing after it. */
  readonly zxid: number;
  /** Wall clock when it was begun. */
  readonly takenAtMs: number;
  readonly bytes: number;
  /** Of the file, in base64. */
  readonly sha256: string;
}

/** A backup that is there to be read, until it is released. */
export interface TakenBackup extends BackupFacts {
  readonly content: FileHandle;
  /** Gives its room back; called again it does nothing. */
  release(): Promise<void>;
}

export interface BackupStats {
  readonly taken: number;
  readonly failures: number;
  /** Wall clock when the last one was begun; 0 before the first. */
  readonly lastBackupMs: number;
  readonly lastBackupBytes: number;
  /** How long it took to make the last one. */
  readonly lastTookMs: number;
  readonly isRunning: boolean;
}

export interface BackupSource {
  /**
   * One at a time, from when it is begun until it is released. @throws KeeperError `throttled` while there is another,
   * `no_room` when it would not leave the disk its reserve; the signal's reason
   */
  take(signal: AbortSignal): Promise<TakenBackup>;
  stats(): BackupStats;
}
