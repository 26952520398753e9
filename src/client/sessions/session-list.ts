// Sessions as others see them: all there are, and one with what it owns.

import type { Standing } from "../../core/coordination/claim-view.ts";
import type { Registered } from "../../core/coordination/instances.ts";
import type { Call, Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";

/** A session as others see it. */
export interface SessionSummary {
  readonly id: string;
  readonly name: string;
  readonly state: "open" | "closing";
  readonly timeoutMs: number;
  /** Until it would expire if it stayed silent. */
  readonly remainingMs: number;
  readonly openedAtMs: number;
  readonly openedZxid: number;
  readonly ephemeralCount: number;
}

export interface SessionDescription extends SessionSummary {
  readonly ephemerals: readonly string[];
  /** Those of them that are claims on locks or candidates of elections, and where each stands. */
  readonly claims: readonly Standing[];
  /** Those of them that are instances of services. */
  readonly instances: readonly Registered[];
}

interface Paged {
  readonly next?: string;
}

interface SessionPage extends Paged {
  readonly sessions: readonly SessionSummary[];
}

/** Of what a session owns. */
const ownedPage = { limit: 10_000 };

/** Page by page, in order of their ids. */
export async function* listSessions(
  caller: Caller,
  options: CallOptions,
): AsyncGenerator<SessionSummary, void, undefined> {
  let after: string | undefined;
  do {
    const page = await read<SessionPage>(caller, "v1/sessions", options, { after });
    yield* page.sessions;
    after = page.next;
  } while (after !== undefined);
}

/** With all that it owns. @throws RequestError `session_expired` when there is no such session */
export async function readSession(
  caller: Caller,
  id: string,
  options: CallOptions,
): Promise<SessionDescription> {
  const path = `v1/sessions/${segmentOf(id)}`;
  const readPage = (after?: string) =>
    read<SessionDescription & Paged>(caller, path, options, { ...ownedPage, after });
  let { next, ...description } = await readPage();
  while (next !== undefined) {
    const page = await readPage(next);
    description = {
      ...page,
      ephemerals: [...description.ephemerals, ...page.ephemerals],
      claims: [...description.claims, ...page.claims],
      instances: [...description.instances, ...page.instances],
    };
    next = page.next;
  }
  return description;
}

async function read<T>(
  caller: Caller,
  path: string,
  { signal, timeoutMs }: CallOptions,
  query: NonNullable<Call["query"]>,
): Promise<T> {
  const call = { method: "GET", path, query, repeat: "harmless", signal, timeoutMs } as const;
  return (await caller.send(call)).body as T;
}
