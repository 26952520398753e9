// What state a log is in, for implementations of the port: who listens is told of each change, and of where it stands
// when it comes late. A log that has failed stays so.

import type { LogState } from "./commit-log.ts";

export class LogStates {
  readonly #listeners: ((state: LogState) => void)[] = [];
  #current: LogState = { state: "connected" };

  get current(): LogState {
    return this.#current;
  }

  enter(state: LogState): void {
    if (this.#current.state === "failed") return;
    this.#current = state;
    for (const listener of this.#listeners) listener(state);
  }

  onState(listener: (state: LogState) => void): void {
    this.#listeners.push(listener);
    if (this.#current.state !== "connected") listener(this.#current);
  }
}
