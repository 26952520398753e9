// What a transaction means to watchers (section 6 of the rules): one event per change of a znode, in the order the
// changes were made, nothing collapsed (M10). A parent whose child came or went has no event of its own: whoever
// watches its children is told of the child.

import type { Znode } from "./tree/znode.ts";
import type { Txn } from "./txn.ts";

export type WatchEventType = "created" | "changed" | "deleted";

/** `znode` is the record after the change; for a deletion the record as it last was. `before` is what was changed. */
export type WatchEvent =
  | { readonly type: "created" | "deleted"; readonly znode: Znode }
  | { readonly type: "changed"; readonly znode: Znode; readonly before: Znode };

export function watchEventsOf(txn: Txn): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (const change of txn.changes) {
    if (change.type === "created" || change.type === "changed" || change.type === "deleted")
      events.push(change);
  }
  return events;
}
