// How a request waits for its claim to hold: for so long, as long as its client is there, and with its session kept
// alive meanwhile. Who goes away before the answer gives up the place, unless a key says that it will come back.

import type { FastifyReply, FastifyRequest } from "fastify";
import type { Coordination, Place } from "../../coordination/coordination.ts";
import type { Claim } from "../../core/coordination/claim-queue.ts";
import type { LeaveBarrier, ReleaseClaim, Resign } from "../../core/coordination/coordination-command.ts";
import { noClaim } from "../../core/coordination/plan-claims.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Session } from "../../core/session.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Store } from "../../store/store.ts";
import { countWait } from "../http/connection-share.ts";
import { isGone } from "../http/gone.ts";
import { sessionTokenOf } from "../wire/parts.ts";
import { heldBackMs } from "../wire/wait-time.ts";

export interface ClaimWaitParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly coordination: Coordination;
}

/** A request about claims, from its arrival on: it knows when its client goes away. */
export class ClaimRequest {
  readonly #parts: ClaimWaitParts;
  readonly #reply: FastifyReply;
  readonly #token: string | undefined;
  readonly #keepsPlace: boolean;
  readonly #arrivedMs: number;
  readonly #clientLeft: Promise<void>;
  #isClientGone = false;
  #leaveWaiters = () => {};

  constructor(request: FastifyRequest, reply: FastifyReply, parts: ClaimWaitParts) {
    this.#parts = parts;
    this.#reply = reply;
    this.#arrivedMs = parts.store.clock.monotonicMs();
    this.#token = sessionTokenOf(request);
    this.#keepsPlace = request.headers["idempotency-key"] !== undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clientLeft = promise;
    const { raw } = reply;
    const closed = () => {
      // Over HTTP/2 a response that was cut off counts as finished; that it was ended is our own doing.
      this.#isClientGone = !raw.writableEnded;
      this.#leaveWaiters();
      resolve();
    };
    raw.once("close", closed);
    if (isGone(raw)) closed();
  }

  /** Before anything is done for a request that may wait. @throws KeeperError `throttled` when too many do */
  admit(waitMs: number): void {
    if (waitMs > 0) countWait(this.#reply);
    if (waitMs > 0 && !this.#isClientGone) this.#leaveWaiters = this.#parts.coordination.admitWaiter();
  }

  /** Undefined when the request carries no token. @throws KeeperError `session_expired` */
  session(): Session | undefined {
    return this.#token === undefined ? undefined : this.#parts.sessions.authenticate(this.#token);
  }

  /**
   * Where the claim stands when it holds, when the time is up or when the client has gone.
   * @throws KeeperError `session_expired` or `no_claim` when it is gone
   */
  async holdWithin(waitMs: number, claim: AskedClaim): Promise<PlaceOrLeft> {
    const { path, id } = claim;
    const before = this.#placeOf(claim);
    const fence = claim.fence ?? before?.claim.fence;
    const thing = `${path}/${id}@${fence}`;
    if (claim.made === true) this.#parts.coordination.untold.add(thing);
    const isOwner = before !== undefined && this.session()?.id === before.claim.owner;
    let isAlone = before === undefined || !this.#parts.coordination.isWaitedFor(path, before.claim);
    if (before !== undefined && !before.isHeld && waitMs > 0)
      isAlone = await this.#wait(waitMs, { path, claim: before.claim, isOwner });
    if (isOwner && this.givesUp(thing, isAlone)) return "left";
    const place = fence === undefined ? undefined : this.#placeOf({ path, id, fence });
    if (place !== undefined) return place;
    this.session();
    throw noClaim(path, id);
  }

  /** A lock that was deleted and made again numbers its claims anew: the name alone may be another's by now. */
  #placeOf({ path, id, fence }: AskedClaim): Place | undefined {
    const place = this.#parts.coordination.place(path, id);
    return fence === undefined || place?.claim.fence === fence ? place : undefined;
  }

  /** Says whether no other request of its session waited for the claim. */
  async #wait(waitMs: number, { path, claim, isOwner }: WaitedClaim): Promise<boolean> {
    const begin = () => this.#parts.coordination.wait(path, claim, isOwner);
    return (await this.waitFor(waitMs, begin)).isAlone;
  }

  /**
   * Whether what was waited for is to go: it was made for a client that is gone, that will not come back for it, and
   * its session was not told of it. Where other requests of that session wait for it, they are told or give it up.
   */
  givesUp(thing: string, isAlone: boolean): boolean {
    const { untold } = this.#parts.coordination;
    const isGoneForGood = this.#isClientGone && !this.#keepsPlace;
    if (isGoneForGood && !isAlone) return false;
    return untold.delete(thing) && isGoneForGood;
  }

  /**
   * Waits until it ends, the time is up or the client has gone; `end` is null but for the first of these.
   * @param begin called when the request's session was found alive
   * @throws KeeperError `session_expired`, and what `begin` throws
   */
  async waitFor<End>(waitMs: number, begin: () => EndingWait<End>): Promise<WaitResult<End>> {
    const session = this.session();
    const wait = begin();
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const cancelTimer = this.#parts.store.clock.setTimer(heldBackMs(waitMs), resolve);
    const stopRenewing = session === undefined ? cancelTimer : this.#renewWhileWaiting(session);
    const nothing = Promise.race([timeUp, this.#clientLeft]).then(() => null);
    const end = await Promise.race([wait.end, nothing]);
    stopRenewing();
    cancelTimer();
    return { end, isAlone: wait.leave() };
  }

  /** Its client can do nothing else with the session while it waits here: waiting is a sign of life. */
  #renewWhileWaiting({ timeoutMs }: Session): () => void {
    let cancel = () => {};
    const renewLater = () => {
      cancel = this.#parts.store.clock.setTimer(timeoutMs / 3, renew);
    };
    const renew = () => {
      try {
        this.session();
        renewLater();
      } catch (error) {
        // Its claims go with it, and the wait ends by that.
        if (!(error instanceof KeeperError)) throw error;
      }
    };
    renewLater();
    return () => cancel();
  }

  /**
   * How long the session is surely alive, counted from when the request was sent: it is renewed now, and that was not
   * earlier than the request's arrival plus the time spent here.
   */
  validForMs(): number {
    const spentMs = Math.floor(this.#parts.store.clock.monotonicMs() - this.#arrivedMs);
    return spentMs + (this.session()?.timeoutMs ?? 0);
  }
}

/** Something that is waited for. */
interface EndingWait<End> {
  readonly end: Promise<End>;
  /** Waits no longer. Says whether nobody else waited for the same. */
  leave(): boolean;
}

interface WaitResult<End> {
  readonly end: End | null;
  /** Whether no other request waited for the same. */
  readonly isAlone: boolean;
}

/** A claim as a request knows it. */
interface AskedClaim {
  /** Of the lock or election. */
  readonly path: string;
  readonly id: string;
  /** Whichever is there now when it is not given. */
  readonly fence?: number;
  /** Whether this request has made it. */
  readonly made?: boolean;
}

interface WaitedClaim {
  readonly path: string;
  readonly claim: Claim;
  readonly isOwner: boolean;
}

/** `left`: the client is gone, and its place is to go as well. */
export type PlaceOrLeft = Place | "left";

const retryMs = 100;

/**
 * Submits a release that nobody asked for and nobody waits for. It is not put off by a full queue; refused otherwise, the
 * claim was gone or goes with its session.
 * @param release for the session alone: the fences of the request that has gone may hold no longer
 */
export async function giveBack(store: Store, release: ReleaseClaim | Resign | LeaveBarrier): Promise<void> {
  for (;;) {
    try {
      await store.submit(release);
      return;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      if (error.code !== "throttled") return;
    }
    await new Promise<void>((resolve) => void store.clock.setTimer(retryMs, resolve));
  }
}
