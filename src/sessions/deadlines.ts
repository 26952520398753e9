// A queue of deadlines that are pushed back far more often than they are met. It has no timer and no clock: times
// are handed in and never go back. A touch only notes the time; an entry moves when its bucket comes due.

/** One holder's right to be silent for `timeoutMs` after it was last heard of. */
export interface Deadline<Holder> {
  readonly holder: Holder;
  readonly timeoutMs: number;
  /** When the holder was last heard of. */
  touchedMs: number;
  /** The bucket it waits in: the tick at which somebody looks at it again. */
  tick: number;
}

export class Deadlines<Holder> {
  readonly #tickMs: number;
  /** Waiting entries by the tick at which they are looked at, which is never after they expire. */
  readonly #buckets = new Map<number, Set<Deadline<Holder>>>();
  #lastTick: number;

  /** @param nowMs no time that is handed in later is before it */
  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs;
    this.#lastTick = Math.floor(nowMs / tickMs);
  }

  add(holder: Holder, timeoutMs: number, nowMs: number): Deadline<Holder> {
    const deadline = { holder, timeoutMs, touchedMs: nowMs, tick: 0 };
    this.#putInto(this.#expiryTick(deadline), deadline);
    return deadline;
  }

  /** Starts the timeout again. This is on the path of every request: one store, no search. */
  touch(deadline: Deadline<Holder>, nowMs: number): void {
    deadline.touchedMs = nowMs;
  }

  /** Ends the timeout here, whatever was left of it. */
  cutShort(deadline: Deadline<Holder>, nowMs: number): void {
    deadline.touchedMs = Math.min(deadline.touchedMs, nowMs - deadline.timeoutMs);
  }

  remove(deadline: Deadline<Holder>): void {
    const bucket = this.#buckets.get(deadline.tick);
    bucket?.delete(deadline);
    if (bucket?.size === 0) this.#buckets.delete(deadline.tick);
  }

  /** All that wait. */
  all(): Deadline<Holder>[] {
    return [...this.#buckets.values()].flatMap((bucket) => [...bucket]);
  }

  /** Takes over an entry of another queue, with its whole timeout. */
  restart(deadline: Deadline<Holder>, nowMs: number): void {
    deadline.touchedMs = nowMs;
    this.#putInto(this.#expiryTick(deadline), deadline);
  }

  /** Queues a removed entry again as it is, to be looked at soon after `atMs` even when it is long overdue. */
  putBack(deadline: Deadline<Holder>, atMs: number): void {
    this.#putInto(this.#tickAfter(atMs), deadline);
  }

  /** Removes and returns what has expired by now; what was touched in the meantime waits on. */
  takeDue(nowMs: number): Deadline<Holder>[] {
    const due: Deadline<Holder>[] = [];
    const nowTick = Math.floor(nowMs / this.#tickMs);
    while (this.#lastTick < nowTick) {
      this.#lastTick += 1;
      const bucket = this.#buckets.get(this.#lastTick) ?? [];
      this.#buckets.delete(this.#lastTick);
      for (const deadline of bucket) {
        const expiryTick = this.#expiryTick(deadline);
        if (expiryTick > nowTick) this.#putInto(expiryTick, deadline);
        else due.push(deadline);
      }
    }
    return due;
  }

  #expiryTick({ touchedMs, timeoutMs }: Deadline<Holder>): number {
    return this.#tickAfter(touchedMs + timeoutMs);
  }

  /** The next tick strictly after the time: silence of exactly the timeout is still tolerated (N8). */
  #tickAfter(timeMs: number): number {
    return Math.floor(timeMs / this.#tickMs) + 1;
  }

  #putInto(tick: number, deadline: Deadline<Holder>): void {
    deadline.tick = tick;
    const bucket = this.#buckets.get(tick);
    if (bucket === undefined) this.#buckets.set(tick, new Set([deadline]));
    else bucket.add(deadline);
  }
}
