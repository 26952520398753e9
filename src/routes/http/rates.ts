// How fast one client may ask, by what asking costs. A request that finds its client's bucket empty is refused before
// anything is done for it; what turns out to cost more, by its size, is taken afterwards. Long work, once it was let in, goes on
// as fast as its client may ask. Without a rate nothing of it is there.

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import { Buckets } from "./buckets.ts";
import { addressOf } from "./client-address.ts";
import { type Cost, costOfNoRoute, priceRoutes, unitsOfBody, unitsOfBytes, znodesPerUnit } from "./costs.ts";
import type { AnswerStep, RequestStep } from "./every-request.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { isGone } from "./gone.ts";
import type { HttpLimits } from "./http-limits.ts";
import { shareHolderAt, shareHolderOf } from "./share-holder.ts";

type RateLimits = Pick<HttpLimits, "ratePerSecond" | "rateBurst">;

/**
 * Takes what so many znodes cost, and resolves when the client has something left, or is gone: then the work goes on with
 * its next part. The last part is in the price of the request.
 */
export type Pace = (znodes: number) => Promise<void>;

/** Long work looks so often at whether its client is still there. */
const lookEveryMs = 1000;

/** Totals count since the start. */
export interface RatesStats {
  /** Clients whose rate is kept; 0 where there is none. */
  readonly clients: number;
  readonly refusedTotal: number;
}

export class Rates {
  readonly #limits: RateLimits;
  readonly #clock: Clock;
  readonly #buckets: Buckets | null;
  #refused = 0;

  constructor(limits: RateLimits, clock: Clock) {
    const { ratePerSecond: perSecond, rateBurst: burst } = limits;
    const { rateClientsMax: holdersMax } = fixedLimits;
    this.#limits = limits;
    this.#clock = clock;
    this.#buckets = perSecond === 0 ? null : new Buckets({ perSecond, burst, holdersMax }, clock);
  }

  stats(): RatesStats {
    return { clients: this.#buckets?.count ?? 0, refusedTotal: this.#refused };
  }

  /** Call before any route is added; call what it returns after the last one. */
  priceRoutes(app: FastifyInstance): () => void {
    const buckets = this.#buckets;
    if (buckets === null) return () => {};
    app.addHook("onRoute", (route) => {
      if (route.method !== "POST" && route.method !== "PUT") return;
      route.preHandler = [
        ...[route.preHandler ?? []].flat(),
        (request, _reply, done) => {
          const units = unitsOfBody(request);
          if (units > 0) buckets.charge(shareHolderOf(request), units);
          done();
        },
      ];
    });
    return priceRoutes(app);
  }

  /** Before it is known who asks: by the address, so that guessing who one might be is not free. */
  requestSteps(): RequestStep[] {
    const buckets = this.#buckets;
    if (buckets === null) return [];
    return [(request) => this.#letIn(request, buckets, shareHolderAt(addressOf(request)))];
  }

  /** And by who it is, once that is known. */
  callerSteps(): RequestStep[] {
    const buckets = this.#buckets;
    if (buckets === null) return [];
    return [
      (request) => {
        const by = request.caller?.permits.by ?? null;
        return by === null ? true : this.#letIn(request, buckets, by);
      },
    ];
  }

  answerSteps(): AnswerStep[] {
    return this.#buckets === null ? [] : [(request, _reply, payload) => this.#charge(request, payload)];
  }

  /** @throws KeeperError `throttled` when its client has nothing left */
  #letIn(request: FastifyRequest, buckets: Buckets, holder: string): true {
    const { units, isOnCredit } = costOf(request);
    const cost = typeof units === "number" ? units : units(request);
    if (cost === 0) return true;
    const retryAfterSeconds = buckets.take(holder, cost, isOnCredit);
    if (retryAfterSeconds === 0) return true;
    this.#refused += 1;
    const { ratePerSecond: limitValue } = this.#limits;
    const message = `This client asks for more than ${limitValue} a second, as requests are counted here; nothing was done.`;
    throw new KeeperError("throttled", message, { limit: "ratePerSecond", limitValue, retryAfterSeconds });
  }

  /** Of an answer that comes in parts, when it has ended: by then its size is known. */
  #charge(request: FastifyRequest, payload: unknown): unknown {
    if (typeof payload === "string" || Buffer.isBuffer(payload)) {
      this.#chargeBytes(request, payload.length);
    } else if (payload instanceof Readable && "producedBytes" in payload) {
      payload.once("close", () => this.#chargeBytes(request, payload.producedBytes as number));
    }
    return payload;
  }

  #chargeBytes(request: FastifyRequest, bytes: number): void {
    const units = unitsOfBytes(bytes);
    if (units === 0 || costOf(request).units === 0) return;
    this.#buckets?.charge(shareHolderOf(request), units);
  }

  /** For long work of the request: what it is to call between two parts. */
  paceFor(request: FastifyRequest, { raw }: FastifyReply): Pace {
    const buckets = this.#buckets;
    if (buckets === null) return async () => {};
    const holder = shareHolderOf(request);
    return async (znodes) => {
      buckets.charge(holder, Math.floor(znodes / znodesPerUnit));
      for (let ms = buckets.debtMs(holder); ms > 0 && !isGone(raw); ms = buckets.debtMs(holder)) {
        await new Promise<void>((resolve) => this.#clock.setTimer(Math.min(ms, lookEveryMs), resolve));
      }
    };
  }
}

function costOf({ routeOptions }: FastifyRequest): Cost {
  return routeOptions.config.cost ?? costOfNoRoute;
}
