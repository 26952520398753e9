// Time as the client uses it: one kind of timer, and what has passed by the worst of several clocks. It is handed in,
// so that waiting can be tested without waiting.

/** One moment, as several clocks show it. Only the difference of two is of use, and none of them is right alone. */
export interface Instant {
  /** Never goes back, but may stand still while the machine sleeps. */
  readonly monotonicMs: number;
  /** Goes on while the machine sleeps, but may be set. */
  readonly wallMs: number;
  /** Since the machine was started, its sleep included; the same as `monotonicMs` where nobody says. */
  readonly bootMs: number;
}

export interface ClientClock {
  now(): Instant;
  /** Calls back once, not before `ms` have passed. Returns a function that cancels it. */
  setTimer(ms: number, callback: () => void): () => void;
}

/** By the clock that says most: whoever must stop in time had rather stop too early. */
export function elapsedMs(since: Instant, now: Instant): number {
  return Math.max(
    0,
    now.monotonicMs - since.monotonicMs,
    now.wallMs - since.wallMs,
    now.bootMs - since.bootMs,
  );
}

/** Timers take no longer ones. */
const timerMsMax = 2_147_483_647;

export const systemClock: ClientClock = {
  now() {
    const monotonicMs = performance.now();
    return { monotonicMs, wallMs: Date.now(), bootMs: readBootMs?.() ?? monotonicMs };
  },
  setTimer(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, timerMsMax));
    return () => clearTimeout(timer);
  },
};

const readBootMs = bootClockOf(globalThis.process);

/** On Linux alone the monotonic clock stands still while the machine sleeps; a browser has no boot time to read. */
function bootClockOf(platform: typeof process | undefined): (() => number) | null {
  if (platform?.platform !== "linux" || platform.getBuiltinModule === undefined) return null;
  const { uptime } = platform.getBuiltinModule("node:os");
  return () => uptime() * 1000;
}

/** @throws the signal's reason as soon as it aborts; no timer is left then. */
export function pause(clock: ClientClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const cancel = clock.setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
