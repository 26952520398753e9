// Quotas as a command in progress has left them so far. Paths are those of the whole tree.

import type { State } from "../state.ts";
import type { Usage } from "../tree/tree.ts";
import type { Change } from "../txn.ts";
import { type Quota, type QuotaLimits, withAdded } from "./quota.ts";

export class DraftQuotas {
  readonly #state: State;
  readonly #changes: Change[];
  /** Null where the command deleted one. */
  readonly #drafted = new Map<string, Quota | null>();

  /** @param changes where what is set and deleted is added to */
  constructor(state: State, changes: Change[]) {
    this.#state = state;
    this.#changes = changes;
  }

  /** The quota that was set on the very path. */
  at(path: string): Quota | undefined {
    const drafted = this.#drafted.get(path);
    return drafted === undefined ? this.#state.quotas.get(path) : (drafted ?? undefined);
  }

  /** The quota a path counts in, with what the command has done so far counted (U4, D4). */
  over(path: string): Quota | undefined {
    const quota = this.#state.quotas.governing(path);
    return quota === undefined ? undefined : this.at(quota.path);
  }

  /** The first that was set below the path. */
  below(path: string): Quota | undefined {
    const start = `${path}/`;
    const [first] = this.#state.quotas.from(start);
    return first?.path.startsWith(start) ? first : undefined;
  }

  /** Puts limits on a znode that is there, instead of those it had. */
  set(path: string, limits: QuotaLimits): Quota {
    const before = this.at(path) ?? null;
    const { count, bytes } = before ?? this.#state.tree.usageOf(path);
    const quota = { path, limits, count, bytes };
    this.#changes.push({ type: "quotaSet", quota, before });
    return quota;
  }

  /** Nothing happens where there is none. */
  delete(path: string): void {
    const quota = this.at(path);
    if (quota === undefined) return;
    this.#drafted.set(path, null);
    this.#changes.push({ type: "quotaDeleted", quota });
  }

  /** What a change of the path adds to the quota it counts in. */
  count(path: string, added: Usage): void {
    const quota = this.over(path);
    if (quota !== undefined) this.#drafted.set(quota.path, withAdded(quota, added));
  }
}
