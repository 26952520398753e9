// A subtree deleted in parts: leaves first, each part a transaction, others served between them. What is gone stays gone
// when a later part is refused, and asking again goes on with what is left.

import type { DeletePart } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";
import type { WriteContext } from "../../core/write-context.ts";
import type { Store } from "../../store/store.ts";
import { submitWithPatience } from "../http/patience.ts";
import type { Pace } from "../http/rates.ts";

/** How far a delete is; the last one is its answer. */
export interface DeleteProgress {
  readonly path: string;
  /** Znodes this request has deleted. */
  readonly deleted: number;
  /** Znodes of the subtree that are left. */
  readonly remaining: number;
  readonly zxid: number;
}

/** Small enough to be one of many requests, for those who wait meanwhile. */
const part = { znodesMax: 1000, bytesMax: 256 * 1024 } as const;

type Asked = Pick<DeletePart, "path" | "version" | "ifMatch"> & WriteContext;

/** @param pace waited for between two parts @throws KeeperError with what was `deleted` before it */
export async function* deleteInParts(store: Store, asked: Asked, pace: Pace): AsyncGenerator<DeleteProgress> {
  const { path } = asked;
  let incarnation: Pick<DeletePart, "czxid"> = {};
  let deleted = 0;
  for (;;) {
    const { zxid, outcome } = await partOf(store, { ...asked, ...incarnation }, deleted);
    incarnation = { czxid: outcome.czxid };
    deleted += outcome.deleted;
    yield { path, deleted, remaining: outcome.remaining, zxid };
    if (outcome.remaining === 0) return;
    await pace(outcome.deleted);
  }
}

async function partOf(store: Store, asked: Asked & Pick<DeletePart, "czxid">, deleted: number) {
  try {
    return await submitWithPatience(store, { type: "deletePart", ...part, ...asked });
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    throw new KeeperError(error.code, error.message, { ...error.details, deleted });
  }
}
