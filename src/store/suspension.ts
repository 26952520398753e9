// Whether nobody answers for the log now, and who is told of it: streams, and requests that wait. There may be very many of
// them, so they are told a slice at a time, and each looks for itself how things are by then.

import type { Clock } from "../clock.ts";
import type { LogState } from "./commit-log.ts";

/** Told in one turn of the event loop: what each of them does about it costs more than to tell it. */
const toldAtOnce = 100;

export class Suspension {
  /** Every request looks at it. */
  isOn = false;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #silentSinceMs = 0;
  #round = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long nobody has answered for the log, and so how old what is here may be; 0 while somebody does. */
  get silentMs(): number {
    return this.isOn ? Math.round(this.#clock.monotonicMs() - this.#silentSinceMs) : 0;
  }

  /** Calls back after it has begun or ended, never within this call. Returns what ends it. */
  follow(onChanged: () => void): () => void {
    this.#listeners.add(onChanged);
    return () => this.#listeners.delete(onChanged);
  }

  /** Resolves when it is over; at once where there is none. */
  over(): Promise<void> {
    if (!this.isOn) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.follow(() => {
        if (this.isOn) return;
        stop();
        resolve();
      });
    });
  }

  /** The log has said what state it is in. */
  heed(state: LogState): void {
    if ((state.state === "suspended") === this.isOn) return;
    this.isOn = state.state === "suspended";
    if (state.state === "suspended") this.#silentSinceMs = this.#clock.monotonicMs() - state.silentForMs;
    this.#round += 1;
    this.#tell(this.#listeners.values(), this.#round);
  }

  /** Those who come meanwhile know already how it is; a change begins anew with everybody. */
  #tell(rest: SetIterator<() => void>, round: number): void {
    if (round !== this.#round) return;
    for (let count = 0; count < toldAtOnce; count += 1) {
      const { done, value: listener } = rest.next();
      if (done) return;
      listener();
    }
    setImmediate(() => this.#tell(rest, round));
  }
}
