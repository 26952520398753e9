// Decides whether a znode that goes by itself goes now.

import type { Sweep } from "./command.ts";
import type { Draft } from "./draft.ts";
import { causeToSweep } from "./sweep.ts";
import type { Outcomes } from "./txn.ts";

/**
 * Everything is looked at again (K9): a znode that was refreshed, has children or was made anew stays, and a second
 * sweep finds nothing to do. That is no refusal: nobody's wish was denied.
 */
export function planSweep(draft: Draft, sweep: Sweep): Outcomes["sweep"] {
  const { path, czxid, neverUsedMsMax } = sweep;
  const znode = draft.get(path);
  if (znode?.czxid !== czxid) return { path, cause: null };
  const cause = causeToSweep(znode, draft.moment, neverUsedMsMax);
  if (cause !== null) {
    draft.delete(znode);
    draft.cause = cause;
  }
  return { path, cause };
}
