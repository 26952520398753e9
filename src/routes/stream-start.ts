// Where a stream of changes begins, as its client says it: in its query, or in the header an EventSource sends by
// itself when it comes back.

import { Type } from "typebox";
import { KeeperError } from "../core/errors.ts";
import type { History } from "../watches/history.ts";
import type { StreamStart } from "../watches/stream.ts";
import { fixedLimits, named } from "./fixed-limits.ts";

const intervalMs = {
  minimum: fixedLimits.intervalMsMin,
  maximum: fixedLimits.intervalMsMax,
  ...named("intervalMsMax"),
};

/** What every stream of changes may be asked. */
export const resumeMembers = {
  sinceZxid: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "Resume after this transaction. A Last-Event-ID header goes before it.",
    }),
  ),
  bookmarkMs: Type.Integer({ ...intervalMs, default: 30_000, description: "Silence before a bookmark." }),
  heartbeatMs: Type.Integer({ ...intervalMs, default: 10_000, description: "Silence before a heartbeat." }),
};

/**
 * Null when it does not resume. An EventSource comes back with the URL it first had and a newer Last-Event-ID: the
 * header goes first.
 */
export function resumePointOf(
  { sinceZxid }: { readonly sinceZxid?: number },
  lastEventId: string | string[] | undefined,
): StreamStart | null {
  if (lastEventId !== undefined && lastEventId !== "") {
    const zxid = /^\d{1,16}$/.test(String(lastEventId)) ? Number(lastEventId) : Number.NaN;
    return Number.isSafeInteger(zxid) ? { kind: "after", zxid } : { kind: "unknown" };
  }
  return sinceZxid === undefined ? null : { kind: "after", zxid: sinceZxid };
}

/** Who is no EventSource can read a status, and is told by it that there is no going on from there. */
export function assertCanStart(start: StreamStart, history: History, hint: string): void {
  if (start.kind === "unknown") {
    throw new KeeperError(
      "bad_request",
      "Last-Event-ID is the id of an event this service sent: a whole number.",
    );
  }
  if (start.kind === "now") return;
  const gap = history.gapAfter(start.zxid);
  if (gap === null) return;
  const oldestZxid = history.floorZxid;
  const found =
    gap === "history_trimmed"
      ? `The history goes back to zxid ${oldestZxid}, not to ${start.zxid}`
      : `Zxid ${start.zxid} has not happened here; this server is at ${history.zxid}`;
  throw new KeeperError("history_trimmed", `${found}. ${hint}`, { oldestZxid });
}
