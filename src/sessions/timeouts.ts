// How long each session has been silent, and which of them for too long. Where it is this server's to end them, time stands
// still while the process does; where another does that, it is only told how much is left.

import type { Clock } from "../clock.ts";
import { Histogram, timeBoundsMs } from "../histogram.ts";
import { type Deadline, Deadlines } from "./deadlines.ts";
import { Reaper, type ReaperOptions } from "./reaper.ts";

export class Timeouts {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #reaper: Reaper;
  readonly #onDue: (sessionId: string) => void;
  #deadlines: Deadlines<string>;
  #isRunning = false;
  /** Between the end of a timeout and its being noticed. */
  readonly latenessMs = new Histogram(timeBoundsMs);
  #latenessMsMax = 0;
  #freshCount = 0;

  /** @param onDue is called with each session that was silent for too long; it waits for nothing any more */
  constructor(clock: Clock, options: ReaperOptions, onDue: (sessionId: string) => void) {
    this.#clock = clock;
    this.#tickMs = options.tickMs;
    this.#onDue = onDue;
    this.#reaper = new Reaper(clock, options, (nowMs) => this.#takeDue(nowMs));
    this.#deadlines = new Deadlines(this.#tickMs, this.#nowMs());
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Timeouts that began anew because they are measured here from then on. */
  get freshCount(): number {
    return this.#freshCount;
  }

  /** Between the end of a timeout and its being noticed, at worst. */
  get latenessMsMax(): number {
    return this.#latenessMsMax;
  }

  /** How often the process stalled, and for how long in all. */
  get stalls(): { readonly count: number; readonly totalMs: number } {
    return this.#reaper.stalls;
  }

  /** From now on sessions come due; all that wait have their full timeout. */
  start(): void {
    const waiting = this.#deadlines.all();
    this.#reaper.start();
    this.#isRunning = true;
    this.#freshCount += waiting.length;
    this.#deadlines = new Deadlines(this.#tickMs, this.#nowMs());
    for (const deadline of waiting) this.#deadlines.restart(deadline, this.#nowMs());
  }

  /** None comes due any more. */
  stop(): void {
    const shiftMs = this.#clock.monotonicMs() - this.#nowMs();
    this.#reaper.stop();
    this.#isRunning = false;
    for (const deadline of this.#deadlines.all()) deadline.touchedMs += shiftMs;
  }

  add(sessionId: string, timeoutMs: number): Deadline<string> {
    return this.#deadlines.add(sessionId, timeoutMs, this.#nowMs());
  }

  /** This is on the path of every request. */
  touch(deadline: Deadline<string>): void {
    this.#deadlines.touch(deadline, this.#nowMs());
  }

  /** Whatever was left of it, it is over. */
  cutShort(deadline: Deadline<string>): void {
    this.#deadlines.cutShort(deadline, this.#nowMs());
  }

  remove(deadline: Deadline<string>): void {
    this.#deadlines.remove(deadline);
  }

  /** Waits again as it is, to be looked at after so long even when it is overdue. */
  putBack(deadline: Deadline<string>, afterMs = 0): void {
    this.#deadlines.putBack(deadline, this.#nowMs() + afterMs);
  }

  /** For how long nothing was heard of it, by the clock that its timeout runs by. */
  silentMs({ touchedMs }: Deadline<string>): number {
    return this.#nowMs() - touchedMs;
  }

  /** 0 once it is overdue. */
  remainingMs({ touchedMs, timeoutMs }: Deadline<string>): number {
    return Math.max(0, Math.floor(touchedMs + timeoutMs - this.#nowMs()));
  }

  #nowMs(): number {
    return this.#isRunning ? this.#reaper.nowMs() : this.#clock.monotonicMs();
  }

  /** All that are due are handed over before anything else can run (N9). */
  #takeDue(nowMs: number): void {
    for (const { holder, touchedMs, timeoutMs } of this.#deadlines.takeDue(nowMs)) {
      const latenessMs = nowMs - touchedMs - timeoutMs;
      this.latenessMs.observe(latenessMs);
      this.#latenessMsMax = Math.max(this.#latenessMsMax, latenessMs);
      this.#onDue(holder);
    }
  }
}
