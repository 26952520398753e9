// Long poll: an answer held back until what was asked for has changed (API section 2). It is a watch of one change,
// for clients that cannot keep a stream.

import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Ask } from "../../core/access/ask.ts";
import { inTree } from "../../core/access/root-paths.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { parentPath, rootPath } from "../../core/tree/path.ts";
import type { Store } from "../../store/store.ts";
import { Selection, type SelectionParts } from "../../watches/selection.ts";
import type { Watches } from "../../watches/watches.ts";
import { countWait } from "../http/connection-share.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";
import { callerOf, renewCaller } from "./callers.ts";
import { assertMayBeStale, reach, whenOutOfReach } from "./freshness.ts";
import { readerFor } from "./parts.ts";
import { cannotResume, readerOf } from "./stream-start.ts";
import { heldBackMs } from "./wait-time.ts";

const waitMsDefault = 30_000;

export const waitQuery = {
  waitAfterZxid: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "Hold the answer back until there was a change after this transaction.",
    }),
  ),
  waitMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: fixedLimits.waitMsMax,
      ...named("waitMsMax"),
      description: "How long to hold it back at most (30000); up to a sixteenth less.",
    }),
  ),
};

export interface LongPollParts {
  readonly watches: Watches;
  readonly store: Store;
}

interface WaitQuery {
  readonly waitAfterZxid?: number;
  readonly waitMs?: number;
}

/** What is waited for: that something happens to the path, as its client names it, or to its children. */
type Waited = { readonly path: string } & Pick<SelectionParts, "scope" | "types">;

/**
 * Resolves when something selected changed, when the time is up, or when the client is gone. What is not there is waited
 * for, unless it may have gone since. While the log is out of reach there is nothing to wait for.
 * @throws KeeperError `history_trimmed` when the transaction to wait after has not happened here; `forbidden` when the path
 * may not be read; `unauthenticated` when whoever waits is nobody any more; `suspended`
 */
export async function longPoll(
  request: FastifyRequest<{ Querystring: WaitQuery }>,
  reply: FastifyReply,
  { watches, store }: LongPollParts,
  { path, ...watched }: Waited,
): Promise<void> {
  const { waitAfterZxid: afterZxid, waitMs = waitMsDefault } = request.query;
  if (afterZxid === undefined) return;
  new Ask(callerOf(request).permits).require(path, "read");
  countWait(reply);
  await reach(afterZxid, store, reply);
  assertHappened(afterZxid, watches);
  const { promise: giveUp, resolve } = Promise.withResolvers<void>();
  const cancelTimer = store.clock.setTimer(heldBackMs(waitMs), resolve);
  const stopHeedingReach = whenOutOfReach(request, store.suspension, resolve);
  reply.raw.once("close", resolve);
  if (isGone(reply.raw)) resolve();
  try {
    const whose = readerOf(request, store);
    const isAwaited = isYetToCome(readerFor(request, store), path, afterZxid);
    const after = isAwaited ? watches.history.zxid : afterZxid;
    // It is told nothing but that something happened, which is for whoever may read the path.
    const paths = [inTree(whose.context.permits.root, path)];
    // A child's name belongs to the reader of its parent, whatever its own list says.
    const heedsLists = watched.scope === "node";
    const selection = new Selection({ ...watched, paths, withData: false, heedsLists });
    await watches.waitForChange({ selection, afterZxid: after, ...whose, giveUp });
    assertMayBeStale(request, store.suspension);
    // What is answered now is by what may be read now.
    renewCaller(request, store);
  } finally {
    cancelTimer();
    stopHeedingReach();
    reply.raw.off("close", resolve);
  }
}

/**
 * Whether the znode is not there and was not since: then its coming is waited for, however far back the history reaches.
 * The parent of what came and went says so. Who waits after 0 has seen nothing yet that could have gone.
 */
function isYetToCome(reader: Reader, path: string, afterZxid: number): boolean {
  if (reader.get(path) !== undefined) return false;
  if (afterZxid === 0) return true;
  // What may not be read says nothing, be it of what may.
  let ancestor = parentPath(path);
  while (ancestor !== rootPath && reader.mayRead(ancestor) && reader.get(ancestor) === undefined)
    ancestor = parentPath(ancestor);
  // Of a part of the tree the root may be gone as well.
  return reader.mayRead(ancestor) && (reader.get(ancestor)?.pzxid ?? 0) <= afterZxid;
}

/** Nothing that happens here can be what the client waits for: it saw another store, or this one before it was restored. */
function assertHappened(zxid: number, watches: Watches): void {
  if (watches.gapAfter({ zxid }) !== "unknown_zxid") return;
  throw cannotResume(
    "unknown_zxid",
    { zxid },
    watches.history,
    "Ask without waitAfterZxid, and go on from there.",
  );
}

/** A wait without a transaction to wait after is a slip that must not be ignored. */
export function assertWaitIsWhole({ waitAfterZxid, waitMs }: WaitQuery): void {
  if (waitMs === undefined || waitAfterZxid !== undefined) return;
  throw new KeeperError(
    "bad_request",
    "waitMs needs waitAfterZxid: the Zxid header of the last answer you saw.",
  );
}
