// Refusals of writes for the state of the log, or for what it takes.

import { KeeperError } from "../core/errors.ts";

/** It would not fit later either, so this is no want of room. */
export function entryTooLarge(size: number, entryBytesMax: number): KeeperError {
  return new KeeperError(
    "too_large",
    `One write takes at most ${entryBytesMax} bytes of the log; this one takes ${size}. Send it in parts.`,
    { limit: "entryBytesMax", limitValue: entryBytesMax, size },
  );
}

export function suspendedLog(cause: string): KeeperError {
  return new KeeperError(
    "suspended",
    `The log cannot be reached now (${cause}), and nothing can be ordered without it. This was not done; retry shortly.`,
    { retryAfterSeconds: 1 },
  );
}

/** It says nothing of where the log is: whoever is told has not shown who they are. */
export function unknownElsewhere(): KeeperError {
  return new KeeperError(
    "suspended",
    "The log cannot be reached now, so nobody here can say what has become of things since. Ask again shortly, or another " +
      "server; with stale=ok the answer is what was last known here.",
    { retryAfterSeconds: 1 },
  );
}

export function readOnlyLog(cause: string): KeeperError {
  return new KeeperError(
    "read_only",
    `The store does not accept writes now (${cause}); reads, keepalives and deletes still work. Retry once the store accepts writes again.`,
    { retryAfterSeconds: 5 },
  );
}

/** The room of a shared log gets short, and whoever writes is slowed down while it is made. */
export function throttledLog(delayMs: number): KeeperError {
  return new KeeperError(
    "throttled",
    "The log has little room left, and writes are taken slowly while more is made; reads, keepalives and deletes are not held up. Retry a little later.",
    { retryAfterSeconds: Math.min(Math.ceil(delayMs / 1000), retryAfterSecondsMax) },
  );
}

const retryAfterSecondsMax = 60;
