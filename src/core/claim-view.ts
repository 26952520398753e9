// A claim as people and programs are shown it: who it is, since when, and what it said of itself.

import type { Claim } from "./claim-queue.ts";
import type { State } from "./state.ts";

export interface ClaimView {
  readonly id: string;
  readonly path: string;
  readonly mode: Claim["mode"];
  readonly fence: number;
  /** Id of its session; null for a znode that was made by hand and has none. */
  readonly session: string | null;
  /** The name its session was given; empty when it has none. */
  readonly sessionName: string;
  /** The JSON value its data is, or its data as text; null when it is empty. */
  readonly metadata: unknown;
}

export function claimViewOf(state: State, claim: Claim): ClaimView {
  const { id, path, mode, fence, owner } = claim;
  const session = owner === null ? undefined : state.session(owner);
  const data = state.tree.get(path)?.data;
  return {
    ...{ id, path, mode, fence, session: owner, sessionName: session?.name ?? "" },
    metadata: metadataIn(data),
  };
}

/** What is longer was not written by a claim, and is not shown. */
const shownBytesMax = 65_536;

function metadataIn(data: Uint8Array | undefined): unknown {
  if (data === undefined || data.byteLength === 0 || data.byteLength > shownBytesMax) return null;
  const text = new TextDecoder().decode(data);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What a candidate stands for, as text. */
export function candidateValueOf(state: State, { path }: Claim): string {
  return new TextDecoder().decode(state.tree.get(path)?.data);
}
