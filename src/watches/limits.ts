// The bounds on watching. Each is a setting of the server and is handed in.

export interface HistoryBounds {
  readonly messagesMax: number;
  /** Bytes of message text, UTF-8. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
}

export interface WatchLimits {
  readonly history: HistoryBounds;
  readonly streamsMax: number;
  /** After about this long a stream says `bye` and its client comes back: no connection is for ever. */
  readonly streamLifetimeMsMax: number;
  /** Above this many unsent bytes a stream is no longer told what happens: it catches up from the history. */
  readonly bufferBytesMax: number;
  readonly snapshotPageZnodesMax: number;
  /** Bytes after which a snapshot page ends; it holds one znode at least, however large. */
  readonly snapshotPageBytesMax: number;
  /** Bytes held of znodes that are written while a snapshot of them is still being read. */
  readonly snapshotKeptBytesMax: number;
}

export const defaultWatchLimits: WatchLimits = {
  history: { messagesMax: 100_000, bytesMax: 67_108_864, ageMsMax: 600_000 },
  streamsMax: 20_000,
  streamLifetimeMsMax: 3_600_000,
  bufferBytesMax: 262_144,
  snapshotPageZnodesMax: 500,
  snapshotPageBytesMax: 65_536,
  snapshotKeptBytesMax: 67_108_864,
};

/** Paths one stream may watch. */
export const watchPathsMax = 100;
