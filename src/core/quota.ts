// Quotas: limits on a whole subtree, and what the subtree holds now. The limits are what somebody set; the usage is
// counted from the tree and kept up to date with it, so it is never stored and cannot be wrong after a restart (U11).

import { joinPath, parentPath, rootPath } from "./path.ts";
import { SortedNames } from "./sorted-names.ts";
import type { Tree } from "./tree.ts";

/** What a subtree holds: znodes, its own root included, and bytes of their data (U3). */
export interface Usage {
  readonly count: number;
  readonly bytes: number;
}

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

/** The quota a path counts in: that of its deepest ancestor-or-self which has one, segment by segment (U4). */
export function governingQuota(
  path: string,
  quotaAt: (path: string) => Quota | undefined,
): Quota | undefined {
  for (let at = path; at !== rootPath; at = parentPath(at)) {
    const quota = quotaAt(at);
    if (quota !== undefined) return quota;
  }
  return undefined;
}

export function withAdded(quota: Quota, { count, bytes }: Usage): Quota {
  return { ...quota, count: quota.count + count, bytes: quota.bytes + bytes };
}

/** Looks at every znode of the subtree, once: when the quota is set, and when the tree is loaded. */
export function usageOf(tree: Tree, path: string): Usage {
  let count = 0;
  let bytes = 0;
  const waiting = [path];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    count += 1;
    bytes += tree.get(at)?.data.byteLength ?? 0;
    for (const name of tree.childNames(at)) waiting.push(joinPath(at, name));
  }
  return { count, bytes };
}

/** The quotas there are, by path. */
export class Quotas {
  readonly #byPath = new Map<string, Quota>();
  readonly #paths = new SortedNames();

  /** Zero where nobody uses quotas: then a write asks nothing further. */
  get size(): number {
    return this.#byPath.size;
  }

  get(path: string): Quota | undefined {
    return this.#byPath.get(path);
  }

  /** Quotas in code-unit order of their paths, from the first that is not before `path`. */
  *from(path: string): Generator<Quota> {
    for (const each of this.#paths.from(path)) yield this.#byPath.get(each) as Quota;
  }

  put(quota: Quota): void {
    if (!this.#byPath.has(quota.path)) this.#paths.add(quota.path);
    this.#byPath.set(quota.path, quota);
  }

  remove(path: string): void {
    if (this.#byPath.delete(path)) this.#paths.delete(path);
  }

  /** Counts what was written at the path, if a quota governs it (U9). */
  count(path: string, added: Usage): void {
    if (this.#byPath.size === 0) return;
    const quota = governingQuota(path, (at) => this.#byPath.get(at));
    if (quota !== undefined) this.#byPath.set(quota.path, withAdded(quota, added));
  }
}
