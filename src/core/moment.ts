// When something is decided. People are shown the wall clock; how old something is, is judged by how long the service
// has run, which nobody can set.

export interface Moment {
  /** Wall clock of the server that ordered the entry, epoch milliseconds. */
  readonly timeMs: number;
  /**
   * How long the service has run by then, over all its starts. Entries of versions that judged ages by the wall clock
   * have none, and are judged by it again.
   */
  readonly ranMs?: number;
}

/** The same of an entry that has its place in the log. */
export interface PlacedMoment extends Moment {
  readonly lsn?: number;
  /** Whether the log's wall clock is kept from going back. Entries of versions before 7 are believed, whatever they say. */
  readonly isSteady?: true;
}

/** What a thing that grows old knows of its beginning, by either clock. */
interface Beginning {
  readonly timeMs: number;
  readonly ranMs: number;
}

/** Never below 0: a clock that was set back makes nothing younger than new. */
export function ageMs(begun: Beginning, { timeMs, ranMs }: Moment): number {
  return Math.max(0, ranMs === undefined ? timeMs - begun.timeMs : ranMs - begun.ranMs);
}
