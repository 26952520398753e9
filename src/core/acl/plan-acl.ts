// What becomes of a znode that is given another access control list. The order of refusals is that of the table of
// operations: a list that is none comes before the tree is looked at (O1), and the version last.

import type { SetAcl } from "../command.ts";
import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { type Stat, statOf } from "../tree/stat.ts";

/** Whoever locks themselves out by it may do so (A15). */
export function planSetAcl(draft: Draft, { path, acl, aversion }: SetAcl): { path: string; stat: Stat } {
  const znode = draft.get(path);
  if (znode === undefined) throw new KeeperError("no_node", `${path} does not exist.`, { path });
  draft.requireOf(znode, "admin");
  if (aversion !== undefined && aversion !== -1 && aversion !== znode.aversion) {
    throw new KeeperError(
      "bad_version",
      `The access control list of ${path} is at aversion ${znode.aversion}, not ${aversion}.`,
      { path, ...draft.statFor(znode) },
    );
  }
  return { path, stat: statOf(draft.setAcl(znode, acl)) };
}
