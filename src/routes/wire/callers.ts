// Who asks: found out once for each request, behind all that refuses it anyway and before its route. What is under
// /v1 is asked by somebody who is known, unless access control is off.

import { timingSafeEqual } from "node:crypto";
import type { ServerHttp2Stream } from "node:http2";
import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import type { Logger } from "pino";
import { Type } from "typebox";
import { identityOfPeer } from "../../access/client-certificates.ts";
import type { Identity } from "../../access/identity.ts";
import type { JwtKeys } from "../../access/jwt-keys.ts";
import { hashSecret } from "../../access/secrets.ts";
import type { Tickets } from "../../access/tickets.ts";
import { TokenRefusedError } from "../../access/token-refused-error.ts";
import { Ask } from "../../core/access/ask.ts";
import { isConfined, openPermits, type Permits, unauthenticated } from "../../core/access/permits.ts";
import { permitsNow } from "../../core/access/permits-now.ts";
import type { Principal, TokenPrincipal } from "../../core/access/principal.ts";
import { isValidAt, type Token } from "../../core/access/token.ts";
import type { Store } from "../../store/store.ts";
import { addressOf, isForwarded } from "../http/client-address.ts";
import { connectionOf } from "../http/connection-of.ts";
import { noteCallerOfConnection } from "../http/connection-share.ts";
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
    /** Whoever asks must be known, though it is not under /v1. */
    asksWho?: boolean;
  }
}

/** Headers whose callers are kept ready. */
const readyMax = 10_000;
/** Characters of one that is kept: a token may be shown in very many ways, with blanks that make it long. */
const headerLengthMax = 256;

/** A header that was shown, and who shows it. Every connection that shows it has the same record, which is then in the processor's cache. */
interface ShownHeader {
  readonly authorization: string;
  readonly generation: number;
  readonly caller: Caller;
}

/**
 * What was shown last on a connection. The next header is nearly always the same, and to compare two texts is cheaper than to
 * look one up.
 */
const lastShown = Symbol("last shown");

type Showing = { [lastShown]?: ShownHeader };

export interface CallersParts {
  readonly store: Store;
  readonly tickets: Tickets<Caller>;
  /** Where tokens of an issuer outside are taken. */
  readonly jwtKeys?: JwtKeys | null;
  readonly logger: Pick<Logger, "debug">;
}

export class Callers {
  readonly #store: Store;
  readonly #tickets: Tickets<Caller>;
  readonly #jwtKeys: JwtKeys | null;
  readonly #logger: CallersParts["logger"];
  /** By what the header says, whole; forgotten whenever anything about tokens and policies changes. A wrong one is never among them. */
  readonly #ready = new Map<string, ShownHeader>();
  #generation = -1;

  constructor({ store, tickets, jwtKeys = null, logger }: CallersParts) {
    this.#store = store;
    this.#tickets = tickets;
    this.#jwtKeys = jwtKeys;
    this.#logger = logger;
  }

  /** A ticket goes before anything else that is shown. @throws KeeperError `unauthenticated` */
  of(request: FastifyRequest, takesTicket: boolean): Caller | Promise<Caller> {
    if (!this.#store.access.isOn) return anyone;
    const ticket = takesTicket ? ticketOf(request) : undefined;
    if (ticket !== undefined) return this.#ofTicket(ticket);
    const { authorization = "" } = request.headers;
    // Of a connection that a proxy shares out among many, nobody is to learn by the time it takes what another has shown.
    const connection = isForwarded(request) ? null : (connectionOf(request.raw) as Showing);
    const last = connection?.[lastShown];
    if (last !== undefined && this.#counts(last) && last.authorization === authorization) return last.caller;
    const ready = this.#readyFor(authorization);
    if (ready !== undefined) {
      if (connection !== null) connection[lastShown] = ready;
      return ready.caller;
    }
    const token = bearerTokenOf(request);
    if (token === undefined) return this.#ofPeer(request);
    if (this.#jwtKeys !== null && isJwt(token)) return this.#ofJwt(token, this.#jwtKeys, addressOf(request));
    const shown = { authorization, generation: this.#generation, caller: this.#ofToken(token) };
    if (authorization.length > headerLengthMax) return shown.caller;
    this.#ready.set(authorization, shown);
    if (connection !== null) connection[lastShown] = shown;
    return shown.caller;
  }

  /** Whether nothing about tokens and policies has changed since, and it has not ended by itself. */
  #counts({ generation, caller }: ShownHeader): boolean {
    if (generation !== this.#store.access.generation) return false;
    const { validUntilMs } = caller.permits;
    return validUntilMs === null || isValidAt(validUntilMs, this.#store.timeMs);
  }

  /** It ends with what it was asked for with. */
  #ofTicket(ticket: unknown): Caller {
    const caller = this.#tickets.take(ticket);
    if (caller === undefined) throw unauthenticated();
    return nowOf(caller, this.#store);
  }

  #readyFor(authorization: string): ShownHeader | undefined {
    const { access, timeMs } = this.#store;
    if (this.#generation !== access.generation || this.#ready.size >= readyMax) {
      this.#ready.clear();
      this.#generation = access.generation;
    }
    const ready = this.#ready.get(authorization);
    return ready !== undefined && isValidAt(ready.caller.permits.validUntilMs, timeMs) ? ready : undefined;
  }

  #ofToken(token: string): Caller {
    const secretHash = hashSecret(token);
    return { ...this.#callerFor(this.#shownBy(secretHash)), secretHash };
  }

  #shownBy(digest: string): TokenPrincipal | undefined {
    const shown = this.#store.access.shownBy(digest);
    if (shown === undefined) return undefined;
    const { secret } = shown;
    if (!timingSafeEqual(Buffer.from(digest), Buffer.from(secret.hash))) return undefined;
    return principalOf(shown.token, secret.validUntilMs);
  }

  async #ofJwt(token: string, keys: JwtKeys, address: string): Promise<Caller> {
    try {
      return this.#callerFor(this.#vouchedFor(await keys.verify(token)));
    } catch (error) {
      if (!(error instanceof TokenRefusedError)) throw error;
      this.#logger.debug({ address, reason: error.message }, "a token was refused");
      throw unauthenticated();
    }
  }

  /** Whoever shows no token may have shown a certificate, on the connection. */
  #ofPeer({ raw }: FastifyRequest): Caller {
    const { stream } = raw as { readonly stream?: ServerHttp2Stream };
    const socket = stream === undefined ? raw.socket : stream.session?.socket;
    const identity = socket === undefined ? null : identityOfPeer(socket);
    return this.#callerFor(identity === null ? undefined : this.#vouchedFor(identity));
  }

  /** What is said of policies elsewhere counts; otherwise who has a token here is known by it. */
  #vouchedFor({ id, policies, root, validUntilMs }: Identity): Exclude<Principal, "system"> | undefined {
    if (policies !== null)
      return { identity: id, policies, root, ...(validUntilMs !== null && { validUntilMs }) };
    const token = this.#store.access.tokenFor(id);
    return token === undefined ? undefined : principalOf(token, validUntilMs);
  }

  #callerFor(principal: Exclude<Principal, "system"> | undefined): Caller {
    if (principal === undefined) throw unauthenticated();
    const { access, timeMs } = this.#store;
    return { principal, permits: access.permitsOf(principal, timeMs) };
  }
}

function principalOf({ name, madeZxid }: Token, validUntilMs: number | null): TokenPrincipal {
  return { token: name, made: madeZxid, ...(validUntilMs !== null && { validUntilMs }) };
}

/** Three parts, which a secret of our own does not have. */
function isJwt(token: string): boolean {
  return token.split(".", 4).length === 3;
}

/** Whose request it is, in the step behind which nothing refuses it but its route. */
export function authenticate(app: FastifyInstance, callers: Callers): RequestStep {
  app.decorateRequest("caller", null);
  return (request) => {
    // What the router knows of a route is put together each time it is asked for.
    const { url, config } = request.routeOptions;
    if (config?.asksWho !== true && isOpen(request.method, url)) return true;
    const caller = callers.of(request, config?.takesTicket === true);
    if (!(caller instanceof Promise)) {
      take(request, caller);
      return true;
    }
    return caller.then((known) => take(request, known));
  };
}

function take(request: FastifyRequest, caller: Caller): void {
  request.caller = caller;
  if (caller !== anyone) noteCallerOfConnection(request, caller.permits.by);
}

/** Probes, the document and its pages tell nothing of the tree. A preflight says nothing of who sends it. */
function isOpen(method: string, url: string | undefined): boolean {
  return method === "OPTIONS" || (url !== undefined && !url.startsWith("/v1"));
}

/** @throws Error where it is asked of a route that is open: whoever asks that one is nobody */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller !== null) return caller;
  throw new Error("it is not known who asks");
}

/**
 * For what is of nobody's part of the tree: connections, streams, ends of sessions, figures of the whole service.
 * @throws KeeperError `forbidden`
 */
export function requireAdminOfTree(request: FastifyRequest): void {
  new Ask(callerOf(request).permits).requireOfTree("admin");
}

/** As the audit log has it: nobody who was not let in has a name. */
export function auditedNameOf({ caller }: FastifyRequest): { readonly by: string; readonly root?: string } {
  if (caller === null) return { by: "unknown" };
  const { by, root } = caller.permits;
  return { by: by ?? "anyone", ...(isConfined(caller.permits) && { root }) };
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
