// The way out of one stream: what is said goes to its sink until that is full, silence is broken now and then, and a
// planned end says goodbye. What is said, and what becomes of what a full sink did not take, its owner decides.

import type { Clock } from "../clock.ts";
import { byeFrame, heartbeatFrame, reachFrame } from "./frames.ts";
import type { Sink } from "./sink.ts";

export class Outlet {
  readonly #sink: Sink;
  readonly #clock: Clock;
  #isFlowing = true;
  /** What its reader was told last of whether the log is out of reach. */
  #saidSuspended = false;
  #lastSentMs: number;

  constructor(sink: Sink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
    this.#lastSentMs = clock.monotonicMs();
  }

  /** Whether its reader keeps up: otherwise whatever is said is left to lie in memory. */
  get isFlowing(): boolean {
    return this.#isFlowing;
  }

  get bufferedBytes(): number {
    return this.#sink.bufferedBytes;
  }

  get lastSentMs(): number {
    return this.#lastSentMs;
  }

  write(frame: Uint8Array): void {
    this.#lastSentMs = this.#clock.monotonicMs();
    if (!this.#sink.write(frame)) this.#isFlowing = false;
  }

  /** The sink can take more. */
  drained(): void {
    this.#isFlowing = true;
  }

  /** Says whether the log is out of reach, where that is news. */
  tellReach(isSuspended: boolean, zxid: number): void {
    if (isSuspended === this.#saidSuspended) return;
    this.#saidSuspended = isSuspended;
    this.write(reachFrame(isSuspended ? "suspended" : "connected", zxid));
  }

  /** Says something when nothing was said for so long; a reader that is behind has enough to read. */
  beat(nowMs: number, heartbeatMs: number, frame = heartbeatFrame): void {
    if (this.#isFlowing && nowMs - this.#lastSentMs >= heartbeatMs) this.write(frame);
  }

  /** The last that is said: why the stream ends, though its reader has not gone. */
  bye(reason: string): void {
    this.write(byeFrame(reason));
    this.end();
  }

  /** What was said is still passed on. */
  end(): void {
    this.#sink.end();
  }

  /** What was not passed on yet never will be. */
  abort(): void {
    this.#sink.abort();
  }
}
