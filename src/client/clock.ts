// Time as the client uses it: one kind of timer. It is handed in, so that waiting can be tested without waiting.

export interface ClientClock {
  /** Calls back once, not before `ms` have passed. Returns a function that cancels it. */
  setTimer(ms: number, callback: () => void): () => void;
}

export const systemClock: ClientClock = {
  setTimer(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

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
