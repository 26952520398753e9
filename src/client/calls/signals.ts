// Several reasons to stop, as one. The platform's own way keeps a trace of each request at a signal that lives as long
// as a session; this one leaves none.

export interface JoinedSignal {
  /** Aborts with the first of them, for the same reason. */
  readonly signal: AbortSignal;
  /** Listens no more. */
  readonly leave: () => void;
}

export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): JoinedSignal {
  const controller = new AbortController();
  const left = new AbortController();
  for (const signal of signals) {
    if (signal === undefined) continue;
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true, signal: left.signal });
  }
  return { signal: controller.signal, leave: () => left.abort() };
}

/** What is waited for goes on, whatever the signal says; only the wait ends. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
