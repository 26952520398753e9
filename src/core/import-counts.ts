// How far an import came, as its answer and its refusals say.

/** What became of the znodes of an import. */
export interface ImportCounts {
  readonly created: number;
  /** There with other data, which they have no longer. */
  readonly replaced: number;
  /** There with the same data. */
  readonly unchanged: number;
  /** There, and left as they are. */
  readonly skipped: number;
}
