// A claim as people and programs are shown it: who it is, since when, and what it said of itself.

import type { Reader } from "../reader.ts";
import { baseName } from "../tree/path.ts";
import type { ClaimView } from "./claim-facts.ts";
import type { Claim } from "./claim-queue.ts";
import { fenceHeaderOf } from "./fence-header.ts";

export function claimViewOf(reader: Pick<Reader, "get" | "session" | "epochs">, claim: Claim): ClaimView {
  const { id, path, mode, fence, owner } = claim;
  const session = owner === null ? undefined : reader.session(owner);
  const data = reader.get(path)?.data;
  return {
    ...{
      id,
      path,
      mode,
      fence,
      fenceHeader: fenceHeaderOf(reader.epochs, path, fence),
      session: owner,
      sessionName: session?.name ?? "",
    },
    metadata: metadataIn(data),
  };
}

/** What is longer was not written by a claim, and is not shown. */
const shownBytesMax = 65_536;
/** JSON that goes deeper was not either. It is shown as text: to write it down again would need too much stack. */
const shownDepthMax = 1000;

function metadataIn(data: Uint8Array | undefined): unknown {
  if (data === undefined || data.byteLength === 0 || data.byteLength > shownBytesMax) return null;
  const text = new TextDecoder().decode(data);
  try {
    const value: unknown = JSON.parse(text);
    return isWithinDepth(value, shownDepthMax) ? value : text;
  } catch {
    return text;
  }
}

function isWithinDepth(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depthMax > 0 && Object.values(value).every((member) => isWithinDepth(member, depthMax - 1));
}

/** A claim as it stands, in a few words. */
export interface Standing {
  readonly id: string;
  readonly path: string;
  readonly state: "held" | "leading" | "waiting";
  readonly fence: number;
  readonly fenceHeader: string;
  /** Among those who wait; 1 is next. */
  readonly position?: number;
}

/** Those of the znodes that are claims and candidates. */
export function standingsOf(reader: Reader, paths: readonly string[]): Standing[] {
  return paths.flatMap((path): Standing[] => {
    const queue = reader.queueOf(path);
    const claim = queue?.get(baseName(path));
    if (queue === undefined || claim === undefined) return [];
    const { id, fence } = claim;
    const base = { id, path, fence, fenceHeader: fenceHeaderOf(reader.epochs, path, fence) };
    const position = queue.positionOf(claim);
    if (position > 0) return [{ ...base, state: "waiting", position }];
    return [{ ...base, state: queue.kind === "election" ? "leading" : "held" }];
  });
}

/** What a candidate stands for, as text. */
export function candidateValueOf(reader: Pick<Reader, "get">, { path }: Claim): string {
  return new TextDecoder().decode(reader.get(path)?.data);
}
