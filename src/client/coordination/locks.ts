// Locks, as the service keeps them (API section 6): exclusive, shared, or with several permits; first come, first
// served.

import type { Caller } from "../calls/calls.ts";
import { RequestError } from "../calls/errors.ts";
import { segmentOf } from "../calls/names.ts";
import { joinSignals } from "../calls/signals.ts";
import { Claim, type Hold, type Holder, hold, type Waiting } from "./hold.ts";

export interface LockOptions {
  /** `exclusive` unless given. */
  readonly mode?: "exclusive" | "shared" | undefined;
  /** How many may hold it at once; all who ask must agree. */
  readonly permits?: number | undefined;
  /** For others to see, such as where the holder can be reached; anything that can be JSON. */
  readonly metadata?: unknown;
  /** How long to wait for it: for as long as it takes unless given; 0 is to have it now or not at all. */
  readonly waitMs?: number | undefined;
  /** Told of the place in the queue, 1 being the next: when it is taken, and when it is found to be another one. */
  readonly waiting?: Waiting | undefined;
  /** Ends the wait, and tells the holder to stop. */
  readonly signal?: AbortSignal | undefined;
}

interface LockParts extends Holder {
  readonly caller: Caller;
}

export async function withLock<T>(
  parts: LockParts,
  name: string,
  options: LockOptions,
  act: (lock: Hold) => Promise<T> | T,
): Promise<T> {
  const { turns, transport, keeper } = parts;
  const { waitMs, waiting, signal } = options;
  if (waitMs === 0 && turns.isTaken(`lock ${name}`)) throw notInTime(name, waitMs);
  const claim = lockClaim(parts.caller, name, options);
  const timeUp = new AbortController();
  const cancel =
    waitMs === undefined || waitMs === 0
      ? () => {}
      : transport.clock.setTimer(waitMs, () => timeUp.abort(notInTime(name, waitMs)));
  const ending = joinSignals(keeper.lostSignal, timeUp.signal, signal);
  try {
    return await hold(parts, claim, { signal: ending.signal, waiting }, (lock) => {
      cancel();
      return act(lock);
    });
  } finally {
    ending.leave();
    cancel();
  }
}

function notInTime(name: string, waitMs: number): RequestError {
  const detail = `The lock ${name} could not be acquired within ${waitMs} ms.`;
  return new RequestError({ code: "lock_held", status: 409, detail });
}

function lockClaim(caller: Caller, name: string, { mode, permits, metadata, waitMs }: LockOptions): Claim {
  return new Claim(caller, {
    title: `lock ${name}`,
    url: `v1/locks/${segmentOf(name)}/claims`,
    // A place in the queue must be known before it is waited in: so the first answer is hardly held back.
    asked: { mode, permits, metadata, waitMs: waitMs === 0 ? 0 : 1 },
    ...(waitMs === 0 && { refusal: () => notInTime(name, waitMs) }),
  });
}
