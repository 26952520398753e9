// Who keeps house among several servers on one log: a register that the log decides on, so that all of them agree on it.
// Whoever takes it over takes it from a term it knows, and of two the first in the log gets it.

export interface Housekeeper {
  /** The writer's name in the log; empty while nobody has kept house yet. */
  readonly server: string;
  /** Grows with each change of hands. */
  readonly term: number;
  /** The entry in which it last said that it is there. */
  readonly touchedAt: number;
}

export const nobody: Housekeeper = { server: "", term: 0, touchedAt: 0 };
