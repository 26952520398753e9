// Where lines are written, whoever does it and however.

/** What came of a write. */
export interface Written {
  readonly bytes: number;
  /** The system's, for why it was not all of it. */
  readonly code: string | null;
}

export interface Sink {
  /** Whether bytes can be written by now; resolves in any case. */
  readonly ready: Promise<void>;
  /** Resolves when all is written or cannot be, which may be never. One at a time. */
  write(bytes: Buffer): Promise<Written>;
  close(): void;
}
