// Sessions that have ended, and why, as far as the server remembers. It is told to admins.

import type { Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";

export interface EndedSession {
  readonly id: string;
  readonly name: string;
  readonly reason: "expired" | "closed";
  /** The same for people, with figures. */
  readonly why: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  /** When the server last heard of it. */
  readonly lastHeardAtMs: number;
  readonly endedAtMs: number;
  /** The transaction that ended it, and how many znodes went in that. */
  readonly zxid: number;
  readonly ephemeralCount: number;
  /** Who opened it at this server: an identity, or a network. */
  readonly openedBy?: string;
  /** Who had this server close it; null where nobody is asked who they are. */
  readonly closedBy?: string | null;
}

interface EndedSessionPage {
  readonly sessions: readonly EndedSession[];
  readonly next?: string;
}

const endedPath = "v1/admin/ended-sessions";

/** The last first. */
export async function* listEndedSessions(
  caller: Caller,
  options: CallOptions,
): AsyncGenerator<EndedSession, void, undefined> {
  const { signal, timeoutMs } = options;
  let after: string | undefined;
  do {
    const call = { method: "GET", path: endedPath, query: { after }, repeat: "harmless" } as const;
    const page = (await caller.send({ ...call, signal, timeoutMs })).body as EndedSessionPage;
    yield* page.sessions;
    after = page.next;
  } while (after !== undefined);
}

/** @throws RequestError `no_route` for one that is not remembered */
export async function readEndedSession(
  caller: Caller,
  id: string,
  { signal, timeoutMs }: CallOptions,
): Promise<EndedSession> {
  const call = { method: "GET", path: `${endedPath}/${segmentOf(id)}`, repeat: "harmless" } as const;
  return (await caller.send({ ...call, signal, timeoutMs })).body as EndedSession;
}
