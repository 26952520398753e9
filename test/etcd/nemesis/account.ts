// What a nemesis has seen, in numbers: a run in which nobody was acknowledged, lost a session or hopped proves nothing.

import { heldIn } from "../../trials/judge.ts";
import type { NemesisRecord, SessionRecord } from "./record.ts";

export interface Account {
  readonly changes: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly reads: number;
  readonly hops: number;
  readonly sessions: number;
  readonly expired: number;
  /** Of those that were kept until they were told that their session had ended. */
  readonly lost: number;
  readonly holds: number;
  /** Of those who held and were cut off or silent until another could hold. */
  readonly holdsExpired: number;
  /** Writes of those who hold no longer. */
  readonly lateRefused: number;
}

export function accountOf({ writes, reads, streams, sessions, trials, histories }: NemesisRecord): Account {
  const [history = []] = histories;
  const expiredClaims = trials.flatMap(({ claims }) =>
    claims.filter(({ end }) => end?.cause === "session_expired").map(({ fence }) => fence),
  );
  const held = trials.flatMap(heldIn);
  const evidence = trials.flatMap((trial) => trial.evidence);
  return {
    changes: history.length,
    acknowledged: writes.filter(({ outcome }) => typeof outcome === "number").length,
    refused: writes.filter(({ outcome }) => typeof outcome === "object").length,
    unknown: writes.filter(({ outcome }) => outcome === "unknown").length,
    reads: reads.length,
    hops: streams.reduce((sum, { hops }) => sum + hops, 0),
    sessions: sessions.length,
    expired: history.filter((text) => text.includes('"cause":"session_expired"')).length,
    lost: sessions.filter(isLost).length,
    holds: held.length,
    holdsExpired: held.filter(({ fence }) => expiredClaims.includes(fence)).length,
    lateRefused: evidence.filter((told) => told.kind === "answered" && told.outcome === "fence_stale").length,
  };
}

function isLost({ isLeft, keepalives }: SessionRecord): boolean {
  return !isLeft && keepalives.at(-1)?.outcome === "session_expired";
}

export function summaryOf(record: NemesisRecord): string {
  return Object.entries(accountOf(record))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}
