// Sessions that have ended, and why: what an operator is asked in the morning. The last of them are kept in memory, so it is
// known since the start of this server at most; the log of the process and the audit log reach back further. It is told
// to operators alone: to everybody else all ways in which a session can be gone are one (N5).

import type { Session } from "../core/session.ts";

/** Ends that are remembered; the oldest are forgotten. */
export const endedSessionsMax = 4096;

type SessionEndReason = "expired" | "closed";

export interface EndedSession {
  readonly id: string;
  readonly name: string;
  readonly reason: SessionEndReason;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  readonly endedAtMs: number;
  /** By this server. Of one that was found at the start and said nothing since, when it was found. */
  readonly lastHeardAtMs: number;
  /** The transaction that ended it. */
  readonly zxid: number;
  /** Znodes that went in that transaction. */
  readonly ephemeralCount: number;
  /** Who opened it here, by address or identity. */
  readonly openedBy?: string;
  /** Who asked this server to close it; null where nobody is asked who they are. */
  readonly closedBy?: string | null;
}

export class EndedSessions {
  /** When it began to remember. */
  readonly sinceMs: number;
  /** The oldest first. */
  readonly #ended = new Map<string, EndedSession>();

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  add(ended: EndedSession): void {
    this.#ended.set(ended.id, ended);
    if (this.#ended.size <= endedSessionsMax) return;
    for (const oldest of this.#ended.keys()) return void this.#ended.delete(oldest);
  }

  get(id: string): EndedSession | undefined {
    return this.#ended.get(id);
  }

  /** The last first, from behind the one of this id; `next` is where to go on, null at the end. */
  list({ after, limit }: { after?: string | undefined; limit: number }) {
    const all = [...this.#ended.values()].reverse();
    // What was forgotten meanwhile was the oldest: nothing is behind it.
    const begin = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1 || all.length;
    const page = all.slice(begin, begin + limit);
    return { sessions: page, next: begin + limit < all.length ? (page.at(-1)?.id ?? null) : null };
  }
}

/** What there is to know of an end when it comes. */
export interface SessionEndFacts
  extends Pick<EndedSession, "reason" | "endedAtMs" | "zxid" | "ephemeralCount"> {
  readonly silentMs: number;
  readonly openedBy: string | undefined;
  readonly closedBy: string | null | undefined;
}

export function endedSession(session: Session, facts: SessionEndFacts): EndedSession {
  const { id, name, timeoutMs, openedAtMs } = session;
  const { silentMs, openedBy, closedBy, ...rest } = facts;
  return {
    ...{ id, name, timeoutMs, openedAtMs },
    ...rest,
    lastHeardAtMs: Math.max(openedAtMs, Math.round(facts.endedAtMs - silentMs)),
    ...(openedBy !== undefined && { openedBy }),
    ...(closedBy !== undefined && { closedBy }),
  };
}

/** Why it ended, for people. */
export function whyEnded({ reason, timeoutMs, endedAtMs, lastHeardAtMs, closedBy }: EndedSession): string {
  if (reason === "closed") {
    const by = closedBy === undefined || closedBy === null ? "" : ` by ${closedBy}`;
    return closedBy === undefined ? "It was closed at another server." : `It was closed on request${by}.`;
  }
  return (
    `Nothing was heard of it for ${inSeconds(endedAtMs - lastHeardAtMs)} s, and its timeout was ` +
    `${inSeconds(timeoutMs)} s: its client has ended, stood still, or could not reach the service.`
  );
}

function inSeconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}
