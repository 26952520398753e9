// A bucket of tokens for each client: it is full at first, asking takes from it what that costs, and time fills it again. What
// costs more than is left is let through on debt, so that every cost can be paid; then nothing is until the debt is
// paid. As many clients have a bucket as `holdersMax` says, and those who come beyond them share one.

import type { Clock } from "../../clock.ts";

export interface BucketBounds {
  /** What fills a bucket. */
  readonly perSecond: number;
  /** What a full one has, and the deepest debt. */
  readonly burst: number;
  readonly holdersMax: number;
}

interface Bucket {
  /** Below 0 it is a debt. */
  level: number;
  atMs: number;
}

export class Buckets {
  readonly #bounds: BucketBounds;
  readonly #clock: Clock;
  /** In which the emptiest bucket is full again: one nobody took from for so long need not be kept. */
  readonly #forgetAfterMs: number;
  #periodStartMs: number;
  /** Those taken from in this period, and those in the one before it only. */
  #current = new Map<string, Bucket>();
  #earlier = new Map<string, Bucket>();
  readonly #shared: Bucket;

  constructor(bounds: BucketBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#forgetAfterMs = (2000 * bounds.burst) / bounds.perSecond;
    this.#periodStartMs = clock.monotonicMs();
    this.#shared = this.#fullBucket(this.#periodStartMs);
  }

  /** Buckets that are kept. */
  get count(): number {
    return this.#current.size + this.#earlier.size;
  }

  /**
   * Takes the cost, if there is anything left. 0 when it did, else the seconds after which there is.
   * @param isOnCredit whether a debt is no reason to refuse, while it is not the deepest
   */
  take(holder: string, cost: number, isOnCredit = false): number {
    const bucket = this.#filled(holder);
    const { perSecond, burst } = this.#bounds;
    const least = isOnCredit ? -burst : 0;
    if (bucket.level <= least) return Math.max(1, Math.ceil((least + 1 - bucket.level) / perSecond));
    bucket.level = Math.max(-burst, bucket.level - cost);
    return 0;
  }

  /** What turned out to cost more than was taken for it. */
  charge(holder: string, cost: number): void {
    const bucket = this.#filled(holder);
    bucket.level = Math.max(-this.#bounds.burst, bucket.level - cost);
  }

  /** How long until there is something left; 0 when there is. */
  debtMs(holder: string): number {
    return this.#debtOf(this.#filled(holder));
  }

  /** The same of those who have a bucket of their own: nobody has one for being asked about, or owes what others took. */
  ownDebtMs(holder: string): number {
    return this.#current.has(holder) || this.#earlier.has(holder) ? this.debtMs(holder) : 0;
  }

  #debtOf({ level }: Bucket): number {
    return level > 0 ? 0 : Math.ceil(((1 - level) * 1000) / this.#bounds.perSecond);
  }

  #filled(holder: string): Bucket {
    const nowMs = this.#clock.monotonicMs();
    this.#forget(nowMs);
    const bucket = this.#current.get(holder) ?? this.#kept(holder, nowMs);
    const { perSecond, burst } = this.#bounds;
    bucket.level = Math.min(burst, bucket.level + ((nowMs - bucket.atMs) * perSecond) / 1000);
    bucket.atMs = nowMs;
    return bucket;
  }

  #forget(nowMs: number): void {
    const passedMs = nowMs - this.#periodStartMs;
    if (passedMs < this.#forgetAfterMs) return;
    this.#earlier = passedMs < 2 * this.#forgetAfterMs ? this.#current : new Map();
    this.#current = new Map();
    this.#periodStartMs = nowMs;
  }

  #kept(holder: string, nowMs: number): Bucket {
    const earlier = this.#earlier.get(holder);
    if (earlier === undefined && this.count >= this.#bounds.holdersMax) return this.#shared;
    this.#earlier.delete(holder);
    const bucket = earlier ?? this.#fullBucket(nowMs);
    this.#current.set(holder, bucket);
    return bucket;
  }

  #fullBucket(atMs: number): Bucket {
    return { level: this.#bounds.burst, atMs };
  }
}
