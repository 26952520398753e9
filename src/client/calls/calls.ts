// One call of the service: requests, again and again if need be, until there is an answer. Whether a request may be
// sent again is stated by whoever makes the call; what may have been done is never done twice.

import { Backoff } from "./backoff.ts";
import { elapsedMs, type Instant, pause } from "./clock.ts";
import { Connection } from "./connection.ts";
import {
  ConnectionError,
  connectionFailed,
  contentTypeOf,
  RequestError,
  requestErrorOf,
  unexpectedAnswer,
} from "./errors.ts";
import { readLines } from "./lines.ts";
import type { Transport } from "./transport.ts";

export interface CallOptions {
  /** Ends the call at once; it then rejects with the signal's reason. A write may be done all the same. */
  readonly signal?: AbortSignal | undefined;
  /** For the call as a whole, further attempts and the pauses between them included. */
  readonly timeoutMs?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /**
   * Take what the server last knew while it cannot reach its log, be it old. It is refused then unless given, or asked of
   * another server where there are several.
   */
  readonly stale?: "ok" | undefined;
}

/**
 * Whether a request whose answer was lost may be sent again: it is as if it came once (`harmless`), the server tells
 * by a key that it came before (`keyed`), or it may not (`never`).
 */
type Repeat = "harmless" | "keyed" | "never";

export interface Call extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the service's URL, such as `v1/limits`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Data, byte for byte. */
  readonly data?: string | Uint8Array | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly repeat: Repeat;
  /** Whether a server may answer that is behind what the client has seen. */
  readonly isTimeless?: boolean;
  /** How long the server was asked to hold the answer back. */
  readonly heldMs?: number | undefined;
  /** A status beside those of success with which JSON is the answer, and no refusal. */
  readonly acceptedStatus?: number;
  /** In place of the client's own: for calls that something else bounds. */
  readonly attemptsMax?: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON that was sent; null when there is none. */
  readonly body: unknown;
  /** The last transaction the server had done. */
  readonly zxid: number;
  /** When the request went out that was answered. */
  readonly sentAt: Instant;
}

/** A reading call, answered with lines of JSON. */
export type LinesCall = Pick<Call, "path" | "query" | "headers" | "signal">;

/** What resources are reached by: the service itself, or the service on behalf of a session. */
export interface Caller {
  /** @throws RequestError when the service refuses, ConnectionError when there is no answer */
  send(call: Call): Promise<Answer>;
  /** @throws RequestError and ConnectionError as above; the latter also when the lines break off */
  lines(call: LinesCall): AsyncGenerator<unknown, void, undefined>;
}

export interface CallLimits {
  /** An answer that takes longer does not come any more. */
  readonly requestTimeoutMs: number;
  readonly attemptsMax: number;
}

/** The first pause before another attempt; later ones are longer. */
const firstPauseMs = 100;

export class Calls implements Caller {
  readonly #transport: Transport;
  readonly #limits: CallLimits;

  constructor(transport: Transport, limits: CallLimits) {
    this.#transport = transport;
    this.#limits = limits;
  }

  async send(call: Call): Promise<Answer> {
    const attempts = new Attempts(this.#transport, call, this.#limits);
    const traced = { ...call, headers: { ...this.#transport.traceHeaders(), ...call.headers } };
    const request = call.repeat === "keyed" ? withKey(traced) : traced;
    while (true) {
      const url = urlOf(this.#transport, call);
      try {
        return await attempt(this.#transport, url, { ...request, timeoutMs: attempts.timeoutMs() });
      } catch (error) {
        await attempts.failed(url, error);
      }
    }
  }

  async *lines(call: LinesCall): AsyncGenerator<unknown, void, undefined> {
    const attempts = new Attempts(this.#transport, { ...call, repeat: "harmless" }, this.#limits);
    while (true) {
      const connection = this.#linesOf(call);
      try {
        const response = await connection.open().catch(async (error: unknown) => {
          await attempts.failed(connection.url, error);
          return null;
        });
        // Once a line was told there is no going back: another answer would be of another zxid.
        if (response !== null) return yield* readLines(connection.text(response));
      } catch (error) {
        call.signal?.throwIfAborted();
        throw error;
      } finally {
        connection.close();
      }
    }
  }

  #linesOf(call: LinesCall): Connection {
    return new Connection(this.#transport, {
      url: urlOf(this.#transport, call),
      mediaType: "application/x-ndjson",
      headers: { ...this.#transport.traceHeaders(), ...call.headers },
      silenceMsMax: this.#limits.requestTimeoutMs,
      signal: call.signal,
    });
  }
}

type Attempted = Pick<Call, "repeat" | "signal" | "timeoutMs" | "heldMs" | "attemptsMax">;

/** How often a call was tried, and whether it is tried again. */
class Attempts {
  readonly #transport: Transport;
  readonly #call: Attempted;
  readonly #limits: CallLimits;
  readonly #backoff: Backoff;
  readonly #begunAt: Instant;
  #count = 0;
  /** An attempt failed of which it is not known what it did. */
  #mayBeDone = false;

  constructor(transport: Transport, call: Attempted, limits: CallLimits) {
    call.signal?.throwIfAborted();
    this.#transport = transport;
    this.#call = call;
    this.#limits = limits;
    this.#backoff = new Backoff(transport.chance, { retryMs: firstPauseMs });
    this.#begunAt = transport.clock.now();
  }

  /** What the next attempt may take. */
  timeoutMs(): number {
    return Math.min(this.#limits.requestTimeoutMs + (this.#call.heldMs ?? 0), this.#leftMs());
  }

  /** Waits until it is time for another attempt. @throws what the call comes to when there is none */
  async failed(url: URL, error: unknown): Promise<void> {
    const { signal, attemptsMax = this.#limits.attemptsMax } = this.#call;
    signal?.throwIfAborted();
    if (!(error instanceof ConnectionError || error instanceof RequestError)) throw error;
    this.#count += 1;
    if (error instanceof ConnectionError || error.status >= 500) this.#transport.failed(url);
    if (!this.#mayRepeat(error)) throw error;
    this.#mayBeDone ||= error.mayBeDone;
    const delayMs = this.#backoff.nextDelayMs(this.#retryAfterMs(error));
    if (this.#count >= attemptsMax || delayMs >= this.#leftMs()) {
      throw this.#mayBeDone ? error.afterUnknown() : error;
    }
    await pause(this.#transport.clock, delayMs, signal);
  }

  /** What one server asks for is not for the next one, as long as there is one that was not asked yet. */
  #retryAfterMs(error: ConnectionError | RequestError): number {
    if (error instanceof ConnectionError) return 0;
    const isForAnother = error.isOfOneServer && this.#count < this.#transport.endpointCount;
    return isForAnother ? 0 : error.retryAfterMs;
  }

  #mayRepeat(error: ConnectionError | RequestError): boolean {
    if (error instanceof RequestError && error.isPassing) return true;
    if (error instanceof RequestError && !error.isTemporary) return false;
    return this.#call.repeat !== "never" || !error.mayBeDone;
  }

  #leftMs(): number {
    const { timeoutMs = Number.POSITIVE_INFINITY } = this.#call;
    return Math.max(0, timeoutMs - elapsedMs(this.#begunAt, this.#transport.clock.now()));
  }
}

/** One request and its answer, read to the end. */
export async function attempt(transport: Transport, url: URL, request: Call): Promise<Answer> {
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = request;
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancel = transport.clock.setTimer(timeoutMs, () => {
    controller.abort(new ConnectionError(`${url.origin} did not answer within ${Math.round(timeoutMs)} ms.`));
  });
  const sentAt = transport.clock.now();
  try {
    const response = await transport.fetch(url, {
      ...initOf(request, transport),
      signal: controller.signal,
    });
    if (!response.ok && !isAccepted(response, request)) throw await requestErrorOf(response);
    const zxid = Number(response.headers.get("zxid"));
    return { status: response.status, headers: response.headers, body: await jsonIn(response), zxid, sentAt };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ConnectionError || error instanceof RequestError) throw error;
    throw connectionFailed(url, error);
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

function isAccepted(response: Response, { acceptedStatus }: Call): boolean {
  return response.status === acceptedStatus && contentTypeOf(response) === "application/json";
}

function initOf({ method, headers, data, json, isTimeless = false }: Call, { seen }: Transport): RequestInit {
  const body = json === undefined ? data : JSON.stringify(json);
  const contentType = json === undefined ? "application/octet-stream" : "application/json";
  return {
    method,
    cache: "no-store",
    headers: {
      Accept: "application/json",
      ...(body !== undefined && { "Content-Type": contentType }),
      ...(!isTimeless && seen.headers),
      ...headers,
    },
    ...(body !== undefined && { body: body as string | Uint8Array<ArrayBuffer> }),
  };
}

async function jsonIn(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  if (contentTypeOf(response) !== "application/json") throw unexpectedAnswer(response);
  return await response.json();
}

function urlOf(transport: Transport, { path, query = {} }: Pick<Call, "path" | "query">): URL {
  const url = transport.url(path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** The same key for each attempt: by it the server tells that it is one request. */
function withKey(call: Call): Call {
  return { ...call, headers: { ...call.headers, "Idempotency-Key": newKey() } };
}

/** Nobody can guess it: the answer to a request can hold a secret, and whoever has the key can ask for it again. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
