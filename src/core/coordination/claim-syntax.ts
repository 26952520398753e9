// What can be said of a command about a lock, an election, a counter or a barrier without looking at the tree.

import type { WriteContext } from "../command.ts";
import { KeeperError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { validateName } from "../tree/path.ts";
import { readyName } from "./barriers.ts";
import type { ClaimCommand, EndLockDelay } from "./coordination-command.ts";
import { lockDelayMsMax, permitsMax } from "./lock-settings.ts";

/** Characters of the name of a lock or an election, and of whatever else has one. */
export const nameLengthMax = 255;

/** @throws KeeperError when the command is malformed, whatever the tree looks like: names first, then the session */
export function validateClaimCommand(command: ClaimCommand | EndLockDelay, limits: Limits): void {
  validateResourceName(command.name);
  switch (command.type) {
    case "claimLock":
      requireSession(command);
      validatePermits(command.permits);
      if (command.mode === "shared" && (command.permits ?? 1) > 1) throw sharedPermits();
      validateSize(command.metadata, limits);
      return;
    case "configureLock":
      validatePermits(command.permits);
      validateLockDelay(command.lockDelayMs);
      return;
    case "standForElection":
      requireSession(command);
      validateSize(command.value, limits);
      return;
    case "changeCandidate":
      validateName(command.id);
      requireSession(command);
      validateSize(command.value, limits);
      return;
    case "releaseClaim":
    case "resign":
      validateName(command.id);
      if (command.force !== true) requireSession(command);
      return;
    case "addToCounter":
      validateAdded(command.by);
      return;
    case "enterBarrier":
    case "leaveBarrier":
      if (command.participant !== undefined) validateParticipant(command.participant);
      if (command.count !== undefined) validateCount(command.count, limits);
      requireSession(command);
      return;
    case "endLockDelay":
  }
}

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
    "What is claimed, registered or entered belongs to a session: open one with POST /v1/sessions and send its Session-Token.",
  );
}

function validateAdded(by: number): void {
  if (Number.isSafeInteger(by)) return;
  throw new KeeperError("bad_request", `by is an integer within 2^53-1, not ${by}.`);
}

/** The mark of an open barrier stands among its participants. */
function validateParticipant(participant: string): void {
  validateResourceName(participant);
  if (participant !== readyName) return;
  throw new KeeperError(
    "reserved_path",
    `${readyName} is the mark of a barrier that is open; choose another name for the participant.`,
  );
}

function validateCount(count: number, { barrierCountMax }: Limits): void {
  if (Number.isSafeInteger(count) && count >= 1 && count <= barrierCountMax) return;
  throw new KeeperError("bad_request", `count is an integer from 1 to ${barrierCountMax}, not ${count}.`, {
    ...(count > barrierCountMax && { limit: "barrierCountMax", limitValue: barrierCountMax, size: count }),
  });
}

function validatePermits(permits: number | undefined): void {
  if (permits === undefined || (Number.isSafeInteger(permits) && permits >= 1 && permits <= permitsMax))
    return;
  throw new KeeperError("bad_request", `permits is an integer from 1 to ${permitsMax}, not ${permits}.`);
}

function validateLockDelay(lockDelayMs: number | undefined): void {
  if (lockDelayMs === undefined) return;
  if (Number.isSafeInteger(lockDelayMs) && lockDelayMs >= 0 && lockDelayMs <= lockDelayMsMax) return;
  throw new KeeperError(
    "bad_request",
    `lockDelayMs is an integer from 0 to ${lockDelayMsMax}, not ${lockDelayMs}.`,
  );
}

function sharedPermits(): KeeperError {
  return new KeeperError(
    "bad_request",
    "A claim of one permit among several is exclusive; leave out mode or permits.",
  );
}

function validateSize(data: Uint8Array, { metadataBytesMax }: Limits): void {
  if (data.byteLength <= metadataBytesMax) return;
  throw new KeeperError(
    "too_large",
    `What is said of a claim has at most ${metadataBytesMax} bytes; this has ${data.byteLength}.`,
    { limit: "metadataBytesMax", limitValue: metadataBytesMax, size: data.byteLength },
  );
}
