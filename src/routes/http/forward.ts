// What a server that follows another does not answer itself: whatever changes something, and whatever acts for a session or
// tells of its life, which only the server that measures its silence can say. It is asked over there, as it came, and
// answered here when the state here is as new as the answer.

import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { Store } from "../../store/store.ts";
import { connectMsMax, onceConnected, type Upstream } from "../../store/upstream/upstream.ts";
import { addressOf } from "./client-address.ts";
import type { RequestStep } from "./every-request.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { isGone } from "./gone.ts";
import type { PassedStreams } from "./passed-streams.ts";
import { hasMoreToCome, takeItsTime } from "./slow-bodies.ts";

interface ForwardParts {
  readonly store: Store;
  readonly upstream: Upstream;
  /** Where streams are known while they are passed on. */
  readonly streams: PassedStreams;
}

/** Routes that are answered otherwise than their methods say, as far as they act for no session. */
const answeredBy: Readonly<Record<string, "here" | "upstream">> = {
  "POST /v1/watch": "here",
  "POST /v1/sync": "here",
  "POST /v1/tickets": "here",
  "DELETE /v1/admin/watches/:id": "here",
  "DELETE /v1/admin/connections/:id": "here",
  "POST /v1/admin/drain": "here",
  "DELETE /v1/admin/drain": "here",

  "GET /v1/sessions": "upstream",
  "GET /v1/sessions/:id": "upstream",
  "GET /v1/admin/ended-sessions": "upstream",
  "GET /v1/admin/ended-sessions/:id": "upstream",
};

/** Answers that are another server's own words. */
const passedOn = new WeakSet<FastifyReply>();

/** Whether it is what the server that is followed has answered, which has seen to all that goes with it. */
export function isPassedOn(reply: FastifyReply): boolean {
  return passedOn.has(reply);
}

/** The step in front of those that ask who it is: that is asked over there. */
export function forwardToUpstream(parts: ForwardParts | null): readonly RequestStep[] {
  if (parts === null) return [];
  return [
    (request, reply) => {
      const isReachable = parts.store.logState.state !== "suspended";
      if (!goesUpstream(request, isReachable)) return true;
      new Forwarding(request, reply, parts).begin();
      return false;
    },
  ];
}

/** What shows the state is shown from here while nobody over there answers, to those who take what was last known. */
function goesUpstream(request: FastifyRequest, isReachable: boolean): boolean {
  const { method } = request;
  const { url, config } = request.routeOptions;
  if (url === undefined || !url.startsWith("/v1") || method === "OPTIONS") return false;
  if (request.headers["session-token"] !== undefined) return true;
  const isRead = method === "GET" || method === "HEAD";
  if (isRead && !isReachable && config.showsState === true) return false;
  return (answeredBy[`${isRead ? "GET" : method} ${url}`] ?? (isRead ? "here" : "upstream")) === "upstream";
}

/** Nothing at all may come from over there for so long: a wait is shorter, and a stream has heartbeats. */
const silentMsMax = fixedLimits.waitMsMax + 30_000;

class Forwarding {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #store: Store;
  readonly #upstream: Upstream;
  readonly #streams: PassedStreams;
  /** Which is asked. */
  readonly #url: URL;
  /** Whether anything may have arrived over there. */
  #isSent = false;
  #isOver = false;
  #cancelTimer = () => {};

  constructor(request: FastifyRequest, reply: FastifyReply, { store, upstream, streams }: ForwardParts) {
    this.#request = request;
    this.#reply = reply;
    this.#store = store;
    this.#upstream = upstream;
    this.#streams = streams;
    this.#url = upstream.url;
  }

  /** @throws KeeperError */
  begin(): void {
    const { logState, writer } = this.#store;
    if (logState.state === "suspended") throw notDone(logState.cause);
    const { raw, method } = this.#request;
    const via = viaIn(raw.headers);
    if (via.includes(nameInVia(writer)))
      throw new KeeperError("misdirected", "This server follows itself: the request has passed it before.");
    const asked = this.#upstream.request(raw.url ?? "/", { method, headers: this.#headers(via) });
    this.#watch(asked);
    if (hasBody(raw)) {
      if (this.#request.routeOptions.config.hasLongBodies === true) takeItsTime(raw);
      raw.pipe(asked);
      raw.once("error", () => asked.destroy());
      // Whether there is more to send is for the other side to say.
      asked.flushHeaders();
    } else asked.end();
  }

  #headers(via: readonly string[]): IncomingHttpHeaders {
    const { raw } = this.#request;
    const headers = withoutHopByHop(raw.headers);
    for (const name of judgedHere) delete headers[name];
    if (hasBody(raw) && headers["content-length"] === undefined) headers["transfer-encoding"] = "chunked";
    return {
      ...headers,
      "x-forwarded-for": addressOf(this.#request),
      via: [...via, nameInVia(this.#store.writer)].join(", "),
    };
  }

  #watch(asked: ClientRequest): void {
    const giveUp = (reason: string) => asked.destroy(new Error(reason));
    this.#cancelTimer = this.#store.clock.setTimer(connectMsMax, () => giveUp("it cannot be reached"));
    onceConnected(asked, () => {
      this.#isSent = true;
      this.#cancelTimer();
    });
    asked.setTimeout(silentMsMax, () => giveUp("it does not answer"));
    asked.on("error", (error) => this.#fail(error));
    asked.once("response", (answer) => void this.#answer(answer));
    const { raw } = this.#reply;
    raw.once("close", () => {
      this.#isOver = true;
      this.#cancelTimer();
      asked.destroy();
    });
    if (isGone(raw)) asked.destroy();
  }

  /** What was written is read here, too, from here on. */
  async #answer(answer: IncomingMessage): Promise<void> {
    const reply = this.#reply;
    answer.once("aborted", () => this.#breakOff());
    const zxid = Number(answer.headers.zxid);
    if (Number.isSafeInteger(zxid) && zxid > this.#store.zxid) await this.#untilHere(zxid);
    if (this.#isOver || isGone(reply.raw)) return;
    this.#isOver = true;
    passedOn.add(reply);
    reply.code(answer.statusCode ?? 502).headers(answerHeaders(answer.headers));
    if (hasNoBody(this.#request.method, reply.statusCode)) {
      answer.resume();
      reply.send();
      return;
    }
    reply.send(answer);
    if (answer.headers["content-type"]?.startsWith("text/event-stream")) this.#streams.add(answer, reply.raw);
  }

  /** It was done, whether or not this server hears of it in time. */
  async #untilHere(zxid: number): Promise<void> {
    const late = new AbortController();
    const cancel = this.#store.clock.setTimer(fixedLimits.stateWaitMsMax, () => late.abort());
    this.#reply.raw.once("close", () => late.abort());
    await this.#store.atLeast(zxid, late.signal).catch(() => {});
    cancel();
  }

  /** An answer that has begun does not come to its end. Nobody is told another one in its place. */
  #breakOff(): void {
    if (!this.#isOver) this.#fail(new Error("it went away while it answered"));
    else if (!this.#reply.raw.headersSent) cut(this.#reply);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    const { method } = this.#request;
    const isKnown = !this.#isSent || method === "GET" || method === "HEAD";
    if (!this.#isSent) this.#upstream.moveOn(this.#url);
    if (isKnown) this.#reply.send(notDone(error.message));
    else cut(this.#reply);
  }
}

/** Whether it was done nobody knows: its client hears what it would hear from a server that died. */
function cut(reply: FastifyReply): void {
  reply.hijack();
  const { stream } = reply.raw as unknown as Partial<Http2ServerResponse>;
  if (stream === undefined) reply.raw.destroy();
  else stream.close(http2InternalError);
}

const http2InternalError = 2;

function notDone(cause: string): KeeperError {
  return new KeeperError(
    "suspended",
    `The server that this one follows cannot be reached now (${cause}), and only that one can do it. This was not done; ` +
      "retry shortly.",
    { retryAfterSeconds: 1 },
  );
}

/** Which host a request is for, and whether its page may write there, has been seen to; the others are said anew. */
const judgedHere = ["host", "origin", "expect", "forwarded", "x-forwarded-for"];

/** Of a connection, and of no message on it (RFC 9110, 7.6.1). */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

function withoutHopByHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = String(headers.connection ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase());
  const dropped = new Set([...hopByHop, ...named]);
  const kept = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !name.startsWith(":") && !dropped.has(name),
  );
  return Object.fromEntries(kept);
}

/** What this server says of itself it says itself. */
function answerHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const { date: _date, via: _via, ...others } = withoutHopByHop(headers);
  const kept = Object.entries(others).filter(([name]) => !name.startsWith("access-control-"));
  return Object.fromEntries(kept) as Record<string, string | string[]>;
}

function viaIn({ via = "" }: IncomingHttpHeaders): string[] {
  return via === "" ? [] : via.split(",").map((hop) => hop.trim());
}

function nameInVia(writer: string): string {
  return `1.1 treekeeper-${writer}`;
}

function hasBody(raw: IncomingMessage): boolean {
  if (raw.httpVersionMajor > 1) return hasMoreToCome(raw);
  const { "content-length": length, "transfer-encoding": encoding } = raw.headers;
  return encoding !== undefined || (length !== undefined && length !== "0");
}

function hasNoBody(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}
