// What was found out lately and is true until a known time, within a bound: beyond it the oldest is forgotten.

import type { Clock } from "../clock.ts";

interface Entry<Value> {
  readonly value: Value;
  readonly untilMs: number;
}

export class ExpiringMemo<Value> {
  readonly #entriesMax: number;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(entriesMax: number, clock: Clock) {
    this.#entriesMax = entriesMax;
    this.#clock = clock;
  }

  get(name: string): Value | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    if (this.#clock.wallMs() < entry.untilMs) return entry.value;
    this.#entries.delete(name);
    return undefined;
  }

  /** @param untilMs epoch milliseconds from which on it is not known any more */
  set(name: string, value: Value, untilMs: number): void {
    this.#entries.delete(name);
    this.#entries.set(name, { value, untilMs });
    if (this.#entries.size <= this.#entriesMax) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest as string);
  }
}
