// Quotas: limits on a whole subtree, and what the subtree holds now. The limits are what somebody set; the usage is
// counted from the tree and kept up to date with it, so it is never stored and cannot be wrong after a restart (U11).

import { inRoot } from "../access/root-paths.ts";
import { rootPath } from "../tree/path.ts";
import { SortedNames } from "../tree/sorted-names.ts";
import type { Usage } from "../tree/tree.ts";

/** An absent limit is none. A soft one is shown when it is passed, a hard one refuses what would pass it (U5). */
export interface QuotaLimits {
  readonly countSoft?: number;
  readonly countHard?: number;
  readonly bytesSoft?: number;
  readonly bytesHard?: number;
}

/** The quota of the subtree at `path`. Like a znode's, the record is replaced and never changed. */
export interface Quota extends Usage {
  readonly path: string;
  readonly limits: QuotaLimits;
}

const measured = {
  countSoft: "count",
  countHard: "count",
  bytesSoft: "bytes",
  bytesHard: "bytes",
} as const satisfies Record<keyof QuotaLimits, keyof Usage>;

export const quotaLimitNames = Object.keys(measured) as readonly (keyof QuotaLimits)[];

/** The limits that the usage is above; one that is reached is not passed (U7). */
export function exceededLimits(quota: Quota): (keyof QuotaLimits)[] {
  return quotaLimitNames.filter(
    (name) => quota[measured[name]] > (quota.limits[name] ?? Number.POSITIVE_INFINITY),
  );
}

export function withAdded(quota: Quota, { count, bytes }: Usage): Quota {
  return { ...quota, count: quota.count + count, bytes: quota.bytes + bytes };
}

/**
 * As it is told to whoever is confined to the root: with the path that they name. Undefined for one that was set on the
 * root itself or above it: it is that of others, and holds for them all the same.
 */
export function quotaShown(quota: Quota | undefined, root: string): Quota | undefined {
  if (quota === undefined || root === rootPath) return quota;
  const path = inRoot(root, quota.path);
  return path === undefined || path === rootPath ? undefined : { ...quota, path };
}

/** The quotas there are, by path. */
export class Quotas {
  readonly #byPath = new Map<string, Quota>();
  readonly #paths = new SortedNames();
  /** Their paths sorted segment by segment: a subtree is one piece. */
  readonly #pieces = new SortedNames();

  /** Zero where nobody uses quotas: then a write asks nothing further. */
  get size(): number {
    return this.#byPath.size;
  }

  get(path: string): Quota | undefined {
    return this.#byPath.get(path);
  }

  /**
   * The quota a path counts in: that of its ancestor-or-self which has one (U4). Quotas do not nest, so nothing stands
   * between an ancestor's and the path, and a path with thousands of segments costs no more than another.
   */
  governing(path: string): Quota | undefined {
    if (this.#byPath.size === 0) return undefined;
    const nearest = this.#pieces.lastUpTo(bySegments(path))?.replaceAll(lowest, "/");
    if (nearest === undefined || !(path === nearest || path.startsWith(`${nearest}/`))) return undefined;
    return this.#byPath.get(nearest);
  }

  /** Quotas in code-unit order of their paths, from the first that is not before `path`. */
  *from(path: string): Generator<Quota> {
    for (const each of this.#paths.from(path)) yield this.#byPath.get(each) as Quota;
  }

  put(quota: Quota): void {
    if (!this.#byPath.has(quota.path)) {
      this.#paths.add(quota.path);
      this.#pieces.add(bySegments(quota.path));
    }
    this.#byPath.set(quota.path, quota);
  }

  remove(path: string): void {
    if (!this.#byPath.delete(path)) return;
    this.#paths.delete(path);
    this.#pieces.delete(bySegments(path));
  }

  /** Counts what was written at the path, if a quota governs it (U9). */
  count(path: string, added: Usage): void {
    const quota = this.governing(path);
    if (quota !== undefined) this.#byPath.set(quota.path, withAdded(quota, added));
  }
}

/** No path contains it, and it sorts before all that paths contain. */
const lowest = "\u0000";

function bySegments(path: string): string {
  return path.replaceAll("/", lowest);
}
