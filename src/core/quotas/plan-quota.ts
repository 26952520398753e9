// Decides on quotas: whether one may be set or deleted, and whether a write still fits into the one that governs it.
// Deletions are never measured: what makes room must always be possible.

import type { DeleteQuota, SetQuota } from "../command.ts";
import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import type { Reader } from "../reader.ts";
import { parentPath, rootPath } from "../tree/path.ts";
import type { Usage } from "../tree/tree.ts";
import type { Quota } from "./quota.ts";

/**
 * Refuses what would leave more than a hard limit allows, counting what the command has done so far (D4). What is not
 * made larger or smaller is not measured; what shrinks and is still too large is refused (U6).
 * @throws KeeperError `quota_exceeded`
 */
export function checkQuota(draft: Draft, path: string, added: Usage): void {
  const quota = draft.governing(path);
  if (quota === undefined) return;
  const { countHard, bytesHard } = quota.limits;
  const [count, bytes] = [quota.count + added.count, quota.bytes + added.bytes];
  if (added.count !== 0 && countHard !== undefined && count > countHard) {
    throw quotaExceeded(draft, quota, { limit: "countHard", limitValue: countHard, size: count });
  }
  if (added.bytes !== 0 && bytesHard !== undefined && bytes > bytesHard) {
    throw quotaExceeded(draft, quota, { limit: "bytesHard", limitValue: bytesHard, size: bytes });
  }
}

interface Excess {
  readonly limit: "countHard" | "bytesHard";
  readonly limitValue: number;
  readonly size: number;
}

/** What an ancestor allows and holds is told to those who may read it, and can name it. */
function quotaExceeded(draft: Draft, quota: Quota, { limit, limitValue, size }: Excess): KeeperError {
  const path = draft.nameOf(quota.path);
  if (path === undefined || path === rootPath || !draft.mayRead(path)) {
    const message =
      "The quota of a subtree that this path is in allows no more; delete some, or ask for more.";
    return new KeeperError("quota_exceeded", message);
  }
  const what = limit === "countHard" ? "znodes" : "bytes of data";
  return new KeeperError(
    "quota_exceeded",
    `The quota of ${path} allows ${limitValue} ${what}, and this write would make it ${size}; delete some, or raise ${limit}.`,
    { path, limit, limitValue, size },
  );
}

/** A limit below the usage is taken: from then on it stops growth (U8). */
export function planSetQuota(draft: Draft, { path, limits }: SetQuota): { quota: Quota; created: boolean } {
  if (path === rootPath) throw rootHasNone();
  if (draft.get(path) === undefined) {
    throw new KeeperError("no_node", `${path} does not exist; a quota is set on a znode that is there.`, {
      path,
    });
  }
  const created = draft.quota(path) === undefined;
  if (created) refuseNested(draft, path);
  return { quota: draft.setQuota(path, limits), created };
}

function rootHasNone(): KeeperError {
  const message = "The root cannot have a quota; set one on a znode below it.";
  return new KeeperError("reserved_path", message, { path: rootPath });
}

/** One quota governs a path, so none stands above or below another (U4). */
function refuseNested(draft: Draft, path: string): void {
  const parent = parentPath(path);
  if (draft.governing(parent) !== undefined) throw nested(draft, `above ${path}`, draft.quotaOver(parent));
  const below = draft.quotaBelow(path);
  if (below !== undefined) throw nested(draft, `below ${path}`, below);
}

/** Which one is told to those who may read it, and can name it. */
function nested(draft: Draft, where: string, quota: Quota | undefined): KeeperError {
  const told = quota !== undefined && draft.mayRead(quota.path) ? { path: quota.path } : {};
  const which = told.path === undefined ? `A znode ${where}` : `${told.path}, ${where},`;
  const message = `${which} has a quota already, and quotas do not nest; change or delete that one.`;
  return new KeeperError("quota_nested", message, told);
}

export function planDeleteQuota(draft: Draft, { path }: DeleteQuota): { path: string } {
  if (draft.quota(path) === undefined) throw noQuota(draft, path);
  draft.deleteQuota(path);
  return { path };
}

/** Where quotas are looked for, by somebody who may be told of some. */
interface QuotaReader extends Pick<Reader, "get" | "quotaOver"> {
  mayRead(path: string): boolean;
}

/** Says which quota governs the path, where one does: it may be the one that was meant. */
export function noQuota(reader: QuotaReader, path: string): KeeperError {
  if (path === rootPath) return rootHasNone();
  if (reader.get(path) === undefined) {
    return new KeeperError("no_node", `${path} does not exist, and so has no quota.`, { path });
  }
  const above = reader.quotaOver(path);
  const isTold = above !== undefined && reader.mayRead(above.path);
  const hint = isTold ? `The quota of ${above.path} governs it.` : "Set one with PUT.";
  return new KeeperError("no_node", `${path} has no quota of its own. ${hint}`, { path });
}
