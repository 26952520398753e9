// What a client asks of locks, elections, counters and barriers, as plain data, and all that is built on the tree
// together. A claim and a candidate are the same thing to the tree; their commands differ in what a client may say.

import type { OfNamespace, WriteContext } from "../write-context.ts";
import type { ClaimMode } from "./claim-queue.ts";
import type { Released } from "./released.ts";
import type { ServiceCommand, ServiceOutcomes } from "./service-command.ts";

/** What a command that takes a place may carry: the id of its request, which may give the place up (`ifAttempt`). */
interface Attempting {
  /** Absent when the request will come back for the place, whatever becomes of its connection. */
  readonly attempt?: string;
}

/** What a command that gives a place up may carry. */
interface GivingUp extends OfNamespace {
  /** Give up what that attempt has in the place: it goes only when no other request stands for it. */
  readonly ifAttempt?: string;
}

/** Takes a place in the queue; whether it holds follows from the place. A session has one place at most. */
export interface ClaimLock extends WriteContext, Attempting {
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
export interface ReleaseClaim extends WriteContext, GivingUp {
  readonly type: "releaseClaim";
  readonly name: string;
  readonly id: string;
  readonly force?: boolean;
}

/** Ends this very delay: one that was prolonged since has another end. */
export interface EndLockDelay extends OfNamespace {
  readonly type: "endLockDelay";
  readonly name: string;
  readonly delayUntilMs: number;
}

export interface StandForElection extends WriteContext, Attempting {
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

export interface Resign extends WriteContext, GivingUp {
  readonly type: "resign";
  readonly name: string;
  readonly id: string;
  readonly force?: boolean;
}

/** Adds to the decimal text that the counter's znode holds; makes the counter when there is none. */
export interface AddToCounter extends WriteContext {
  readonly type: "addToCounter";
  readonly name: string;
  readonly by: number;
}

/** Is in from now on; the one that makes it `count` opens the barrier, in the same transaction. */
export interface EnterBarrier extends WriteContext, Attempting {
  readonly type: "enterBarrier";
  readonly name: string;
  readonly count: number;
  /** Names it among the others; the session's id when absent. */
  readonly participant?: string;
}

export interface LeaveBarrier extends WriteContext, GivingUp {
  readonly type: "leaveBarrier";
  readonly name: string;
  /** What the barrier's count must be, where that is stated. */
  readonly count?: number;
  readonly participant?: string;
}

/** The session knows of its place, so no request of it may give the place up by going away. */
export interface KeepPlace extends WriteContext {
  readonly type: "keepPlace";
  readonly path: string;
  readonly czxid: number;
}

export type CoordinationCommand =
  | ClaimLock
  | ConfigureLock
  | ReleaseClaim
  | EndLockDelay
  | StandForElection
  | ChangeCandidate
  | Resign
  | AddToCounter
  | EnterBarrier
  | LeaveBarrier
  | KeepPlace
  | ServiceCommand;

/** A session's place in a queue. */
export interface Claimed {
  readonly id: string;
  readonly path: string;
  readonly fence: number;
  /** Whether this command made the claim; otherwise it found it. */
  readonly made: boolean;
}

/** A counter before and after something was added to it. */
export interface Counted {
  readonly path: string;
  readonly previous: number;
  readonly value: number;
}

/** A participant that is in. */
export interface Entered {
  readonly participant: string;
  readonly path: string;
  /** Of its znode: whoever left and came back is another one. */
  readonly czxid: number;
  /** Whether this command let it in; otherwise it was in. */
  readonly made: boolean;
  /** The barrier with it. */
  readonly participantCount: number;
  readonly isOpen: boolean;
}

export interface Left {
  readonly participant: string;
  /** The round that others are still to leave, as the czxid of its mark; null when there is nobody to wait for. */
  readonly round: number | null;
  /** Those who are in without it. */
  readonly participantCount: number;
}

/** The settings of a lock as a write left them. */
export interface Configured {
  readonly path: string;
  readonly permits: number;
  readonly lockDelayMs: number;
}

export interface CoordinationOutcomes extends ServiceOutcomes {
  claimLock: Claimed;
  configureLock: Configured;
  releaseClaim: Released;
  endLockDelay: { readonly path: string };
  standForElection: Claimed;
  changeCandidate: Claimed;
  resign: Released;
  addToCounter: Counted;
  enterBarrier: Entered;
  leaveBarrier: Left;
  keepPlace: { readonly path: string };
}
