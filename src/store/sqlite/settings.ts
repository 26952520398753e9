// What an operator may choose about the file and its disk, with the values used when nothing is chosen.

export interface SqliteSettings {
  /** The entries that rows reflect are not in this file, but in a log that several servers share. */
  readonly isLogElsewhere: boolean;
  /** Serve from a network or FUSE filesystem too, at the operator's own risk. */
  readonly allowUnsafeFilesystem: boolean;
  /** Bytes one log entry may have. */
  readonly entryBytesMax: number;
  /** Bytes the database file may grow to; 0 for as many as the disk has. */
  readonly databaseBytesMax: number;
  /** With less room than this on the disk and in the empty pages of the file the service is read-only. */
  readonly freeBytesMin: number;
  /** Size of the file that is given up when the disk is full, so that deletions can still be logged. */
  readonly ballastBytes: number;
  /** Size of the write-ahead log at which a checkpoint is begun beside the writer. */
  readonly checkpointBytes: number;
  /** Size beyond which it is said that a reader of the file keeps it from being emptied. */
  readonly walBytesMax: number;
  /** How long a write waits for another process that holds the file's lock, such as a backup. */
  readonly lockWaitMsMax: number;
}

const mebibyte = 1_048_576;

export const defaultSqliteSettings: SqliteSettings = {
  isLogElsewhere: false,
  allowUnsafeFilesystem: false,
  entryBytesMax: 16 * mebibyte,
  databaseBytesMax: 0,
  freeBytesMin: 128 * mebibyte,
  ballastBytes: 16 * mebibyte,
  checkpointBytes: 16 * mebibyte,
  walBytesMax: 64 * mebibyte,
  lockWaitMsMax: 5_000,
};
