// Who asks for a place, as HTTP knows it: a request and its reply, whose connection may be lost before the answer.

import type { FastifyReply, FastifyRequest } from "fastify";
import { Attendance } from "../../coordination/attendance.ts";
import type { Coordination } from "../../coordination/coordination.ts";
import { forbidden, mayAs } from "../../core/access/ask.ts";
import { asRecipe } from "../../core/access/permits.ts";
import type { Verb } from "../../core/access/verbs.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Store } from "../../store/store.ts";
import { countWait } from "../http/connection-share.ts";
import { isGone } from "../http/gone.ts";
import { callerOf } from "../wire/callers.ts";
import { readContextOf, sessionTokenOf } from "../wire/parts.ts";
import { heldBackMs } from "../wire/wait-time.ts";

export interface AttendParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly coordination: Coordination;
}

interface Waiting {
  readonly waitMs: number;
  /** The right that is needed for as long as it waits. */
  readonly path: string;
  readonly verb: Verb;
  /** It waits on while the log is out of reach. */
  readonly takesStale?: boolean;
}

/** @throws KeeperError `throttled` when too many requests wait, of this connection or of all */
export function attend(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, sessions, coordination }: AttendParts,
  { waitMs, takesStale = false, ...right }: Waiting,
): Attendance {
  if (waitMs > 0) countWait(reply);
  const { clock, suspension } = store;
  const { admitWaiter } = coordination;
  const attendance = new Attendance(
    { clock, sessions, suspension, admitWaiter },
    {
      // What it is told is of its own place.
      context: { permits: asRecipe(readContextOf(request).permits) },
      token: sessionTokenOf(request),
      comesBack: request.headers["idempotency-key"] !== undefined,
      waitMs: heldBackMs(waitMs),
      takesStale,
    },
  );
  const { raw } = reply;
  const stopFollowing = waitMs > 0 ? refuseWithoutRight(request, store, attendance, right) : () => {};
  // Over HTTP/2 a response that was cut off counts as finished; that it was ended is our own doing.
  const ended = () => {
    stopFollowing();
    attendance.end({ isAnswered: raw.writableEnded });
  };
  raw.once("close", ended);
  if (isGone(raw)) ended();
  return attendance;
}

/** Who waits may lose the right to what they wait for. */
function refuseWithoutRight(
  request: FastifyRequest,
  { rightsInUse }: Store,
  attendance: Attendance,
  { path, verb }: Pick<Waiting, "path" | "verb">,
): () => void {
  const caller = callerOf(request);
  return rightsInUse.follow(caller, (now) => {
    if (now instanceof KeeperError) attendance.refuse(now);
    else if (mayAs(now, path, verb)) request.caller = { ...caller, permits: now };
    else attendance.refuse(forbidden(path, verb));
  });
}

/**
 * What comes of what somebody asked for. Whoever may not be told does not wait until it is taken back.
 * @throws KeeperError where they may not be told
 */
export async function attended<Outcome>(asked: Attendance, work: Promise<Outcome>): Promise<Outcome> {
  const settled = Promise.allSettled([work]);
  await Promise.race([settled, asked.left]);
  asked.assertMayBeTold();
  const [outcome] = await settled;
  asked.assertMayBeTold();
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}
