// Time as the service uses it. Deadlines live on the monotonic clock only; the wall clock is for people to read.

export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back and does not follow changes of the wall clock. */
  monotonicMs(): number;
  /** Epoch milliseconds. */
  wallMs(): number;
  /** Calls back once, not before `ms` have passed. Returns a function that cancels it. */
  setTimer(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
