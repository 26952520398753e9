// Places in the queues of locks and elections, as requests take them and wait for them to hold. A request is answered
// when its own claim holds, or is gone, and is left alone by everything else.

import { type Claim, keyOf, type ReadonlyClaimQueue } from "../core/coordination/claim-queue.ts";
import { isLockPath } from "../core/coordination/claims.ts";
import type {
  ClaimLock,
  ReleaseClaim,
  Resign,
  StandForElection,
} from "../core/coordination/coordination-command.ts";
import { noClaim } from "../core/coordination/plan-claims.ts";
import { type ErrorCode, KeeperError } from "../core/errors.ts";
import { type ReadContext, systemContext } from "../core/reader.ts";
import { parentPath } from "../core/tree/path.ts";
import type { Commit } from "../core/txn.ts";
import type { Store } from "../store/store.ts";
import type { Attendance } from "./attendance.ts";
import { giveUp } from "./give-up.ts";
import { OpenAttempts } from "./open-attempts.ts";
import { type Wait, Waits } from "./waits.ts";

/** Where a claim stands. */
export interface Place {
  readonly claim: Claim;
  readonly isHeld: boolean;
  /** Among those who wait, 1 is next; 0 for one who holds. */
  readonly position: number;
}

export interface TakenPlace {
  readonly commit: Commit<"claimLock" | "standForElection">;
  readonly place: Place;
  /** How long the session is surely alive, for one that holds. */
  readonly validForMs: number;
}

/** A claim as a request has made or found it. */
interface KnownClaim {
  /** Of the lock or election. */
  readonly path: string;
  readonly id: string;
  readonly fence: number;
}

/** How a wait ends: `stopping` says nothing of the claim, which keeps its place. */
export type QueueEnd = "held" | "gone" | "stopping";

export class QueuePlaces {
  readonly #store: Store;
  /** By the queue's path, each claim as its `keyOf`. */
  readonly #waits = new Waits<QueueEnd>();
  readonly #attempts = new OpenAttempts();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Takes a place in the queue and waits there until it holds, or until the time is up. Null when the asker has gone
   * before it was told: what it asked for alone is given up.
   * @throws KeeperError what the command is refused for; `session_expired` or `no_claim` when the place is gone
   */
  async take(asked: Attendance, command: ClaimLock | StandForElection): Promise<TakenPlace | null> {
    if (asked.comesBack) return this.#takeFor(asked, command);
    const attempt = this.#attempts.begin();
    try {
      return await this.#takeFor(asked, { ...command, attempt });
    } finally {
      this.#attempts.end(attempt);
    }
  }

  async #takeFor(asked: Attendance, command: ClaimLock | StandForElection): Promise<TakenPlace | null> {
    const commit = await this.#store.submit(command);
    const { id, path: claimPath, fence } = commit.outcome;
    const claim = { path: parentPath(claimPath), id, fence };
    await this.#untilHeld(asked, claim);
    const isHeld = this.#samePlace(asked.context, claim)?.isHeld === true;
    const validForMs = isHeld ? await asked.validForMs() : 0;
    const { attempt: ifAttempt } = command;
    // Looked at last: whoever leaves before there is nothing left to wait for has not been told.
    if (ifAttempt === undefined || !asked.hasLeft)
      return { commit, place: this.#placeOf(asked, claim), validForMs };
    await giveUp(this.#store, { ...releaseOf(command, { id, ifAttempt }), ...asked.namespace });
    return null;
  }

  /**
   * Waits until a claim that was made before holds, or until the time is up. The session whose claim it is knows of it,
   * and keeps it whatever becomes of the request that made it.
   * @throws KeeperError `session_expired`, or `no_claim` when there is none
   */
  async find(asked: Attendance, path: string, id: string): Promise<Place> {
    const session = asked.session();
    const claim = this.place(asked.context, path, id)?.claim;
    if (claim === undefined) throw noClaim(path, id);
    if (session !== undefined && session.id === claim.owner) await this.#keep(asked, claim);
    const found = { path, id, fence: claim.fence };
    await this.#untilHeld(asked, found);
    return this.#placeOf(asked, found);
  }

  /** Undefined when there is no such claim. @param path of the lock or election */
  place(context: ReadContext, path: string, id: string): Place | undefined {
    const queue = this.#store.reader(context).queue(path);
    const claim = queue?.get(id);
    if (queue === undefined || claim === undefined) return undefined;
    return { claim, isHeld: queue.isHeld(claim), position: Math.max(0, queue.positionOf(claim)) };
  }

  /** A lock that was deleted and made again numbers its claims anew: the name alone may be another's by now. */
  #samePlace(context: ReadContext, { path, id, fence }: KnownClaim): Place | undefined {
    const place = this.place(context, path, id);
    return place?.claim.fence === fence ? place : undefined;
  }

  #placeOf(asked: Attendance, claim: KnownClaim): Place {
    const place = this.#samePlace(asked.context, claim);
    if (place !== undefined) return place;
    asked.session();
    throw noClaim(claim.path, claim.id);
  }

  async #untilHeld(asked: Attendance, known: KnownClaim): Promise<void> {
    const place = this.#samePlace(asked.context, known);
    if (place === undefined || place.isHeld || asked.waitMs === 0) return;
    await asked.waitFor(() => this.wait(asked.inTree(known.path), place.claim));
  }

  /** Costs a write, once, where a request may still give the place up. */
  async #keep(asked: Attendance, { path: shown, fence: czxid, owner }: Claim): Promise<void> {
    const path = asked.inTree(shown);
    const attempts = this.#store.reader(systemContext).get(path)?.attempts ?? [];
    if (this.#attempts.areOver(attempts)) return;
    try {
      await this.#store.submit({ type: "keepPlace", path, czxid, sessionId: owner as string });
    } catch (error) {
      // A look must be possible without room to write: then the request that made the place may still give it up.
      if (!(error instanceof KeeperError) || !cannotWrite.has(error.code)) throw error;
    }
  }

  /** Waits until the claim holds or is gone. @param path of the lock or election in the whole tree */
  wait(path: string, claim: Claim): Wait<QueueEnd> {
    return this.#waits.wait(path, keyOf(claim));
  }

  /** The claim is no more. @param path of the lock or election in the whole tree */
  gone(path: string, claim: Claim): void {
    this.#waits.answer(path, keyOf(claim), "gone");
  }

  /** The queue has changed: answers those who hold now, first come first. @param path of it in the whole tree */
  settle(path: string, queue: ReadonlyClaimQueue | undefined): void {
    if (queue === undefined) return;
    for (let key = this.#waits.first(path); key !== undefined; key = this.#waits.first(path)) {
      const claim = queue.withKey(key);
      if (claim === undefined || !queue.isHeld(claim)) return;
      this.#waits.answer(path, key, "held");
    }
  }

  /** Requests that wait, by what they wait for. */
  waiters(): { readonly locks: number; readonly elections: number } {
    const { namespaces } = this.#store.access;
    const waiters = { locks: 0, elections: 0 };
    for (const { place, count } of this.#waits.counts()) {
      waiters[namespaces.keeps(place, isLockPath) ? "locks" : "elections"] += count;
    }
    return waiters;
  }

  /** Every wait ends; the claims keep their places, for the next start. */
  stop(): void {
    this.#waits.stop("stopping");
  }
}

const cannotWrite: ReadonlySet<string> = new Set(["read_only", "suspended"] satisfies ErrorCode[]);

/** The name of what is given up is that of what was taken. */
function releaseOf(
  { type, name, sessionId }: ClaimLock | StandForElection,
  given: { readonly id: string; readonly ifAttempt: string },
): ReleaseClaim | Resign {
  const release = { name, ...given, ...(sessionId !== undefined && { sessionId }) };
  return type === "claimLock" ? { type: "releaseClaim", ...release } : { type: "resign", ...release };
}
