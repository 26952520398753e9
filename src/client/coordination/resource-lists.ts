// What locks, elections, counters and barriers there are: each in a few words, page by page.

import type { Caller, CallOptions } from "../calls/calls.ts";

export interface ListOptions extends CallOptions {
  /** Only names that start so. */
  readonly prefix?: string | undefined;
}

export interface LockSummary {
  readonly name: string;
  readonly permits: number;
  readonly lockDelayMs: number;
  readonly holderCount: number;
  readonly waitingCount: number;
}

/** A place in the queue of a lock, as others see it. */
export interface LockClaim {
  readonly id: string;
  readonly path: string;
  readonly mode: "exclusive" | "shared";
  readonly fence: number;
  readonly fenceHeader: string;
  /** Null for a znode made by hand that is not ephemeral. */
  readonly session: string | null;
  readonly sessionName: string;
  /** What it said of itself. */
  readonly metadata: unknown;
}

export interface LockState {
  readonly name: string;
  readonly path: string;
  readonly permits: number;
  readonly lockDelayMs: number;
  /** The first of them; `holderCount` and `waitingCount` say how many there are. */
  readonly holders: readonly LockClaim[];
  readonly holderCount: number;
  readonly queue: readonly (LockClaim & { readonly position: number })[];
  readonly waitingCount: number;
  /** Until about then nobody new holds it: its last holder expired. */
  readonly delayUntilMs?: number;
}

export interface ElectionSummary {
  readonly name: string;
  /** Id of the candidate that leads; null where nobody stands. */
  readonly leader: string | null;
  readonly value: string | null;
  readonly term: number | null;
  readonly candidateCount: number;
}

export interface CounterSummary {
  readonly name: string;
  /** Null where the znode holds no whole number. */
  readonly value: number | null;
  readonly zxid: number;
}

export interface BarrierSummary {
  readonly name: string;
  /** Null where nobody has said for how many it opens. */
  readonly count: number | null;
  readonly participantCount: number;
  readonly open: boolean;
}

interface Summaries {
  locks: LockSummary;
  elections: ElectionSummary;
  counters: CounterSummary;
  barriers: BarrierSummary;
}

/** In order of their names. */
export async function* listResources<Kind extends keyof Summaries>(
  caller: Caller,
  kind: Kind,
  { prefix, signal, timeoutMs }: ListOptions,
): AsyncGenerator<Summaries[Kind], void, undefined> {
  let after: string | undefined;
  do {
    const call = { method: "GET", path: `v1/${kind}`, query: { prefix, after }, repeat: "harmless" } as const;
    const { body } = await caller.send({ ...call, signal, timeoutMs });
    yield* (body as Record<Kind, readonly Summaries[Kind][]>)[kind];
    after = (body as { readonly next?: string }).next;
  } while (after !== undefined);
}
