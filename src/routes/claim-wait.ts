// How a request waits for its claim to hold: for so long, as long as its client is there, and with its session kept
// alive meanwhile. Who goes away before the answer gives up the place, unless a key says that it will come back.

import type { FastifyReply, FastifyRequest } from "fastify";
import type { Coordination, Place } from "../coordination/coordination.ts";
import { KeeperError } from "../core/errors.ts";
import { noClaim } from "../core/plan-claims.ts";
import type { Session } from "../core/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Store } from "../store/store.ts";
import { sessionTokenOf } from "./parts.ts";

export interface ClaimWaitParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly coordination: Coordination;
}

/** A request about claims, from its arrival on: it knows when its client goes away. */
export class ClaimRequest {
  readonly #parts: ClaimWaitParts;
  readonly #token: string | undefined;
  readonly #keepsPlace: boolean;
  readonly #arrivedMs: number;
  readonly #clientLeft: Promise<void>;
  #isClientGone = false;

  /** Renews the session whose token the request carries, if it does (N7). */
  constructor(request: FastifyRequest, reply: FastifyReply, parts: ClaimWaitParts) {
    this.#parts = parts;
    this.#arrivedMs = parts.store.clock.monotonicMs();
    this.#token = sessionTokenOf(request);
    this.#keepsPlace = request.headers["idempotency-key"] !== undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clientLeft = promise;
    reply.raw.once("close", () => {
      this.#isClientGone = !reply.raw.writableFinished;
      resolve();
    });
  }

  /** Undefined when the request carries no token. @throws KeeperError `session_expired` */
  session(): Session | undefined {
    return this.#token === undefined ? undefined : this.#parts.sessions.authenticate(this.#token);
  }

  /**
   * Where the claim stands when it holds, when the time is up or when the client has gone.
   * @param claim `isNew` when this request has made it
   * @throws KeeperError `session_expired` or `no_claim` when it is gone
   */
  async holdWithin(
    waitMs: number,
    claim: { path: string; id: string; isNew: boolean },
  ): Promise<PlaceOrLeft> {
    const { path, id } = claim;
    const before = this.#parts.coordination.place(path, id);
    let isAlone = claim.isNew;
    if (before !== undefined && !before.isHeld && waitMs > 0)
      isAlone = await this.#wait(waitMs, path, before);
    if (this.givesUp(isAlone)) return "left";
    const place = this.#parts.coordination.place(path, id);
    if (place !== undefined) return place;
    this.session();
    throw noClaim(path, id);
  }

  /** Says whether no other request waited for the same claim. */
  async #wait(waitMs: number, path: string, { claim }: Place): Promise<boolean> {
    return (await this.waitFor(waitMs, () => this.#parts.coordination.wait(path, claim))).isAlone;
  }

  /** Whether the client is gone, and what nobody else waits for is to go as well. */
  givesUp(isAlone: boolean): boolean {
    return this.#isClientGone && isAlone && !this.#keepsPlace;
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
    const cancelTimer = this.#parts.store.clock.setTimer(waitMs, resolve);
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

/** `left`: the client is gone, and its place is to go as well. */
export type PlaceOrLeft = Place | "left";

/** A release nobody asked for and nobody waits for: if it is refused, the claim was gone or goes with its session. */
export async function ignoreRefusal(release: Promise<unknown>): Promise<void> {
  try {
    await release;
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
  }
}
