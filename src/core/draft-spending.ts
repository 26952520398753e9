// What a command may still change: the bounds of one transaction, and those of what a session may own, since all of it goes
// at once with the session. Counted as the changes are drafted, and refused at the first that is too much.

import { type KeptAcl, openAcl, textLengthOf } from "./acl/acl.ts";
import {
  ephemeralBytesMax,
  type TransactionBounds,
  tooLongChanges,
  tooLongEphemerals,
  tooManyChanges,
  tooManyEphemerals,
  unbounded,
} from "./bounds.ts";
import type { State } from "./state.ts";
import type { Usage } from "./tree/tree.ts";

export class DraftSpending {
  readonly #state: State;
  #bounds: TransactionBounds;
  #changeCount = 0;
  #changeBytes = 0;
  /** Ephemerals that the command adds to those of a session, or takes away, and what they count for. */
  readonly #ephemerals = new Map<string, Usage>();
  /** Ids of the lists that are counted already. */
  readonly #toldAcls = new Set<number>();

  constructor(state: State, bounds: TransactionBounds) {
    this.#state = state;
    this.#bounds = bounds;
  }

  /** Whether its entry sets bounds; those from before there were any are decided as they were then. */
  get isBounded(): boolean {
    return this.#bounds !== unbounded;
  }

  /** @throws KeeperError `too_many_changes` when so many are too many */
  assertMayChange(count: number): void {
    const { transactionChangesMax } = this.#bounds;
    const size = this.#changeCount + count;
    if (size > transactionChangesMax) throw tooManyChanges(transactionChangesMax, size);
  }

  /**
   * Counts one change of so many bytes, and its list if none before it had the same: what is told of the transaction has
   * each list once.
   * @throws KeeperError `too_many_changes` or `too_large` when it is one too many
   */
  spend(bytes: number, acl: KeptAcl, isDeletion = false): void {
    const { transactionChangesMax: changesMax, transactionChangeBytesMax: bytesMax } = this.#bounds;
    this.#changeCount += 1;
    this.#changeBytes += bytes + this.#newLengthOf(acl);
    if (this.#changeCount > changesMax) throw tooManyChanges(changesMax, this.#changeCount);
    // What is there may go, also where it came to be under a higher bound.
    if (isDeletion && this.#changeCount === 1) return;
    if (this.#changeBytes > bytesMax) throw tooLongChanges(bytesMax, this.#changeBytes);
  }

  #newLengthOf(acl: KeptAcl): number {
    if (acl.id === openAcl.id || this.#toldAcls.has(acl.id)) return 0;
    this.#toldAcls.add(acl.id);
    return lengthOfAcl(acl);
  }

  /** @throws KeeperError `too_large` when the session would own more than can go with it at once */
  own(sessionId: string, count: number, bytes: number): void {
    const before = this.#ephemerals.get(sessionId) ?? { count: 0, bytes: 0 };
    const drafted = { count: before.count + count, bytes: before.bytes + bytes };
    this.#ephemerals.set(sessionId, drafted);
    const total = this.#state.ephemeralsOf(sessionId).size + drafted.count;
    const { ephemeralsPerSessionMax: countMax } = this.#bounds;
    if (count > 0 && total > countMax) throw tooManyEphemerals(countMax, total);
    const bytesMax = ephemeralBytesMax(this.#bounds);
    const totalBytes = this.#state.ephemeralBytesOf(sessionId) + drafted.bytes;
    if (bytes > 0 && totalBytes > bytesMax) throw tooLongEphemerals(bytesMax, totalBytes);
  }

  /**
   * Those of what goes with a session, from the first, that may go in this transaction. A session's end is never refused:
   * what it does besides is bounded by them, and is not measured.
   */
  endsAtOnce<Owned>(owned: readonly Owned[], lengthOf: (owned: Owned) => number): readonly Owned[] {
    const { ephemeralsPerSessionMax: countMax } = this.#bounds;
    const bytesMax = ephemeralBytesMax(this.#bounds);
    this.#bounds = unbounded;
    let [count, bytes] = [0, 0];
    for (const one of owned) {
      bytes += lengthOf(one);
      if (count > 0 && (count === countMax || bytes > bytesMax)) break;
      count += 1;
    }
    return owned.slice(0, count);
  }
}

/** The open list is told by its absence. */
export function lengthOfAcl({ id, entries }: KeptAcl): number {
  return id === openAcl.id ? 0 : textLengthOf(entries);
}
