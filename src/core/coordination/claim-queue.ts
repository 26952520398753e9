// Who waits for a lock or an election, in order, and who holds it. The whole truth is the tree: a claim is a child
// with a number the server gave, whoever made it, and to hold is to stand far enough in front. There is no grant.

import { baseName } from "../tree/path.ts";
import { formatSequence } from "../tree/sequence.ts";
import { SortedNames } from "../tree/sorted-names.ts";
import type { Znode } from "../tree/znode.ts";
import { defaultLockSettings, type LockSettings } from "./lock-settings.ts";

export type ClaimMode = "exclusive" | "shared";

/** What the queue is of. */
export type QueueKind = "lock" | "election";

export interface Claim {
  /** The name of its znode. */
  readonly id: string;
  readonly path: string;
  readonly sequence: number;
  readonly mode: ClaimMode;
  /** The czxid of its znode: it grows along the queue. */
  readonly fence: number;
  /** The session it lives with; null for a znode somebody made by hand that is no ephemeral. */
  readonly owner: string | null;
}

type Rules = Pick<LockSettings, "permits" | "delay">;

/** The claims that hold: always the first few. @param queue in the order of the numbers */
export function holdersOf<C extends Pick<Claim, "sequence" | "mode">>(
  queue: readonly C[],
  { permits, delay }: Rules,
): C[] {
  const holders: C[] = [];
  for (const claim of queue) {
    const isDelayed = delay !== null && claim.sequence > delay.heldThrough;
    if (isDelayed || !holdsBehind(holders, claim, permits)) break;
    holders.push(claim);
  }
  return holders;
}

/** A waiting writer keeps the readers behind it waiting: holders end at the first claim that cannot join them. */
function holdsBehind(
  holders: readonly Pick<Claim, "mode">[],
  { mode }: Pick<Claim, "mode">,
  permits: number,
) {
  if (permits > 1) return holders.length < permits;
  return holders.length === 0 || (mode === "shared" && holders[0]?.mode === "shared");
}

/** Null for a child without a number: it is no claim. */
export function claimOf(znode: Znode): Claim | null {
  const { path, sequence, czxid, ephemeralOwner } = znode;
  if (sequence === null) return null;
  const id = baseName(path);
  return { id, path, sequence, mode: modeOf(id, sequence), fence: czxid, owner: ephemeralOwner };
}

export const claimPrefixes = { exclusive: "x-", shared: "s-", candidate: "c-" } as const;

/** Only the very name the server gives makes a claim shared: what a recipe calls its lock is none of ours. */
function modeOf(id: string, sequence: number): ClaimMode {
  return id === claimPrefixes.shared + formatSequence(sequence) ? "shared" : "exclusive";
}

/** Sorts as the numbers do. No two children get one number, but imports once brought some that have: they go by name. */
export function keyOf({ sequence, id }: Pick<Claim, "sequence" | "id">): string {
  return keyFrom(sequence) + id;
}

/** Stands before the claims of that number and behind those of smaller ones. */
function keyFrom(sequence: number): string {
  return String(sequence).padStart(16, "0");
}

/** `holdersOf` kept up to date: looking, adding and removing cost about the same whatever the length. */
export class ClaimQueue {
  readonly path: string;
  readonly kind: QueueKind;
  settings: LockSettings = defaultLockSettings;
  readonly #order = new SortedNames();
  readonly #exclusive = new SortedNames();
  readonly #byKey = new Map<string, Claim>();
  readonly #byId = new Map<string, Claim>();

  constructor(path: string, kind: QueueKind) {
    this.path = path;
    this.kind = kind;
  }

  get size(): number {
    return this.#order.size;
  }

  /** How many claims hold: the first so many. */
  get heldCount(): number {
    const { delay } = this.settings;
    const free = this.#countWithoutDelay();
    return delay === null ? free : Math.min(free, this.#order.countBefore(keyFrom(delay.heldThrough + 1)));
  }

  #countWithoutDelay(): number {
    const { permits } = this.settings;
    if (permits > 1) return Math.min(permits, this.size);
    const [firstExclusive] = this.#exclusive;
    if (firstExclusive === undefined) return this.size;
    return Math.max(1, this.#order.countBefore(firstExclusive));
  }

  get waitingCount(): number {
    return this.size - this.heldCount;
  }

  /** Whether a claim that came now would hold at once. */
  wouldHold(mode: ClaimMode, { permits, delay }: Rules = this.settings): boolean {
    if (delay !== null) return false;
    if (permits > 1) return this.size < permits;
    return mode === "shared" ? this.#exclusive.size === 0 : this.size === 0;
  }

  get(id: string): Claim | undefined {
    return this.#byId.get(id);
  }

  withKey(key: string): Claim | undefined {
    return this.#byKey.get(key);
  }

  isHeld(claim: Claim): boolean {
    return this.#countBefore(claim) < this.heldCount;
  }

  /** The place among those who wait: 1 is next, 0 or less holds. */
  positionOf(claim: Claim): number {
    return this.#countBefore(claim) - this.heldCount + 1;
  }

  #countBefore(claim: Claim): number {
    return this.#order.countBefore(keyOf(claim));
  }

  /** Those who hold, in order; the first `limit` of them. */
  holders(limit = Number.POSITIVE_INFINITY): Claim[] {
    return this.#first(Math.min(this.heldCount, limit));
  }

  #first(count: number): Claim[] {
    const claims: Claim[] = [];
    if (count === 0) return claims;
    for (const claim of this) {
      claims.push(claim);
      if (claims.length === count) break;
    }
    return claims;
  }

  /** In order. Do not change the queue meanwhile. */
  *[Symbol.iterator](): Generator<Claim> {
    for (const key of this.#order) yield this.#byKey.get(key) as Claim;
  }

  add(claim: Claim): void {
    const key = keyOf(claim);
    this.#order.add(key);
    if (claim.mode === "exclusive") this.#exclusive.add(key);
    this.#byKey.set(key, claim);
    this.#byId.set(claim.id, claim);
  }

  remove(claim: Claim): void {
    const key = keyOf(claim);
    this.#order.delete(key);
    if (claim.mode === "exclusive") this.#exclusive.delete(key);
    this.#byKey.delete(key);
    this.#byId.delete(claim.id);
  }
}

/** A queue to look at: what is here cannot change it. */
export type ReadonlyClaimQueue = Readonly<
  Pick<
    ClaimQueue,
    | "path"
    | "kind"
    | "settings"
    | "size"
    | "heldCount"
    | "waitingCount"
    | "wouldHold"
    | "get"
    | "withKey"
    | "isHeld"
    | "positionOf"
    | "holders"
    | typeof Symbol.iterator
  >
>;

const digitsMin = formatSequence(0).length;
const digitsMax = String(Number.MAX_SAFE_INTEGER).length;

/** Whether the name ends in a number that was given out. What stands before a number may be digits as well. */
export function wasGivenOut(id: string, nextSequence: number): boolean {
  const [digits = ""] = /\d*$/.exec(id) ?? [];
  for (let length = digitsMin; length <= Math.min(digits.length, digitsMax); length += 1) {
    const text = digits.slice(-length);
    const sequence = Number(text);
    if (sequence < nextSequence && formatSequence(sequence) === text) return true;
  }
  return false;
}
