// What can go wrong between a client and the service: it refused, or it could not be reached. The first has a code
// for programs, the second is what reconnecting is for. Of a write that failed, either says whether it may be done.

import type { ErrorCode, OperationFate } from "../../core/errors.ts";
import type { Stat } from "../../core/tree/stat.ts";

/**
 * Why the service refused (API section 8). `unexpected_answer` when the answer is not one of the service: there is
 * another one at the endpoint.
 */
export type ProblemCode = ErrorCode | "starting" | "unexpected_answer";

/** Facts beside the sentence, where the refusal has them. */
export interface ProblemDetails {
  /** The znode the refusal is about. */
  readonly path?: string;
  /** The current stat, where an expected version did not match. */
  readonly stat?: Stat;
  readonly limit?: string;
  readonly limitValue?: number;
  readonly size?: number;
  /** Index of the first failing operation of a transaction, and the fate of each (M3). */
  readonly failedOperation?: number;
  readonly results?: readonly OperationFate[];
  readonly oldestZxid?: number;
  readonly [member: string]: unknown;
}

interface Refusal {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string;
  readonly retryAfterMs?: number;
  readonly details?: ProblemDetails;
  readonly mayBeDone?: boolean;
}

/** Refusals that come before anything is done, and do not last. */
const passingCodes: readonly ProblemCode[] = [
  "throttled",
  "behind",
  "read_only",
  "suspended",
  "starting",
  "stopping",
];
/** Of these, those that say something of the server that was asked: another may well answer. */
const ofOneServer: readonly ProblemCode[] = ["behind", "suspended", "starting", "stopping"];
/** Answers that say nothing of what was done before things went wrong. */
const unclearCodes: readonly ProblemCode[] = ["internal", "unexpected_answer"];

/** The service, or something in front of it, answered and did not do what was asked. */
export class RequestError extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  /** What to do, in one sentence. */
  readonly detail: string;
  /** How long the service asked to be left alone; 0 when it did not. */
  readonly retryAfterMs: number;
  readonly details: ProblemDetails;
  /** Whether a write may be done all the same: by an earlier attempt, or before the server failed. */
  readonly mayBeDone: boolean;

  constructor({ code, status, detail, retryAfterMs = 0, details = {}, mayBeDone }: Refusal) {
    super(`${status} ${code}: ${detail}`);
    this.name = "RequestError";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
    this.details = details;
    // A connection at rest for too long is ended with 408, which may cross a request; who knows what became of that.
    this.mayBeDone = mayBeDone ?? (unclearCodes.includes(code) || status === 408);
  }

  /** Whether the same request may well succeed later: the fault is not the client's. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }

  /** Whether nothing was done, for a reason that passes: whatever was asked can be asked again. */
  get isPassing(): boolean {
    return passingCodes.includes(this.code);
  }

  /** Whether it is about the server that was asked, and not about the service. */
  get isOfOneServer(): boolean {
    return ofOneServer.includes(this.code);
  }

  /** The same refusal, after an attempt of which nothing is known. */
  afterUnknown(): RequestError {
    const { code, status, detail, retryAfterMs, details } = this;
    return refusalOf({ code, status, detail, retryAfterMs, details, mayBeDone: true });
  }
}

/** The service does not know who asks: there is no access token, or it is wrong, expired or revoked. */
export class UnauthenticatedError extends RequestError {
  override readonly name = "UnauthenticatedError";
}

/** The service knows who asks, and no policy gives them the right. */
export class ForbiddenError extends RequestError {
  override readonly name = "ForbiddenError";
}

const ownClasses: Partial<Record<ProblemCode, typeof RequestError>> = {
  unauthenticated: UnauthenticatedError,
  forbidden: ForbiddenError,
};

/** As an error of its own kind, where its code has one. */
export function refusalOf(refusal: Refusal): RequestError {
  return new (ownClasses[refusal.code] ?? RequestError)(refusal);
}

interface ConnectionErrorOptions extends ErrorOptions {
  readonly mayBeDone?: boolean | undefined;
}

/** There is no connection, or it ended, fell silent, or brought what cannot be read. */
export class ConnectionError extends Error {
  /** Whether a write may be done all the same. False only when no connection came about. */
  readonly mayBeDone: boolean;

  constructor(message: string, { mayBeDone, ...options }: ConnectionErrorOptions = {}) {
    super(message, options);
    this.name = "ConnectionError";
    this.mayBeDone = mayBeDone ?? !wasNeverConnected(options.cause);
  }

  /** The same failure, after an attempt of which nothing is known. */
  afterUnknown(): ConnectionError {
    return new ConnectionError(this.message, { cause: this.cause, mayBeDone: true });
  }
}

/** Names where it should have led: there may be several endpoints. */
export function connectionFailed({ origin }: URL, cause: unknown): ConnectionError {
  return new ConnectionError(`The connection to ${origin} failed.`, { cause });
}

/** How a session ended for its holder: its time ran out, the server said so, or it was closed here. */
export type SessionEnd = "unconfirmed" | "expired" | "closed";

/** The session is over: whatever was done for it must stop. */
export class SessionLostError extends Error {
  readonly end: SessionEnd;

  constructor(end: SessionEnd) {
    super(sessionEndMessages[end]);
    this.name = "SessionLostError";
    this.end = end;
  }
}

const sessionEndMessages = {
  unconfirmed: "The session is lost: the service did not confirm it in time.",
  expired: "The session is lost: the service says that it is gone.",
  closed: "The session was closed.",
} as const satisfies Record<SessionEnd, string>;

/** What was held (a lock, a leadership) is not held any more, or not for long. */
export class HoldLostError extends Error {
  /** `expiring` while the session still lives, and the time left is to be used for stopping. */
  readonly reason: "expiring" | "revoked";

  constructor(name: string, reason: "expiring" | "revoked") {
    super(
      reason === "expiring"
        ? `${name} is about to be lost: the session has not been confirmed for a while.`
        : `${name} is lost: its claim was taken away.`,
    );
    this.name = "HoldLostError";
    this.reason = reason;
  }
}

/** Faults of a platform's network below which no byte of a request was sent. A browser does not tell. */
const connectFaults = [
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  "UND_ERR_CONNECT_TIMEOUT",
];

function wasNeverConnected(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (connectFaults.includes(String((error as { code?: unknown }).code))) return true;
  }
  return false;
}

/** Reads a problem document (API section 8); whatever else comes is an `unexpected_answer`. */
export async function requestErrorOf(response: Response): Promise<RequestError> {
  const isProblem = contentTypeOf(response) === "application/problem+json";
  const problem = isProblem ? problemIn(parseObject(await response.text())) : null;
  const retryAfterMs = retryAfterMsOf(response);
  if (problem !== null) return refusalOf({ ...problem, status: response.status, retryAfterMs });
  return unexpectedAnswer(response, retryAfterMs);
}

/** The refusal that a problem document tells of; null when it is none. */
export function problemIn(members: Readonly<Record<string, unknown>>): Refusal | null {
  const { type: _type, title: _title, status, code, detail, ...details } = members;
  if (typeof code !== "string" || typeof detail !== "string") return null;
  return { code: code as ProblemCode, detail, details, status: Number(status) };
}

export function unexpectedAnswer(response: Response, retryAfterMs = 0): RequestError {
  const found = contentTypeOf(response) || "no content type";
  const detail = `${response.url} answered with ${found}; is the endpoint that of a treekeeper service?`;
  return new RequestError({ code: "unexpected_answer", detail, status: response.status, retryAfterMs });
}

/**
 * A redirect is not followed: it would take tokens and keys to whoever it names, and make a GET of a write. Nothing was
 * done. A browser does not say where it leads.
 */
export function redirected(url: URL, { status, headers }: Response): RequestError {
  const location = headers.get("location");
  const target = location === null ? null : URL.parse(location, url.href);
  const detail =
    target === null
      ? `${url.origin} redirects elsewhere; the endpoint has to be the service's own URL.`
      : `${url.origin} redirects to ${target.href}; the endpoint has to be the service's own URL.`;
  return new RequestError({ code: "unexpected_answer", detail, status, mayBeDone: false });
}

/** The media type without its parameters; empty when there is none. */
export function contentTypeOf(response: Response): string {
  const [mediaType = ""] = (response.headers.get("content-type") ?? "").split(";");
  return mediaType.trim().toLowerCase();
}

/** The members of a JSON object; none when the text is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Seconds only: the service sends no dates, and the two clocks need not agree. */
function retryAfterMsOf(response: Response): number {
  const seconds = Number(response.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}
