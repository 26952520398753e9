// What routes are handed, and how they learn whom a request acts for.

import type { FastifyRequest } from "fastify";
import { Ask } from "../../core/access/ask.ts";
import { asRecipe, isConfined, withoutLists } from "../../core/access/permits.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Limits } from "../../core/limits.ts";
import type { ReadContext, Reader } from "../../core/reader.ts";
import { type Asked, askedBy, followedBy, type Traced, type WriteContext } from "../../core/write-context.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Store } from "../../store/store.ts";
import type { Watches } from "../../watches/watches.ts";
import type { Answers } from "../http/answers.ts";
import type { HttpLimits } from "../http/http-limits.ts";
import { shareHolderOf } from "../http/share-holder.ts";
import { tracedBy } from "../http/traceparent.ts";
import { shownBy, shownInCommand } from "./acl-identities.ts";
import { callerOf } from "./callers.ts";
import { fencesOf } from "./conditions.ts";
import type { IdempotencyLimits } from "./idempotency-limits.ts";

export interface RouteParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly limits: Limits & HttpLimits & IdempotencyLimits;
}

/** What is handed to routes whose answers may be as long as the tree. */
export interface ReadParts extends RouteParts {
  readonly answers: Answers;
}

/** What the request may see of the state. It is asked for where it is used, so that it is of the moment. */
export function readerFor(request: FastifyRequest, store: Store): Reader {
  return store.reader({ ...readContextOf(request), shown: shownBy(request) });
}

/** The same of what is kept beside the tree, or by recipes in it: lists of znodes have no say in it. */
export function keptReaderFor(request: FastifyRequest, store: Store): Reader {
  const caller = readContextOf(request);
  return store.reader({ ...caller, permits: withoutLists(caller.permits) });
}

/**
 * For what a recipe keeps at the path, which who may read the path may be shown whole.
 * @throws KeeperError `forbidden`
 */
export function recipeReaderFor(request: FastifyRequest, store: Store, path: string): Reader {
  const { permits } = callerOf(request);
  new Ask(permits).require(path, "read");
  return store.reader({ permits: asRecipe(permits) });
}

/** For whom a request reads. */
export function readContextOf(request: FastifyRequest): ReadContext {
  return callerOf(request);
}

/** Which lock or service of a name it is about, for those who read of many namespaces. */
export function namespaceOf(request: FastifyRequest): { readonly namespace?: string } {
  const { permits } = callerOf(request);
  return isConfined(permits) ? { namespace: permits.root } : {};
}

/** The token a request carries, if any. @throws KeeperError when it carries several, which arrive as a list */
export function sessionTokenOf(request: FastifyRequest): string | undefined {
  const token = request.headers["session-token"];
  if (token === undefined || (typeof token === "string" && !token.includes(","))) return token;
  throw new KeeperError("bad_request", "A request acts for one session: send one Session-Token.");
}

/**
 * Any request that carries a token renews its session (N7).
 * @throws KeeperError `session_expired` when the token is of no session that is alive (N5)
 */
export function touchSession(request: FastifyRequest, sessions: Sessions): string | undefined {
  const token = sessionTokenOf(request);
  return token === undefined ? undefined : sessions.authenticate(token, callerOf(request).permits).id;
}

/** Whom a write acts for and what must still hold when it is done. */
export function writeContextOf(request: FastifyRequest, sessions: Sessions): WriteContext {
  const sessionId = touchSession(request, sessions);
  return { ...(sessionId !== undefined && { sessionId }), ...contextWithoutSession(request) };
}

/** All that a write carries besides its session. */
export function contextWithoutSession(request: FastifyRequest): WriteContext {
  const { principal } = callerOf(request);
  const fences = fencesOf(request.headers);
  return {
    [askedBy]: shareHolderOf(request),
    ...(principal !== undefined && { principal }),
    ...(fences !== undefined && { fences }),
    ...traceOf(request),
    shown: shownInCommand(request),
  };
}

/** Who asks, for commands that carry little else. */
export function askedOf(request: FastifyRequest): Asked {
  const { principal } = callerOf(request);
  return { ...(principal !== undefined && { principal }), ...traceOf(request) };
}

/** By what the commands of a request are found again. */
export function traceOf(request: FastifyRequest): Traced {
  const { spans } = request;
  return spans === null ? tracedBy(request) : { ...tracedBy(request), [followedBy]: spans };
}

/** Half of a surrogate pair has no UTF-8: written down, it would silently become another character. */
export function wellFormed(text: string, member: string): string {
  if (text.isWellFormed()) return text;
  throw new KeeperError("bad_request", `${member} has half of a surrogate pair in it, which is no text.`);
}
