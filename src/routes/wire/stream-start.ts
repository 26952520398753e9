// Where a stream of changes begins, as its client says it: in its query, or in the header an EventSource sends by
// itself when it comes back. Those that stand in for an EventSource cannot always send headers: they say it in the query.

import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { parseStamp, type Stamp, stampText } from "../../core/epochs.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Gap } from "../../told/frames.ts";
import type { History } from "../../watches/history.ts";
import type { StreamRequest, StreamStart } from "../../watches/stream.ts";
import type { Watches } from "../../watches/watches.ts";
import { addressOf } from "../http/client-address.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { shownBy } from "./acl-identities.ts";
import { renewCaller } from "./callers.ts";

const intervalMs = {
  minimum: fixedLimits.intervalMsMin,
  maximum: fixedLimits.intervalMsMax,
  ...named("intervalMsMax"),
};

const lastEventId = Type.Optional(
  Type.String({
    "x-hidden": true,
    description: "What stand-ins for EventSource send in place of the header Last-Event-ID.",
  }),
);

/** For a stream whose first event says all there is: there is nothing to resume, but its clients come back as others do. */
export const wholeStreamQuery = Type.Object({ lastEventId }, { additionalProperties: false });

/** What every stream of changes may be asked. */
export const resumeMembers = {
  lastEventId,
  sinceZxid: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        "Resume after this transaction, whichever past of the store it is of. Last-Event-ID and lastEventId go before it.",
    }),
  ),
  bookmarkMs: Type.Integer({ ...intervalMs, default: 30_000, description: "Silence before a bookmark." }),
  heartbeatMs: Type.Integer({ ...intervalMs, default: 10_000, description: "Silence before a heartbeat." }),
};

/**
 * Null when it does not resume. An EventSource comes back with the URL it first had and a newer Last-Event-ID: the
 * header goes first, and what stands in for it next.
 */
export function resumePointOf(
  { sinceZxid, lastEventId }: { readonly sinceZxid?: number; readonly lastEventId?: string },
  headers: IncomingHttpHeaders,
): StreamStart | null {
  const lastId = headers["last-event-id"] || lastEventId;
  if (lastId !== undefined && lastId !== "") {
    const stamp = parseStamp(String(lastId));
    return stamp === null ? { kind: "unknown" } : { kind: "after", ...stamp };
  }
  return sinceZxid === undefined ? null : { kind: "after", zxid: sinceZxid };
}

/** Whose stream it is, and what they may do by now. @throws KeeperError `unauthenticated` */
export function readerOf(
  request: FastifyRequest,
  store: Store,
): Required<Pick<StreamRequest, "reader" | "context" | "shown">> {
  return { reader: addressOf(request), context: renewCaller(request, store), shown: shownBy(request) };
}

/** Who is no EventSource can read a status, and is told by it that there is no going on from there. */
export function assertCanStart(start: StreamStart, watches: Watches, hint: string): void {
  if (start.kind === "unknown") {
    throw new KeeperError(
      "bad_request",
      "Last-Event-ID is the id of an event this service sent, such as 1042.3f9a01c2d4; a zxid alone will do.",
    );
  }
  if (start.kind === "now") return;
  const gap = watches.gapAfter(start);
  if (gap !== null) throw cannotResume(gap, start, watches.history, hint);
}

/** What the first event of a stream would say with `reset`, as a refusal. */
export function cannotResume(gap: Gap, stamp: Stamp, history: History, hint: string): KeeperError {
  const oldestZxid = history.floorZxid;
  const found =
    gap === "history_trimmed"
      ? `The history goes back to zxid ${oldestZxid}, not to ${stamp.zxid}`
      : `Zxid ${stampText(stamp)} has not happened here; this server is at ${history.zxid}`;
  return new KeeperError("history_trimmed", `${found}. ${hint}`, {
    oldestZxid,
    reason: gap,
    ...(gap === "unknown_zxid" && { unknownPast: true }),
  });
}
