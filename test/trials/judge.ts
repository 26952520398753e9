// What the trials are judged by: the promises of the old-master contract, each a pure function from what the
// contenders said and what the server's own log says to the faults in it. It knows no process, network or clock.

import type { Answered, Evidence, Held } from "./evidence.ts";

/** A claim as the server's log has it. */
export interface ClaimRecord {
  readonly path: string;
  /** Its place in the queue. */
  readonly number: number;
  /** Its czxid. */
  readonly fence: number;
  readonly session: string;
  /** Null while it is there. The time is the server's, on the clock of the evidence. */
  readonly end: { readonly zxid: number; readonly atMs: number; readonly cause: string } | null;
}

/** A write that was done, as the server's log has it. */
export interface WriteRecord {
  readonly zxid: number;
  /** As the data says. */
  readonly fence: number;
  readonly number: number;
}

export interface TrialRecord {
  readonly trial: string;
  /** After the expiry of a holder; 0 for none. */
  readonly lockDelayMs: number;
  /** In order of time. */
  readonly evidence: readonly Evidence[];
  /** In order of their zxids. */
  readonly claims: readonly ClaimRecord[];
  /** In order of their zxids. */
  readonly writes: readonly WriteRecord[];
}

/** The server says times in whole milliseconds of another clock. */
const serverClockErrorMs = 2;

/** What somebody believed of one claim. */
export interface Belief {
  readonly who: string;
  readonly fence: number;
  readonly beganMs: number;
  /** The last moment at which it asked and was told yes; when it let go by itself, then. */
  readonly lastMs: number;
  /** Until then it would have believed without another word, as of the last it heard. */
  readonly untilMs: number;
}

type Promise = (record: TrialRecord) => string[];

export const promises: Readonly<Record<string, Promise>> = {
  /** Two never believe at once. */
  exclusive(record) {
    return beliefsIn(record).flatMap((belief, index, all) => {
      const before = all.slice(0, index).find(({ lastMs }) => lastMs >= belief.beganMs);
      if (before === undefined) return [];
      const overlapMs = before.lastMs - belief.beganMs;
      return [`${before.who} believed in ${before.fence} for ${overlapMs} ms beside ${belief.fence}`];
    });
  },

  /** Nobody believes in a claim that has ended, nor would at the moment at which a session's time is up. */
  believedInTime(record) {
    const claims = claimsByFence(record);
    return beliefsIn(record).flatMap(({ who, fence, lastMs, untilMs }) => {
      const end = claims.get(fence)?.end ?? null;
      if (end === null) return [];
      const promisedMs = end.cause === "session_expired" ? Math.max(lastMs, untilMs) : lastMs;
      const excessMs = promisedMs - end.atMs - serverClockErrorMs;
      return excessMs > 0 ? [`${who} believed in ${fence} for ${excessMs} ms after its end`] : [];
    });
  },

  /** Each holder's fence is larger than the one before it. */
  fencesGrow(record) {
    return heldIn(record).flatMap(({ fence, who }, index, all) => {
      const before = all[index - 1];
      return before !== undefined && before.fence >= fence
        ? [`${who} got ${fence} after ${before.fence}`]
        : [];
    });
  },

  /** Places are given in the order of the log, and nobody holds while an earlier claim is there. */
  firstComeFirstServed(record) {
    const misplaced = record.claims.flatMap(({ number, fence }, index, all) => {
      const before = all[index - 1];
      return before !== undefined && before.number >= number
        ? [`${fence} has a place before ${before.fence}`]
        : [];
    });
    const overtaking = heldIn(record).flatMap(({ fence, atMs }) => {
      const own = claimsByFence(record).get(fence);
      if (own === undefined) return [`${fence} was held and never claimed`];
      const isAhead = ({ number, end }: ClaimRecord) =>
        number < own.number && (end === null || end.atMs > atMs + serverClockErrorMs);
      return record.claims.filter(isAhead).map((earlier) => `${fence} has overtaken ${earlier.fence}`);
    });
    return [...misplaced, ...overtaking];
  },

  /** After the expiry of a holder nobody holds before the delay is over. */
  delayed(record) {
    const held = heldIn(record);
    return held.flatMap(({ fence }) => {
      const end = claimsByFence(record).get(fence)?.end ?? null;
      if (end?.cause !== "session_expired") return [];
      const freeMs = end.atMs + record.lockDelayMs - serverClockErrorMs;
      const early = held.filter((next) => next.fence > fence && next.atMs < freeMs);
      return early.map((next) => `${next.fence} held ${freeMs - next.atMs} ms too early after ${fence}`);
    });
  },

  /** Every write that was done was done while its claim was there and the first of all. */
  fenced(record) {
    const claims = claimsByFence(record);
    return record.writes.flatMap(({ zxid, fence, number }) => {
      const claim = claims.get(fence);
      const name = `write ${number} of ${fence}`;
      if (claim === undefined) return [`${name}, which is no claim`];
      if (!isThere(claim, zxid)) return [`${name} was done at ${zxid} without its claim`];
      const isBefore = (other: ClaimRecord) => other.number < claim.number && isThere(other, zxid);
      return record.claims.some(isBefore) ? [`${name} was done at ${zxid} by one who waits`] : [];
    });
  },

  /** No write is done twice, and none that was refused. */
  doneOnce(record) {
    const refused = new Set(answersIn(record).filter(isRefusal).map(nameOf));
    const seen = new Set<string>();
    return record.writes.map(nameOf).flatMap((name) => {
      const isRepeated = seen.has(name);
      seen.add(name);
      if (refused.has(name)) return [`write ${name} was refused and done`];
      return isRepeated ? [`write ${name} was done twice`] : [];
    });
  },

  /** A fence is refused only when its claim has ended. */
  refusedForCause(record) {
    const claims = claimsByFence(record);
    return answersIn(record)
      .filter(({ outcome, fence, atMs }) => {
        const end = claims.get(fence)?.end ?? null;
        return outcome === "fence_stale" && (end === null || end.atMs > atMs + serverClockErrorMs);
      })
      .map((answer) => `write ${nameOf(answer)} was refused while its claim was there`);
  },

  /** No session has two claims on one lock. */
  oneClaimEach({ claims }) {
    return claims.flatMap((claim, index) => {
      const isDouble = (other: ClaimRecord) => other.session === claim.session && isThere(other, claim.fence);
      return claims.slice(0, index).some(isDouble) ? [`${claim.session} claimed ${claim.fence} twice`] : [];
    });
  },

  /** Nobody holds by the claim of another session. */
  ownClaim(record) {
    const claims = claimsByFence(record);
    return heldIn(record)
      .filter(({ session, fence }) => session !== undefined && session !== claims.get(fence)?.session)
      .map(({ who, session, fence }) => `${who} of ${session} held by ${fence}, which is no claim of it`);
  },

  nothingLeft({ claims }) {
    return claims.filter(({ end }) => end === null).map(({ path }) => `${path} was left behind`);
  },

  /** The evidence is whole: what was said to be done is in the log. Without it no other promise says anything. */
  whole(record) {
    const written = new Map(record.writes.map((write) => [nameOf(write), write.zxid]));
    return answersIn(record)
      .filter((answer) => !isRefusal(answer) && answer.outcome !== "unknown")
      .filter((answer) => written.get(nameOf(answer)) !== answer.outcome)
      .map((answer) => `write ${nameOf(answer)} is not in the log`);
  },
};

/**
 * All faults of a trial, each with the promise it breaks.
 * @param leaveOut promises that nobody could keep
 */
export function faultsIn(record: TrialRecord, leaveOut: readonly (keyof typeof promises)[] = []): string[] {
  const asked = Object.entries(promises).filter(([name]) => !leaveOut.includes(name));
  return asked.flatMap(([name, promise]) =>
    promise(record).map((fault) => `${record.trial}, ${name}: ${fault}`),
  );
}

/** In the order in which they began. */
export function beliefsIn({ evidence }: Pick<TrialRecord, "evidence">): Belief[] {
  const beliefs = new Map<string, Belief>();
  for (const told of evidence) {
    const { kind, who, fence, atMs } = told;
    const key = `${who} ${fence}`;
    if (kind === "held") beliefs.set(key, { who, fence, beganMs: atMs, lastMs: atMs, untilMs: atMs });
    const belief = beliefs.get(key);
    if (belief === undefined) continue;
    const { untilMs } = belief;
    if (kind === "believed") {
      beliefs.set(key, { ...belief, lastMs: atMs, untilMs: Math.max(untilMs, told.untilMs) });
    }
    // Whoever lets go makes no claim on the time that is left.
    if (kind === "ended" && told.why === "let go")
      beliefs.set(key, { ...belief, lastMs: atMs, untilMs: atMs });
  }
  return [...beliefs.values()];
}

export function heldIn({ evidence }: Pick<TrialRecord, "evidence">): Held[] {
  return evidence.filter((told) => told.kind === "held");
}

export function answersIn({ evidence }: Pick<TrialRecord, "evidence">): Answered[] {
  return evidence.filter((told) => told.kind === "answered");
}

export function claimsByFence({ claims }: Pick<TrialRecord, "claims">): Map<number, ClaimRecord> {
  return new Map(claims.map((claim) => [claim.fence, claim]));
}

function isThere({ fence, end }: ClaimRecord, zxid: number): boolean {
  return fence <= zxid && (end === null || end.zxid > zxid);
}

export function isRefusal({ outcome }: Answered): boolean {
  return typeof outcome === "string" && outcome !== "unknown";
}

function nameOf({ fence, number }: WriteRecord | Answered): string {
  return `${number} of ${fence}`;
}
