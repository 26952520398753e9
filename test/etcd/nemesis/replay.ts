// What happened, as the servers tell it, made ready for questions: what was at a path at a zxid, and what was known when.

import type { Answer, History, Message } from "./record.ts";

interface State {
  readonly zxid: number;
  /** Null where it was deleted. */
  readonly value: string | null;
  readonly version: number;
}

export interface Done {
  readonly zxid: number;
  readonly path: string;
  readonly type: "created" | "changed";
}

export class Replay {
  readonly messages: readonly Message[];
  readonly #states = new Map<string, State[]>();
  readonly #byValue = new Map<string, Done[]>();

  constructor(history: History) {
    this.messages = history.map((text) => JSON.parse(text) as Message);
    for (const message of this.messages) this.#take(message);
  }

  #take({ zxid, events }: Message): void {
    for (const { type, path, data = "", stat } of events) {
      const states = this.#states.get(path) ?? [];
      states.push({ zxid, value: type === "deleted" ? null : data, version: stat.version });
      this.#states.set(path, states);
      if (type === "deleted") continue;
      const done = this.#byValue.get(data) ?? [];
      done.push({ zxid, path, type });
      this.#byValue.set(data, done);
    }
  }

  /** Undefined before there was anything. */
  at(path: string, zxid: number): State | undefined {
    const states = this.#states.get(path) ?? [];
    return states[countUpTo(states, zxid, (state) => state.zxid) - 1];
  }

  /** Each state from that zxid to the other, both with it. */
  between(path: string, from: number, to: number): readonly State[] {
    const states = this.#states.get(path) ?? [];
    const first = countUpTo(states, from, (state) => state.zxid) - 1;
    return states.slice(
      Math.max(0, first),
      countUpTo(states, to, (state) => state.zxid),
    );
  }

  statesOf(path: string): readonly State[] {
    return this.#states.get(path) ?? [];
  }

  /** Where this value was put. */
  doneWith(value: string): readonly Done[] {
    return this.#byValue.get(value) ?? [];
  }
}

/** The highest zxid that anybody had been told by a time. */
export class Known {
  readonly #endedMs: number[] = [];
  readonly #zxids: number[] = [];

  constructor(answers: readonly Answer[]) {
    let highest = 0;
    for (const { endedMs, zxid } of answers.toSorted((one, other) => one.endedMs - other.endedMs)) {
      if (zxid <= highest) continue;
      highest = zxid;
      this.#endedMs.push(endedMs);
      this.#zxids.push(zxid);
    }
  }

  before(timeMs: number): number {
    return this.#zxids[countUpTo(this.#endedMs, timeMs, (endedMs) => endedMs) - 1] ?? 0;
  }

  /** When somebody was told of it first; Infinity for never. */
  since(zxid: number): number {
    const index = countUpTo(this.#zxids, zxid - 1, (known) => known);
    return this.#endedMs[index] ?? Number.POSITIVE_INFINITY;
  }
}

/** How many of a sorted list are not above the bound. */
function countUpTo<T>(list: readonly T[], bound: number, of: (item: T) => number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle] as T) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
