// Refusals on the wire: RFC 9457 problem documents. Every error code has its row here; a forgotten one does not
// compile. Clients' faults are never 5xx, and what is 5xx is ours.

import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { FastifySchemaValidationError } from "fastify/types/schema.js";
import type { Logger } from "pino";
import { type ErrorCode, type ErrorDetails, KeeperError } from "../../core/errors.ts";
import { addressOf } from "./client-address.ts";
import { withoutTicket } from "./credentials.ts";
import { BodyRefused, sendBeforeBodyEnds } from "./refused-body.ts";
import { tracedBy } from "./traceparent.ts";

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** Status and title of each code (API section 8). */
export const problemKinds = {
  bad_request: { status: 400, title: "The request is malformed" },
  bad_path: { status: 400, title: "The path is not valid" },
  bad_mode: { status: 400, title: "Invalid combination of znode options" },
  bad_ttl: { status: 400, title: "The TTL is out of range" },
  bad_acl: { status: 400, title: "The access control list is not valid" },
  session_required: { status: 400, title: "This needs a session" },
  unauthenticated: { status: 401, title: "It is not known who asks" },
  forbidden: { status: 403, title: "The request is not allowed" },
  quota_exceeded: { status: 403, title: "The quota of the subtree would be exceeded" },
  reserved_path: { status: 403, title: "The path is reserved" },
  no_node: { status: 404, title: "The znode does not exist" },
  no_route: { status: 404, title: "There is nothing at this URL" },
  no_claim: { status: 404, title: "There is no such claim" },
  no_instance: { status: 404, title: "There is no such instance" },
  no_token: { status: 404, title: "There is no such token" },
  no_policy: { status: 404, title: "There is no such policy" },
  method_not_allowed: { status: 405, title: "The resource has no such method" },
  not_acceptable: { status: 406, title: "No such representation" },
  node_exists: { status: 409, title: "The znode exists already" },
  token_exists: { status: 409, title: "There is a token of that name" },
  policy_in_use: { status: 409, title: "Tokens have the policy" },
  not_empty: { status: 409, title: "The znode has children" },
  ephemeral_parent: { status: 409, title: "An ephemeral znode has no children" },
  quota_nested: { status: 409, title: "There is a quota above or below" },
  not_a_counter: { status: 409, title: "The znode is not a counter" },
  mode_differs: { status: 409, title: "The session has a claim in another mode" },
  permits_differ: { status: 409, title: "The lock has other permits" },
  count_differs: { status: 409, title: "The barrier has participants and another count" },
  fence_stale: { status: 409, title: "The fence does not hold" },
  lock_held: { status: 409, title: "The lock is held" },
  not_holder: { status: 409, title: "Owned by another session" },
  session_expired: { status: 410, title: "The session is gone" },
  history_trimmed: { status: 410, title: "The history no longer reaches back that far" },
  log_trimmed: { status: 410, title: "The log no longer reaches back that far" },
  bad_version: { status: 412, title: "The version does not match" },
  too_large: { status: 413, title: "A size limit was exceeded" },
  too_many_operations: { status: 413, title: "The transaction has too many operations" },
  misdirected: { status: 421, title: "The request is for another host" },
  too_many_changes: { status: 413, title: "The transaction has too many changes" },
  idempotency_key_reused: { status: 422, title: "The key was used for a different request" },
  throttled: { status: 429, title: "Too many at once" },
  internal: { status: 500, title: "The server failed" },
  suspended: { status: 503, title: "The log cannot be reached" },
  behind: { status: 503, title: "The server has not caught up" },
  read_only: { status: 503, title: "The store takes no writes" },
  stopping: { status: 503, title: "The server is shutting down" },
  no_room: { status: 507, title: "There is too little room on the disk" },
} as const satisfies Record<ErrorCode, ProblemKind>;

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly [member: string]: unknown;
}

export function problemOf(error: KeeperError): Problem {
  const { status, title } = problemKinds[error.code];
  const { allow: _, ...members } = error.details;
  return {
    type: `urn:treekeeper:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    ...members,
  };
}

export const problemMediaType = "application/problem+json; charset=utf-8";

/** Answers with the problem; `status` only where the transport has a more exact one for the same code. */
export function sendProblem(reply: FastifyReply, error: KeeperError, status?: number): FastifyReply {
  return headed(reply, error, status).send(problemWith(error, status));
}

/** Answers a request whose body may still be on its way, and closes the connection behind the answer. */
export function sendProblemAndClose(
  request: FastifyRequest,
  reply: FastifyReply,
  error: KeeperError,
): FastifyReply {
  const status = error instanceof BodyRefused ? error.statusCode : undefined;
  return sendBeforeBodyEnds(request, headed(reply, error, status), problemWith(error, status));
}

function problemWith(error: KeeperError, status: number | undefined): Problem {
  const problem = problemOf(error);
  return status === undefined ? problem : { ...problem, status };
}

/** Why requests were refused. */
const codes = new WeakMap<FastifyReply, ErrorCode>();

/** The code of the problem that a reply is or ends with; undefined where there is none. */
export function codeOf(reply: FastifyReply): ErrorCode | undefined {
  return codes.get(reply);
}

/** The problem as the end of an answer that has begun otherwise. */
export function lateProblemOf(reply: FastifyReply, error: KeeperError): Problem {
  codes.set(reply, error.code);
  return problemOf(error);
}

/** Sets what a problem document is sent with, but not the document. */
export function headed(reply: FastifyReply, error: KeeperError, status?: number): FastifyReply {
  codes.set(reply, error.code);
  const { allow, retryAfterSeconds, oldestZxid } = error.details;
  if (error.code === "unauthenticated") reply.header("WWW-Authenticate", "Bearer");
  if (allow !== undefined) reply.header("Allow", allow.join(", "));
  if (retryAfterSeconds !== undefined) reply.header("Retry-After", retryAfterSeconds);
  if (oldestZxid !== undefined) reply.header("Zxid-Oldest", oldestZxid);
  return reply
    .code(status ?? problemKinds[error.code].status)
    .header("Content-Type", problemMediaType)
    .serializer(JSON.stringify);
}

/** The one place where what was thrown becomes an answer. */
export function problemHandler(logger: Logger) {
  return (error: FastifyError | KeeperError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof BodyRefused) return sendProblemAndClose(request, reply, error);
    if (error instanceof KeeperError) return sendProblem(reply, error);
    const refusal = refusalOf(error);
    if (refusal !== null) return sendProblem(reply, refusal, statusOf(error, refusal));
    const { method, url } = request;
    const about = { address: addressOf(request), method, url: withoutTicket(url), ...tracedBy(request) };
    logger.error({ err: error, ...about }, "a request met a bug");
    return sendProblem(
      reply,
      new KeeperError("internal", "The server failed on this request; the reason is in its log."),
    );
  };
}

/** What Fastify refuses before a route sees it, in our words; null when it is not the client's fault. */
function refusalOf(error: FastifyError): KeeperError | null {
  if (error.validation !== undefined) {
    return invalid(placeNames[error.validationContext ?? "body"] ?? "The body", error.validation);
  }
  switch (error.code) {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return new KeeperError("bad_request", "The body is not valid JSON.");
    case "FST_ERR_BAD_URL":
      return new KeeperError("bad_path", "The URL is not valid percent-encoded UTF-8.");
  }
  const isClientFault = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500;
  return isClientFault ? new KeeperError("bad_request", error.message) : null;
}

/** A status of its own exists only for faults of the transport (431, 408): the code stays `bad_request`. */
function statusOf(error: FastifyError, refusal: KeeperError): number | undefined {
  const keepsStatus = refusal.code === "bad_request" && error.validation === undefined;
  return keepsStatus ? error.statusCode : undefined;
}

type Fault = Pick<FastifySchemaValidationError, "instancePath" | "keyword" | "params" | "message">;

/** What was held against its schema, and the faults found there, of which the first is told. */
export function invalid(where: string, faults: readonly Fault[]): KeeperError {
  const [fault] = faults;
  const member = fault?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  const values = valuesAllowed(faults);
  const reason = values === null ? reasonOf(fault) : `it must be ${listed(values)}`;
  const example = where === placeNames.querystring && isOfTruth(fault) ? `, as in ${member}=true` : "";
  const message = `${where} is not valid${member && ` at ${member}`}: ${reason}${example}.`;
  return new KeeperError("bad_request", message, limitPassed(fault));
}

/** What an error says beside its message: the schema it comes from, and the value it is about. */
interface VerboseFault extends Fault {
  readonly parentSchema?: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
}

/** The limit, where the schema names the one that was passed. */
function limitPassed(fault: VerboseFault | undefined): ErrorDetails {
  const limit = fault?.parentSchema?.["x-limit"];
  const limitValue = fault?.params.limit;
  if (typeof limit !== "string" || typeof limitValue !== "number" || fault?.keyword === "minimum") return {};
  const { data } = fault as VerboseFault;
  const size = typeof data === "string" || Array.isArray(data) ? data.length : Number(data);
  return { limit, limitValue, ...(Number.isSafeInteger(size) && { size }) };
}

function reasonOf(fault: VerboseFault | undefined): string {
  if (fault?.keyword === "type" && Array.isArray(fault.data)) return "it may be there once";
  if (isOfTruth(fault)) return "it must be true or false";
  switch (fault?.keyword) {
    case "additionalProperties":
      return `it has an unknown member "${fault.params.additionalProperty}"`;
    case "pattern":
      return `it must be ${fault.parentSchema?.["x-form"] ?? "of another form"}`;
    default:
      return `it ${fault?.message ?? "is malformed"}`;
  }
}

function isOfTruth(fault: VerboseFault | undefined): boolean {
  return fault?.keyword === "type" && fault.params.type === "boolean" && !Array.isArray(fault.data);
}

/**
 * All values that a member may have, where it may only have some. A schema has them as alternatives, and then each has a
 * fault of its own.
 */
function valuesAllowed(faults: readonly Fault[]): readonly unknown[] | null {
  const [first] = faults;
  if (first?.keyword === "enum") return first.params.allowedValues as unknown[];
  if (first?.keyword !== "const") return null;
  return faults
    .filter(({ keyword, instancePath }) => keyword === "const" && instancePath === first.instancePath)
    .map(({ params }) => params.allowedValue);
}

function listed(values: readonly unknown[]): string {
  return values.length === 1 ? `${values[0]}` : `one of ${values.join(", ")}`;
}

const placeNames: Record<string, string> = {
  body: "The body",
  querystring: "The query",
  headers: "The headers",
  params: "The URL",
};
