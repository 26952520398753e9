// Who asks: found out once for each request, behind all that refuses it anyway and before its route. What is under
// /v1 is asked by somebody who is known, unless access control is off.

import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { Type } from "typebox";
import { hashSecret } from "../../access/secrets.ts";
import type { Tickets } from "../../access/tickets.ts";
import { openPermits, type Permits, unauthenticated } from "../../core/access/permits.ts";
import { permitsNow } from "../../core/access/permits-now.ts";
import type { Principal, TokenPrincipal } from "../../core/access/principal.ts";
import { isValidAt } from "../../core/access/token.ts";
import type { Store } from "../../store/store.ts";
import { bearerTokenOf, ticketOf } from "../http/credentials.ts";
import type { RequestStep } from "../http/every-request.ts";

export interface Caller {
  /** What their commands carry; undefined where access control is off. */
  readonly principal: Exclude<Principal, "system"> | undefined;
  readonly permits: Permits;
  /** Of the secret they showed, if it was that of a token of the state. */
  readonly secretHash?: string;
}

/** Whoever asks where access control is off. */
export const anyone: Caller = { principal: undefined, permits: openPermits };

declare module "fastify" {
  interface FastifyRequest {
    /** Null until it is known. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    /** The URL may say by a ticket who asks, since some that open streams send no headers. */
    takesTicket?: boolean;
  }
}

/** Tokens whose callers are kept ready. */
const readyMax = 10_000;

export class Callers {
  readonly #store: Store;
  readonly #tickets: Tickets<Caller>;
  /** By token; forgotten whenever anything about tokens and policies changes. A wrong one is never among them. */
  readonly #ready = new Map<string, Caller>();
  #generation = -1;

  constructor(store: Store, tickets: Tickets<Caller>) {
    this.#store = store;
    this.#tickets = tickets;
  }

  /** A ticket goes before anything else that is shown. @throws KeeperError `unauthenticated` */
  of(request: FastifyRequest): Caller {
    const { access } = this.#store;
    if (!access.isOn) return anyone;
    const ticket = request.routeOptions.config?.takesTicket === true ? ticketOf(request) : undefined;
    if (ticket !== undefined) return this.#ofTicket(ticket);
    const token = bearerTokenOf(request);
    if (token === undefined) throw unauthenticated();
    return this.#ofToken(token);
  }

  /** It ends with what it was asked for with. */
  #ofTicket(ticket: unknown): Caller {
    const caller = this.#tickets.take(ticket);
    if (caller === undefined) throw unauthenticated();
    return nowOf(caller, this.#store);
  }

  #ofToken(token: string): Caller {
    const { access } = this.#store;
    if (this.#generation !== access.generation || this.#ready.size >= readyMax) {
      this.#ready.clear();
      this.#generation = access.generation;
    }
    const timeMs = this.#store.timeMs;
    const ready = this.#ready.get(token);
    if (ready !== undefined) {
      if (isValidAt(ready.permits.validUntilMs, timeMs)) return ready;
      throw unauthenticated();
    }
    const secretHash = hashSecret(token);
    const principal = this.#shownBy(secretHash);
    if (principal === undefined) throw unauthenticated();
    const caller = { principal, secretHash, permits: access.permitsOf(principal, timeMs) };
    this.#ready.set(token, caller);
    return caller;
  }

  #shownBy(digest: string): TokenPrincipal | undefined {
    const shown = this.#store.access.shownBy(digest);
    if (shown === undefined) return undefined;
    const {
      token: { name, madeZxid },
      secret,
    } = shown;
    if (!timingSafeEqual(Buffer.from(digest), Buffer.from(secret.hash))) return undefined;
    const { validUntilMs } = secret;
    return { token: name, made: madeZxid, ...(validUntilMs !== null && { validUntilMs }) };
  }
}

/** Whose request it is, in the step behind which nothing refuses it but its route. */
export function authenticate(app: FastifyInstance, callers: Callers): RequestStep {
  app.decorateRequest("caller", null);
  return (request) => {
    if (!isOpen(request)) request.caller = callers.of(request);
    return true;
  };
}

/** Probes, the document and its pages tell nothing of the tree. A preflight says nothing of who sends it. */
function isOpen({ method, routeOptions: { url } }: FastifyRequest): boolean {
  return method === "OPTIONS" || (url !== undefined && !url.startsWith("/v1"));
}

/** @throws Error where it is asked of a route that is open: whoever asks that one is nobody */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller !== null) return caller;
  throw new Error("it is not known who asks");
}

/**
 * Who asks, with what they may do by now: for whoever has waited since that was found out.
 * @throws KeeperError `unauthenticated` when they are nobody any more
 */
export function renewCaller(request: FastifyRequest, store: Pick<Store, "access" | "timeMs">): Caller {
  request.caller = nowOf(callerOf(request), store);
  return request.caller;
}

function nowOf(caller: Caller, { access, timeMs }: Pick<Store, "access" | "timeMs">): Caller {
  const permits = permitsNow(access, caller, timeMs);
  return permits === caller.permits ? caller : { ...caller, permits };
}

/** Call before any route is added. */
export function takeTickets(app: FastifyInstance): void {
  app.addHook("onRoute", (route: RouteOptions) => {
    if (route.config?.takesTicket !== true) return;
    const { querystring = Type.Object({}) } = route.schema as { querystring?: { properties?: object } };
    const properties = { ...querystring.properties, ticket: ticketParameter };
    route.schema = { ...route.schema, querystring: { ...querystring, properties } };
  });
}

const ticketParameter = Type.Optional(
  Type.String({
    description:
      "A ticket of `POST /v1/tickets`, in place of a token in a header. It is good once, and counts before any other " +
      "credential.",
  }),
);

/** One step behind another that may have to wait. */
export function behind(first: RequestStep, then: RequestStep): RequestStep {
  return (request: FastifyRequest, reply: FastifyReply) => {
    const goesOn = first(request, reply);
    if (typeof goesOn === "boolean") return goesOn && then(request, reply);
    return goesOn.then(() => void then(request, reply));
  };
}
