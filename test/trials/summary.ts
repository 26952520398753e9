// What came of many trials, as numbers: how often something happened that could have gone wrong, and how close it was.

import { answersIn, beliefsIn, claimsByFence, heldIn, isRefusal, type TrialRecord } from "./judge.ts";

/** What is promised of a machine that has nothing else to do. */
const killMsMax = 100;

export class Summary {
  #trialCount = 0;
  #heldCount = 0;
  #expiredHeldCount = 0;
  #acceptedLate = 0;
  #refusedLate = 0;
  #refusedInTime = 0;
  #acceptedCount = 0;
  /** Trials in which the session of a holder expired. */
  #hitCount = 0;
  /** From the moment until which the old holder could believe, until its claim ended, and until the next one held. */
  readonly #untilEndMs: number[] = [];
  readonly #untilNextMs: number[] = [];
  readonly #faults = new Map<string, number>();
  readonly #killDelaysMs: number[] = [];
  #wokenWriteCount = 0;

  get trialCount(): number {
    return this.#trialCount;
  }

  /** Trials in which the old master lost what it held without giving it back: the others prove little. */
  get hitCount(): number {
    return this.#hitCount;
  }

  get refusedLateCount(): number {
    return this.#refusedLate;
  }

  countFault(name: string): void {
    this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
  }

  /** From waking up, together with all who could have ended it, until a command was dead. */
  countKill({ delayMs, writeCount }: { readonly delayMs: number; readonly writeCount: number }): void {
    this.#killDelaysMs.push(delayMs);
    this.#wokenWriteCount += writeCount;
  }

  countTrial(record: TrialRecord, faults: readonly string[]): void {
    for (const fault of faults) this.countFault(fault);
    const claims = claimsByFence(record);
    const held = heldIn(record);
    const expired = held.filter(({ fence }) => claims.get(fence)?.end?.cause === "session_expired");
    this.#trialCount += 1;
    this.#heldCount += held.length;
    this.#expiredHeldCount += expired.length;
    if (expired.length > 0) this.#hitCount += 1;
    this.#countWrites(record);
    const beliefs = new Map(beliefsIn(record).map((belief) => [belief.fence, belief]));
    for (const { fence } of expired) {
      const untilMs = beliefs.get(fence)?.untilMs ?? Number.NaN;
      const next = held.find((later) => later.fence > fence);
      if (next !== undefined) this.#untilNextMs.push(next.atMs - untilMs);
      const endMs = claims.get(fence)?.end?.atMs;
      if (endMs !== undefined) this.#untilEndMs.push(endMs - untilMs);
    }
  }

  #countWrites(record: TrialRecord): void {
    const lateOnes = new Set(
      record.evidence.flatMap((told) =>
        told.kind === "asked" && told.isLate ? [`${told.who} ${told.number}`] : [],
      ),
    );
    for (const answer of answersIn(record)) {
      const isLate = lateOnes.has(`${answer.who} ${answer.number}`);
      if (typeof answer.outcome === "number") {
        if (isLate) this.#acceptedLate += 1;
        else this.#acceptedCount += 1;
      } else if (isRefusal(answer)) {
        if (isLate) this.#refusedLate += 1;
        else this.#refusedInTime += 1;
      }
    }
  }

  lines(): string[] {
    return [
      `trials: ${this.#trialCount}, ${this.#hitCount} of them with a holder whose session expired`,
      `held: ${this.#heldCount} times, ${this.#expiredHeldCount} of them until the session expired`,
      `faults: ${[...this.#faults]
        .map(([name, count]) => `${name} ${count}`)
        .sort()
        .join(", ")}`,
      `writes of holders: ${this.#acceptedCount} done, ${this.#refusedInTime} refused by their fence`,
      `writes after the end of belief: ${this.#refusedLate} refused by their fence, ${this.#acceptedLate} done while the claim was still there`,
      `from the end of belief to the end of the claim: ${distributionOf(this.#untilEndMs)}`,
      `from the end of belief to the next holder: ${distributionOf(this.#untilNextMs)}`,
      ...this.#killLines(),
    ];
  }

  #killLines(): string[] {
    const delays = this.#killDelaysMs;
    if (delays.length === 0) return [];
    const lateCount = delays.filter((ms) => ms > killMsMax).length;
    return [
      `from waking up until the command was dead: ${distributionOf(delays)}, ${lateCount} above ${killMsMax} ms`,
      `writes tried meanwhile: ${this.#wokenWriteCount}`,
    ];
  }
}

function distributionOf(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other);
  if (sorted.length === 0) return "none";
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] as number);
  return `${sorted.length}, at least ${at(0)} ms, median ${at(0.5)} ms, at most ${at(1)} ms`;
}
