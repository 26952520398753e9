// What a client asks of locks and elections, as plain data, and all that is built on the tree together. A claim and a candidate are the same thing to the tree;
// their commands differ in what a client may say about them.

import type { ClaimMode } from "./claim-queue.ts";
import type { WriteContext } from "./command.ts";
import type { ServiceCommand, ServiceOutcomes } from "./service-command.ts";

/** Takes a place in the queue; whether it holds follows from the place. A session has one place at most. */
export interface ClaimLock extends WriteContext {
  readonly type: "claimLock";
  readonly name: string;
  readonly mode: ClaimMode;
  /** What the lock's permits must be; a lock that nobody claims is given them. */
  readonly permits?: number;
  /** Data of the claim's znode. */
  readonly metadata: Uint8Array;
  /** `refuse`: take no place unless it holds at once. */
  readonly orElse: "wait" | "refuse";
}

/** Members that are absent stay as they are. */
export interface ConfigureLock extends WriteContext {
  readonly type: "configureLock";
  readonly name: string;
  readonly permits?: number;
  readonly lockDelayMs?: number;
}

/** Nobody but the owner, unless forced. */
export interface ReleaseClaim extends WriteContext {
  readonly type: "releaseClaim";
  readonly name: string;
  readonly id: string;
  readonly force?: boolean;
}

/** Ends this very delay: one that was prolonged since has another end. */
export interface EndLockDelay {
  readonly type: "endLockDelay";
  readonly name: string;
  readonly delayUntilMs: number;
}

export interface StandForElection extends WriteContext {
  readonly type: "standForElection";
  readonly name: string;
  /** Data of the candidate's znode. */
  readonly value: Uint8Array;
}

export interface ChangeCandidate extends WriteContext {
  readonly type: "changeCandidate";
  readonly name: string;
  readonly id: string;
  readonly value: Uint8Array;
}

export interface Resign extends WriteContext {
  readonly type: "resign";
  readonly name: string;
  readonly id: string;
  readonly force?: boolean;
}

/** Those a client sends. */
export type ClaimCommand =
  | ClaimLock
  | ConfigureLock
  | ReleaseClaim
  | StandForElection
  | ChangeCandidate
  | Resign;

export type CoordinationCommand = ClaimCommand | EndLockDelay | ServiceCommand;

/** A session's place in a queue. */
export interface Claimed {
  readonly id: string;
  readonly path: string;
  readonly fence: number;
}

export interface Released {
  /** The session whose claim it was, null for a znode without one; absent when it was gone already. */
  readonly owner?: string | null;
}

export interface CoordinationOutcomes extends ServiceOutcomes {
  claimLock: Claimed;
  configureLock: { readonly path: string };
  releaseClaim: Released;
  endLockDelay: { readonly path: string };
  standForElection: Claimed;
  changeCandidate: Claimed;
  resign: Released;
}
