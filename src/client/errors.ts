// What can go wrong between a client and the service: it refused, or it could not be reached. The first has a code
// for programs, the second is what reconnecting is for.

import type { ErrorCode } from "../core/errors.ts";

interface Refusal {
  readonly code: ErrorCode | "unexpected_answer";
  readonly status: number;
  readonly detail: string;
  readonly retryAfterMs: number;
}

/** The service, or something in front of it, answered and did not do what was asked. */
export class RequestError extends Error implements Refusal {
  /** `unexpected_answer` when the answer is not one of the service: there is another one at the endpoint. */
  readonly code: ErrorCode | "unexpected_answer";
  readonly status: number;
  /** What to do, in one sentence. */
  readonly detail: string;
  /** How long the service asked to be left alone; 0 when it did not. */
  readonly retryAfterMs: number;

  constructor({ code, status, detail, retryAfterMs }: Refusal) {
    super(`${status} ${code}: ${detail}`);
    this.name = "RequestError";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may well succeed later: the fault is not the client's. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** There is no connection, or it ended, fell silent, or brought what cannot be read. */
export class ConnectionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionError";
  }
}

/** Reads a problem document (API section 8); whatever else comes is an `unexpected_answer`. */
export async function requestErrorOf(response: Response): Promise<RequestError> {
  const { code, detail } = await problemIn(response);
  return new RequestError({ code, detail, status: response.status, retryAfterMs: retryAfterMsOf(response) });
}

async function problemIn(response: Response): Promise<Pick<Refusal, "code" | "detail">> {
  if (contentTypeOf(response) === "application/problem+json") {
    const { code, detail } = parseObject(await response.text());
    if (typeof code === "string" && typeof detail === "string") return { code: code as ErrorCode, detail };
  }
  const found = contentTypeOf(response) || "no content type";
  const detail = `${response.url} answered with ${found}; is the endpoint that of a treekeeper service?`;
  return { code: "unexpected_answer", detail };
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
