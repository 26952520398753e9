// Sessions as they are shown: in a list, and one with what it owns.

import { type Standing, standingsOf } from "../core/coordination/claim-view.ts";
import { type Registered, registeredAt } from "../core/coordination/instances.ts";
import type { Reader } from "../core/reader.ts";
import type { Member } from "./members.ts";

export interface SessionSummary {
  readonly id: string;
  readonly name: string;
  readonly state: "open" | "closing";
  readonly timeoutMs: number;
  /** 0 once it is overdue. */
  readonly remainingMs: number;
  readonly openedAtMs: number;
  readonly openedZxid: number;
  readonly ephemeralCount: number;
}

export interface SessionDescription extends SessionSummary {
  /** In code-unit order. */
  readonly ephemerals: readonly string[];
  /** Those of them that are claims on locks or candidates of elections. */
  readonly claims: readonly Standing[];
  /** Those of them that are instances of services. */
  readonly instances: readonly Registered[];
  /** There are more ephemerals, after this one; null at the end. */
  readonly next: string | null;
}

/** Looked at through a reader, by which it is known what the session owns. */
export function summaryOf({ session, closing }: Member, remainingMs: number, reader: Reader): SessionSummary {
  const { id, name, timeoutMs, openedAtMs, openedZxid } = session;
  const ephemeralCount = reader.ephemeralsOf(id).size;
  const state = closing ? "closing" : "open";
  return { id, name, state, timeoutMs, remainingMs, openedAtMs, openedZxid, ephemeralCount };
}

/** With a page of what it owns, after this path. */
export function descriptionOf(
  summary: SessionSummary,
  reader: Reader,
  { after = "", limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number },
): SessionDescription {
  const owned = [...reader.ephemeralsOf(summary.id)].filter((path) => path > after).sort();
  const ephemerals = owned.slice(0, limit);
  const [claims, instances] = [standingsOf(reader, ephemerals), registeredAt(reader, ephemerals)];
  const next = owned.length > limit ? (ephemerals.at(-1) ?? null) : null;
  return { ...summary, ephemerals, claims, instances, next };
}
