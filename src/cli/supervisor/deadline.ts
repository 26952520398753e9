// A moment that two processes of one machine mean alike: so much time after an instant, by the clock that says most,
// as the client counts. A process that stood still finds it passed.

import { uptime } from "node:os";
import { elapsedMs, type Instant } from "../../client/calls/clock.ts";

export interface Deadline {
  readonly since: Instant;
  readonly ms: number;
}

/** The clocks of the machine; the monotonic one begins with it, not with the process. */
function now(): Instant {
  const monotonicMs = Number(process.hrtime.bigint() / 1000n) / 1000;
  const bootMs = process.platform === "linux" ? uptime() * 1000 : monotonicMs;
  return { monotonicMs, wallMs: Date.now(), bootMs };
}

/** @param remainingMs asked after the instant is taken: a pause in between makes the deadline earlier, not later */
export function deadlineIn(remainingMs: () => number): Deadline {
  const since = now();
  return { since, ms: remainingMs() };
}

export function untilMs({ since, ms }: Deadline): number {
  return ms - elapsedMs(since, now());
}
