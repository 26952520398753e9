// `Idempotency-Key` (API section 7): how a POST names itself, so that sending it again is not doing it again. What a
// key stands for is told apart here; whether it was there before is decided in the log. The key itself is not kept.

import { createHash, hash } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Permits } from "../../core/access/permits.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Commit } from "../../core/txn.ts";
import type { Idempotency, WriteContext } from "../../core/write-context.ts";
import { addressOf } from "../http/client-address.ts";
import { clientNetworkOf } from "../http/client-network.ts";
import { callerOf } from "./callers.ts";
import type { IdempotencyLimits } from "./idempotency-limits.ts";
import { contextWithoutSession, type RouteParts, sessionTokenOf, writeContextOf } from "./parts.ts";

/** A request that carries a key. */
export interface KeyedRequest {
  /** As the client sent it. */
  readonly key: string;
  /** What its command carries; the index tells apart the commands of a request that asks for several. */
  idempotencyAt(index?: number): Idempotency;
}

/**
 * Undefined when the request carries no key. A key is that of the session the request acts for, and else of the network
 * it comes from: another's key of the same name is another key.
 * @throws KeeperError `bad_request` when what it carries is none
 */
export function keyedRequestOf(request: FastifyRequest, limits: IdempotencyLimits): KeyedRequest | undefined {
  const key = keyOf(request);
  if (key === undefined) return undefined;
  const fingerprint = fingerprintOf(request);
  // Whoever is known is known wherever they come from.
  const { permits } = callerOf(request);
  const { by } = permits;
  const client = shortHashOf(by ?? clientNetworkOf(addressOf(request)));
  const token = sessionTokenOf(request);
  // Of the token and not of the session's id: whoever lost the session as well as the answer still asks with it.
  const session = token === undefined ? undefined : shortHashOf(token);
  const sender = session === undefined ? `client ${client}` : `session ${session}`;
  // Another principal's key is another key, and what it asks is another request, whatever else is the same.
  const who = by === null ? null : textOf(permits);
  const owner = who === null ? sender : `${who} ${sender}`;
  return {
    key,
    // A line feed is in no key, so no index makes one key of another.
    idempotencyAt: (index) => {
      const name = index === undefined ? key : `${key}\n${index}`;
      return {
        key: hash("sha256", `${owner}\n${name}`, "hex"),
        request: hash("sha256", [...(who === null ? [] : [who]), fingerprint, name].join("\n"), "hex"),
        scope: session === undefined ? client : `${client}/${session}`,
        ...(who === null && { unscoped: { key: hash("sha256", name, "hex"), request: fingerprint } }),
        ageMsMax: limits.idempotencyAgeMsMax,
        keysMax: limits.idempotencyKeysMax,
        bytesMax: limits.idempotencyBytesMax,
      };
    },
  };
}

/**
 * Who asks, as one text: another token of the same name is another one, and so is whoever is confined to another root, in
 * which the same path is another znode.
 */
function textOf({ owner, root }: Permits): string {
  return JSON.stringify([owner, root]);
}

/** Enough of SHA-256 to tell clients and sessions apart. */
function shortHashOf(text: string): string {
  return hash("sha256", text, "hex").slice(0, 32);
}

/** What each write of a POST carries: its key, if it has one, beside whom it acts for and under which fences. */
export function keyedContextsOf(
  request: FastifyRequest,
  { sessions, limits }: Pick<RouteParts, "sessions" | "limits">,
): (index?: number) => WriteContext {
  const keyed = keyedRequestOf(request, limits);
  if (keyed === undefined) {
    const context = writeContextOf(request, sessions);
    return () => context;
  }
  const context = contextEvenIfExpired(request, sessions);
  // Without a session nothing tells clients apart for sure, and one may come back from another address.
  const elsewhere = sessionTokenOf(request) === undefined ? { elsewhere: true as const } : {};
  return (index) => ({ ...context, idempotency: { ...keyed.idempotencyAt(index), ...elsewhere } });
}

/** An id no session ever has (N3). */
const neverASession = "0000000000000000";

/**
 * Whoever lost an answer may have lost its session since, and still hears what became of its request. Only the log
 * can tell: there, what was not done yet is refused, since its session is not there.
 */
function contextEvenIfExpired(request: FastifyRequest, sessions: RouteParts["sessions"]): WriteContext {
  try {
    return writeContextOf(request, sessions);
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== "session_expired") throw error;
    return { sessionId: neverASession, ...contextWithoutSession(request) };
  }
}

/** Says in the answer that it is the one of an earlier request. */
export function noteReplay(reply: FastifyReply, { replayed }: Pick<Commit, "replayed">): void {
  if (replayed === true) reply.header("Idempotency-Replayed", "true");
}

const keyPattern = /^[\x20-\x7e]{1,255}$/;

function keyOf(request: FastifyRequest): string | undefined {
  const header = request.headers["idempotency-key"];
  if (header === undefined) return undefined;
  if (typeof header === "string" && keyPattern.test(header)) return header;
  throw new KeeperError("bad_request", "An Idempotency-Key has 1 to 255 printable ASCII characters.");
}

/** Headers that say what is asked, and whom it is asked for. */
const askingHeaders = ["session-token", "fence", "if-match", "if-none-match"] as const;

/**
 * SHA-256 of what is asked. What may be spelled in several ways counts in one: percent-encoding, the order of the
 * query, the order and spacing of JSON.
 */
function fingerprintOf(request: FastifyRequest): string {
  const target = request.raw.url as string;
  const queryStart = target.indexOf("?");
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  // The %2F that a znode's path may begin with makes two slashes of one.
  const decodedPath = decodeURIComponent(path).replaceAll(/\/{2,}/g, "/");
  const query = new URLSearchParams(queryStart === -1 ? "" : target.slice(queryStart));
  query.sort();
  const headers = askingHeaders.map((name) => request.headers[name] ?? null);
  // Only where it is there: what was kept before there was such a header is the same request still.
  const shown = request.headers["acl-auth"] ?? [];
  return createHash("sha256")
    .update(JSON.stringify([request.method, decodedPath, [...query], headers.concat(shown)]))
    .update("\n")
    .update(bodyOf(request))
    .digest("hex");
}

/** Data as it is; JSON in one spelling. What is still to be read counts where it is read, part by part. */
function bodyOf({ body }: FastifyRequest): Uint8Array | string {
  if (body === undefined || body === null || body instanceof Readable) return "";
  return body instanceof Uint8Array ? body : JSON.stringify(body, withSortedMembers);
}

function withSortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members);
}
