// Who asks for a place, as HTTP knows it: a request and its reply, whose connection may be lost before the answer.

import type { FastifyReply, FastifyRequest } from "fastify";
import { Attendance } from "../../coordination/attendance.ts";
import type { Coordination } from "../../coordination/coordination.ts";
import { asRecipe } from "../../core/access/permits.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Store } from "../../store/store.ts";
import { countWait } from "../http/connection-share.ts";
import { isGone } from "../http/gone.ts";
import { readContextOf, sessionTokenOf } from "../wire/parts.ts";
import { heldBackMs } from "../wire/wait-time.ts";

export interface AttendParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly coordination: Coordination;
}

/** @throws KeeperError `throttled` when too many requests wait, of this connection or of all */
export function attend(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, sessions, coordination }: AttendParts,
  waitMs: number,
): Attendance {
  if (waitMs > 0) countWait(reply);
  const { clock } = store;
  const { admitWaiter } = coordination;
  const attendance = new Attendance(
    { clock, sessions, admitWaiter },
    {
      // What it is told is of its own place.
      context: { permits: asRecipe(readContextOf(request).permits) },
      token: sessionTokenOf(request),
      comesBack: request.headers["idempotency-key"] !== undefined,
      waitMs: heldBackMs(waitMs),
    },
  );
  const { raw } = reply;
  // Over HTTP/2 a response that was cut off counts as finished; that it was ended is our own doing.
  const ended = () => attendance.end({ isAnswered: raw.writableEnded });
  raw.once("close", ended);
  if (isGone(raw)) ended();
  return attendance;
}
