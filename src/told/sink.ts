// Where a stream's bytes go. It takes what it is given, says how much is still unsent, and never waits.

export interface Sink {
  /** Bytes taken and not yet passed on. */
  readonly bufferedBytes: number;
  /** False means: the sink will say when it has drained, and would rather have no more until then. */
  write(frame: Uint8Array): boolean;
  /** Nothing is written after this; what was taken is still passed on. */
  end(): void;
  /** Nothing is written after this, and what was not passed on yet never will be. */
  abort(): void;
}
