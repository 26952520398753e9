// What a session's holder may believe, from what the server has confirmed and what time it is. Pure: it is told the
// time and asks nobody. Belief only ever ends too early, never too late.

import { elapsedMs, type Instant } from "../calls/clock.ts";
import type { SessionEnd } from "../calls/errors.ts";

/**
 * `connected`: confirmed, and nothing speaks against it. `suspended`: it lives by what was last confirmed, but an
 * answer is missing or the process stood still. `expiring`: little is left of that; stop acting now. `lost` (and
 * `closed`, when it ended here): final.
 */
export type SessionState = "connected" | "suspended" | "expiring" | "lost" | "closed";

/** A confirmation that is on its way. */
export interface Asked {
  readonly sentAt: Instant;
  /** Gaps there were before it was sent: of a later one it says nothing. */
  readonly gapCount: number;
}

interface Beginning {
  /** When the request was sent that opened the session. */
  readonly sentAt: Instant;
  readonly validForMs: number;
  /** The part of the time that is left when it counts as expiring. */
  readonly expiringShare: number;
}

/** A session that nobody looks at for this part of its time was not looked after: the process stood still. */
const gapShare = 1 / 6;

export class SessionLife {
  readonly #expiringShare: number;
  #confirmedAt: Instant;
  #validForMs: number;
  #lookedAt: Instant;
  #gapCount = 0;
  #isDoubted = false;
  #end: SessionEnd | null = null;

  constructor({ sentAt, validForMs, expiringShare }: Beginning, now: Instant) {
    this.#expiringShare = expiringShare;
    this.#confirmedAt = sentAt;
    this.#validForMs = validForMs;
    this.#lookedAt = now;
  }

  get validForMs(): number {
    return this.#validForMs;
  }

  /** How it ended; null while it has not. */
  get end(): SessionEnd | null {
    return this.#end;
  }

  /** Longer silence between two looks is a gap. */
  get gapMs(): number {
    return this.#validForMs * gapShare;
  }

  /** How often the process was found to have stood still. */
  get gapCount(): number {
    return this.#gapCount;
  }

  /** What is to be believed now. Looking is what notices that time is up, and that the process stood still. */
  look(now: Instant): SessionState {
    if (elapsedMs(this.#lookedAt, now) > this.gapMs) {
      this.#gapCount += 1;
      this.#isDoubted = true;
    }
    this.#lookedAt = now;
    const remainingMs = this.remainingMs(now);
    if (remainingMs <= 0) this.finish("unconfirmed");
    if (this.#end !== null) return this.#end === "closed" ? "closed" : "lost";
    if (remainingMs <= this.expiringMs) return "expiring";
    return this.#isDoubted ? "suspended" : "connected";
  }

  /** Milliseconds for which the server surely has not ended it. */
  remainingMs(now: Instant): number {
    return Math.max(0, this.#validForMs - elapsedMs(this.#confirmedAt, now));
  }

  get expiringMs(): number {
    return this.#validForMs * this.#expiringShare;
  }

  /** An answer is missing. */
  doubt(): void {
    this.#isDoubted = true;
  }

  ask(now: Instant): Asked {
    return { sentAt: now, gapCount: this.#gapCount };
  }

  /** The server has said that it lives. The time it gives counts from when it was asked. */
  confirm({ sentAt, gapCount }: Asked, validForMs: number, now: Instant): void {
    // An answer that comes when time is up changes nothing, and neither does one that an earlier question gets late.
    this.look(now);
    if (this.#end !== null || validForMs - elapsedMs(sentAt, now) < this.remainingMs(now)) return;
    this.#confirmedAt = sentAt;
    this.#validForMs = validForMs;
    if (gapCount === this.#gapCount) this.#isDoubted = false;
  }

  /** It is over, whatever comes; the first reason counts. */
  finish(end: SessionEnd): void {
    this.#end ??= end;
  }
}
