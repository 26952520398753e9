// When a command must be told to stop, and when it must be dead, from how long what it does may still be believed to be
// held. Pure: it is told the time that is left and asks nobody. docs/decisions has the argument.

/** What to do with a command at a moment: let it run, ask it to end, or end it. */
export type Step = "run" | "terminate" | "kill";

export interface StopTimes {
  /** What a command has between being asked to end and being ended. */
  readonly graceMs: number;
  /** What is left of the session's time when it is ended: the signal must be sent, and the processes must go. */
  readonly marginMs: number;
}

/** Below these parts of a session's time a stop begins and ends; a keepalive comes after a third of it. */
const graceShare = 1 / 4;
const marginShare = 1 / 20;
/** A busy machine takes so long to end a process, whatever the session's time is; a very short one has less to give. */
const marginMsMin = 100;
const marginShareMax = 1 / 5;
/** A stop may not begin while the session merely waits for its next keepalive, and that for one more attempt. */
const stopShareMax = 1 / 2;

/** @throws RangeError when the session's time is too short for the grace that is asked for */
export function stopTimesFor(timeoutMs: number, graceMs = timeoutMs * graceShare): StopTimes {
  const marginMs = Math.max(timeoutMs * marginShare, Math.min(marginMsMin, timeoutMs * marginShareMax));
  if (graceMs + marginMs > timeoutMs * stopShareMax) {
    const neededMs = Math.ceil(graceMs / (stopShareMax - marginShare));
    throw new RangeError(
      `A grace of ${graceMs} ms needs a session of ${neededMs} ms or more; this one has ${timeoutMs} ms.`,
    );
  }
  return { graceMs, marginMs };
}

/** @param remainingMs for so long the session surely does not end by itself */
export function stepAt(remainingMs: number, { graceMs, marginMs }: StopTimes): Step {
  if (remainingMs <= marginMs) return "kill";
  return remainingMs <= marginMs + graceMs ? "terminate" : "run";
}
