// Signals that come before anybody has anything to close: they end the process at once. That has to be said, since as
// process 1 of a container a program has no default for signals: one that nobody listens for is lost.

const endingSignals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;

type CodeOfSignal = (name: (typeof endingSignals)[number]) => number;

let codeOf: CodeOfSignal | null = null;
let hangupIsIgnored = false;

/** From here on an ending signal ends the process with this code, unless somebody else listens for it by then. */
export function endOnSignals(codeOfSignal: CodeOfSignal): void {
  const isFirst = codeOf === null;
  codeOf = codeOfSignal;
  if (isFirst) for (const name of endingSignals) process.on(name, () => end(name));
}

function end(name: (typeof endingSignals)[number]): void {
  if (process.listenerCount(name) === 1) process.exit(codeOf?.(name));
}

/** Whoever starts it by `nohup` wants it to outlive the terminal; Node.js has forgotten that by now. */
export function ignoreHangup(): void {
  hangupIsIgnored = true;
  process.on("SIGHUP", () => {});
}

export function isHangupIgnored(): boolean {
  return hangupIsIgnored;
}
