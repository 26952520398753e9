// What can be said of a name, and of what goes with it, without looking at the tree.

import { KeeperError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { validateName } from "../tree/path.ts";
import type { WriteContext } from "../write-context.ts";

/** Characters of the name of a lock or an election, and of whatever else has one. */
export const nameLengthMax = 255;

export function validateResourceName(name: string): void {
  validateName(name);
  if (name.length <= nameLengthMax) return;
  throw new KeeperError(
    "bad_path",
    `A name has at most ${nameLengthMax} characters; this one has ${name.length}.`,
    { limit: "nameLengthMax", limitValue: nameLengthMax, size: name.length },
  );
}

export function requireSession({ sessionId }: WriteContext): void {
  if (sessionId !== undefined) return;
  throw new KeeperError(
    "session_required",
    "Claims, instances and participants belong to a session: open one with POST /v1/sessions and send its Session-Token.",
  );
}

interface Claimant extends WriteContext {
  /** Of the lock or election. */
  readonly name: string;
  /** Of the claim. */
  readonly id: string;
}

/** Names first, then the session. */
export function validateOwnClaim(command: Claimant): void {
  validateResourceName(command.name);
  validateName(command.id);
  requireSession(command);
}

/** Nobody but the owner, unless forced. */
export function validateRelease(command: Claimant & { readonly force?: boolean }): void {
  validateResourceName(command.name);
  validateName(command.id);
  if (command.force !== true) requireSession(command);
}

export function validateMetadata(data: Uint8Array, { metadataBytesMax }: Limits): void {
  if (data.byteLength <= metadataBytesMax) return;
  throw new KeeperError(
    "too_large",
    `The metadata of a claim has at most ${metadataBytesMax} bytes; this has ${data.byteLength}.`,
    { limit: "metadataBytesMax", limitValue: metadataBytesMax, size: data.byteLength },
  );
}
