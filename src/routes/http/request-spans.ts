// Spans of OpenTelemetry: one of each request, and below it where its writes spend their time. They are made by whatever SDK
// the operator has loaded into the process; where none is, none is made, and nothing is asked of a request.

import {
  type Context,
  context,
  createTraceState,
  ProxyTracerProvider,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { CommandFollower, CommandTrace, Stage } from "../../core/write-context.ts";
import { addressOf } from "./client-address.ts";
import type { RequestStep } from "./every-request.ts";
import { traceparentOf } from "./traceparent.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Null where nobody collects them. */
    spans: RequestSpans | null;
  }
}

const tracerName = "treekeeper";

/** Writes of one request that have spans of their own: a batch or an import may have very many. */
const followedMax = 32;

/** That of the SDK which was loaded before; null where there is none. */
export function tracerInUse(version: string): Tracer | null {
  const provider = trace.getTracerProvider();
  // It stands for one that may come later, and makes spans that are none until then.
  const isIdle =
    provider instanceof ProxyTracerProvider && provider.getDelegateTracer(tracerName) === undefined;
  return isIdle ? null : provider.getTracer(tracerName, version);
}

/** Call before any route is added. The step it returns comes first, so that what is refused is seen, too. */
export function spanRequests(app: FastifyInstance, tracer: Tracer | null): RequestStep[] {
  app.decorateRequest("spans", null);
  if (tracer === null) return [];
  return [
    (request, reply) => {
      const spans = new RequestSpans(tracer, request);
      request.spans = spans;
      reply.raw.once("close", () => spans.closed(reply));
      return true;
    },
  ];
}

class RequestSpans implements CommandFollower {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  #followed = 0;
  #isEnded = false;

  constructor(tracer: Tracer, request: FastifyRequest) {
    const parent = parentOf(request);
    const isInner = trace.getSpan(parent)?.isRecording() === true;
    this.#tracer = tracer;
    this.#span = tracer.startSpan(
      nameOf(request),
      { kind: isInner ? SpanKind.INTERNAL : SpanKind.SERVER, attributes: attributesOf(request) },
      parent,
    );
    this.#context = trace.setSpan(parent, this.#span);
  }

  follow(): CommandTrace | undefined {
    if (this.#followed === followedMax || !this.#span.isRecording()) return undefined;
    this.#followed += 1;
    return new CommandSpans((stage) => this.#tracer.startSpan(stage, {}, this.#context));
  }

  /** Of a stream, at its head: it may last for days, and a span is told of at its end. */
  answered(status: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#span.setAttribute("http.response.status_code", status);
    if (status >= 500) {
      this.#span.setAttribute("error.type", String(status));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }

  /** The client may have gone before there was an answer. */
  closed({ raw }: FastifyReply): void {
    if (raw.headersSent) this.answered(raw.statusCode);
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#span.setAttribute("error.type", "client_gone");
    this.#span.end();
  }
}

/** One stage after the other; the last ends with the answer. */
class CommandSpans implements CommandTrace {
  readonly #start: (stage: Stage) => Span;
  #current: Span | null = null;

  constructor(start: (stage: Stage) => Span) {
    this.#start = start;
  }

  enter(stage: Stage): void {
    this.#current?.end();
    this.#current = this.#start(stage);
  }

  end(error?: unknown): void {
    // A refusal is an answer like others, and says in which stage it was given.
    if (error instanceof KeeperError) this.#current?.setAttribute("error.type", error.code);
    this.#current?.end();
  }
}

/**
 * Where the SDK has seen the request before, as its instrumentation of HTTP does, it is what it says; else what the
 * request itself says, whatever the SDK would read.
 */
function parentOf(request: FastifyRequest): Context {
  const active = context.active();
  if (trace.getSpan(active) !== undefined) return active;
  const remote = remoteSpanOf(request);
  return remote === undefined ? active : trace.setSpanContext(active, remote);
}

function remoteSpanOf(request: FastifyRequest): SpanContext | undefined {
  const traceparent = traceparentOf(request);
  if (traceparent === undefined) return undefined;
  const [, traceId, spanId, flags] = traceparent.split("-") as [string, string, string, string];
  const { tracestate } = request.headers;
  return {
    ...{ traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true },
    ...(typeof tracestate === "string" && { traceState: createTraceState(tracestate) }),
  };
}

/** By the route and not by the path, of which there are too many. */
function nameOf({ method, routeOptions: { url } }: FastifyRequest): string {
  return url === undefined ? method : `${method} ${url}`;
}

/** In the words of OpenTelemetry's conventions. The query is left out: a ticket may stand in it. */
function attributesOf(request: FastifyRequest) {
  const { method, url, protocol, raw } = request;
  const { url: route } = request.routeOptions;
  return {
    "http.request.method": method,
    "url.path": url.split("?", 1)[0] as string,
    // A proxy that is believed may pass on whatever a client says of it.
    "url.scheme": protocol === "https" ? "https" : "http",
    "network.protocol.version": raw.httpVersion,
    "client.address": addressOf(request),
    ...(route !== undefined && { "http.route": route }),
  };
}
