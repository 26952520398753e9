// How far a server is behind the end of the log as far as it knows of that, and since when it has not been level with it.

import type { Clock } from "../../clock.ts";
import type { Lsn } from "../commit-log.ts";

export interface LagStats {
  /** The last entry that is known to be in the log. */
  readonly endLsn: Lsn;
  /** How long there has been more in the log than was taken from it; 0 while there is not. */
  readonly lagMs: number;
}

export class LogLag {
  readonly #clock: Clock;
  #endLsn: Lsn = 0;
  #takenLsn: Lsn = 0;
  /** Null while it is level. */
  #behindSinceMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stats(): LagStats {
    const since = this.#behindSinceMs;
    return { endLsn: this.#endLsn, lagMs: since === null ? 0 : this.#clock.monotonicMs() - since };
  }

  /** @param takenLsn infinite where nobody follows the log yet */
  note(endLsn: Lsn, takenLsn: Lsn): void {
    this.#endLsn = Math.max(this.#endLsn, endLsn);
    this.#takenLsn = Math.max(this.#takenLsn, Number.isFinite(takenLsn) ? takenLsn : 0);
    if (this.#takenLsn >= this.#endLsn) this.#behindSinceMs = null;
    else this.#behindSinceMs ??= this.#clock.monotonicMs();
  }
}
