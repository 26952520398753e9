// Spans: of each request one, and below it where its writes spent their time; in the caller's trace, and none where nobody
// has loaded an SDK to collect them.

import {
  type Context,
  type ContextManager,
  context,
  ProxyTracer,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, vi } from "vitest";
import { followedBy } from "../../src/core/write-context.ts";
import { tracerInUse } from "../../src/routes/http/request-spans.ts";
import type { Http } from "../support/http.ts";
import { test as base, serveFor } from "./server-fixture.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callersSpan = "00f067aa0ba902b7";
const traceparent = `00-${traceId}-${callersSpan}-01`;

interface SpansFixture {
  exporter: InMemorySpanExporter;
  traced: Http;
  /** Resolves when so many spans have ended, with all of them in the order of their ends. */
  spans: (count: number) => Promise<ReadableSpan[]>;
}

const test = base.extend<SpansFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  exporter: async ({}, use) => use(new InMemorySpanExporter()),
  traced: async ({ keeper, watches, exporter }, use) => {
    const tracer = providerFor(exporter).getTracer("test");
    const { http, close } = await serveFor(keeper, watches, { tracer });
    await use(http);
    await close();
  },
  spans: async ({ exporter }, use) => {
    await use(async (count) => {
      await vi.waitUntil(() => exporter.getFinishedSpans().length >= count, { interval: 1 });
      return exporter.getFinishedSpans();
    });
  },
});

function providerFor(exporter: InMemorySpanExporter): BasicTracerProvider {
  return new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
}

afterEach(() => {
  vi.restoreAllMocks();
  trace.disable();
  context.disable();
});

function only(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReadableSpan;
}

function nanoseconds([seconds, nanos]: readonly [number, number]): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

test("a PUT is a span in the trace of its caller, and below it stand queue wait, append and apply", async ({
  traced,
  spans,
}) => {
  const headers = { traceparent, tracestate: "vendor=1" };
  const { status } = await traced.put("/v1/znodes/a", { headers, query: "upsert=true", body: "x" });
  expect(status).toBe(201);
  const all = await spans(4);
  expect(all.map(({ name }) => name)).toEqual(["queue wait", "append", "apply", "PUT /v1/znodes/*"]);
  const request = only(all, "PUT /v1/znodes/*");
  expect(request.parentSpanContext).toMatchObject({ traceId, spanId: callersSpan, isRemote: true });
  expect(request.spanContext().traceState?.get("vendor")).toBe("1");
  expect(request.kind).toBe(SpanKind.SERVER);
  expect(request.attributes).toEqual({
    "http.request.method": "PUT",
    "http.route": "/v1/znodes/*",
    "url.path": "/v1/znodes/a",
    "url.scheme": "http",
    "network.protocol.version": "1.1",
    "client.address": "127.0.0.1",
    "http.response.status_code": 201,
  });
  const stages = all.slice(0, 3);
  for (const { parentSpanContext } of stages)
    expect(parentSpanContext).toMatchObject({ traceId, spanId: request.spanContext().spanId });
  const [wait, append, apply] = stages as [ReadableSpan, ReadableSpan, ReadableSpan];
  for (const [earlier, later] of [
    [wait, append],
    [append, apply],
  ] as const)
    expect(nanoseconds(later.startTime)).toBeGreaterThanOrEqual(nanoseconds(earlier.startTime));
});

test("without a traceparent, or with one that is none, a trace begins", async ({ traced, spans }) => {
  await traced.get("/v1/znodes/none");
  await traced.get("/v1/znodes/none", { headers: { traceparent: traceparent.toUpperCase() } });
  const [one, other] = await spans(2);
  expect([one?.parentSpanContext, other?.parentSpanContext]).toEqual([undefined, undefined]);
  expect(one?.spanContext().traceId).not.toBe(other?.spanContext().traceId);
});

test("a caller that does not sample its trace has none collected", async ({ traced, spans }) => {
  await traced.post("/v1/znodes/a", { headers: { traceparent: traceparent.replace(/01$/, "00") } });
  await traced.get("/v1/znodes/a");
  expect((await spans(1)).map(({ name }) => name)).toEqual(["GET /v1/znodes/*"]);
});

test("what is refused has a span, which says so in its status and at the stage that refused it", async ({
  traced,
  spans,
}) => {
  await traced.delete("/v1/znodes/none");
  await traced.get("/v1/nothing");
  await traced.post("/v1/znodes/a", { json: {}, query: "nonsense=1" });
  const all = await spans(6);
  expect(only(all, "apply").attributes).toEqual({ "error.type": "no_node" });
  const requests = all.filter(({ kind }) => kind === SpanKind.SERVER);
  const statuses = requests.map(({ attributes }) => attributes["http.response.status_code"]);
  expect(statuses).toEqual([404, 404, 400]);
  for (const { status } of requests) expect(status.code).toBe(SpanStatusCode.UNSET);
});

test("a request that met a bug has an error for its status", async ({ keeper, watches, exporter, spans }) => {
  const tracer = providerFor(exporter).getTracer("test");
  const { http, server, close } = await serveFor(keeper, watches, { tracer });
  vi.spyOn(keeper.store, "reader").mockImplementation(() => {
    throw new Error("a bug");
  });
  expect((await http.get("/v1/znodes/a")).status).toBe(500);
  vi.restoreAllMocks();
  const [span] = await spans(1);
  expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  expect(span?.attributes).toMatchObject({ "error.type": "500", "http.response.status_code": 500 });
  expect(server.app.server.listening).toBe(true);
  await close();
});

test("the span of a stream ends where the stream begins", async ({ traced, spans }) => {
  const stream = await traced.stream("/v1/watch", { query: { path: "/a" } });
  const [span] = await spans(1);
  expect(span?.name).toBe("GET /v1/watch");
  expect(span?.attributes["http.response.status_code"]).toBe(200);
  expect(stream.isEnded).toBe(false);
  stream.close();
  await stream.untilEnd();
  await traced.get("/livez");
  expect((await spans(2)).map(({ name }) => name)).toEqual(["GET /v1/watch", "GET /livez"]);
});

test("a client that goes away has a span that says so, and its write goes on", async ({
  keeper,
  traced,
  spans,
}) => {
  keeper.log.hold();
  const abort = new AbortController();
  const asking = traced.fetch("PUT", "/v1/znodes/a", { body: "x" }, abort.signal);
  await spans(1);
  abort.abort();
  await expect(asking).rejects.toThrow();
  const [, request] = await spans(2);
  expect(request?.attributes).toMatchObject({ "http.request.method": "PUT", "error.type": "client_gone" });
  expect(request?.attributes).not.toHaveProperty("http.response.status_code");
  keeper.log.release();
  expect((await spans(4)).map(({ name }) => name)).toEqual([
    "queue wait",
    "PUT /v1/znodes/*",
    "append",
    "apply",
  ]);
});

test("of one request only so many writes have spans of their own", async ({ traced, spans }) => {
  const operations = Array.from({ length: 40 }, (_, index) => ({ op: "create", path: `/${index}` }));
  await traced.post("/v1/batch", { json: { operations } });
  const all = await spans(97);
  expect(all.filter(({ name }) => name === "apply")).toHaveLength(32);
  only(all, "POST /v1/batch");
});

test("where the SDK has a span of the request already, that one is the parent", async ({
  traced,
  exporter,
  spans,
}) => {
  const outer = providerFor(exporter).getTracer("http").startSpan("outer");
  const active = trace.setSpan(ROOT_CONTEXT, outer);
  context.setGlobalContextManager(alwaysIn(active));
  await traced.get("/livez", { headers: { traceparent } });
  const [span] = await spans(1);
  expect(span?.parentSpanContext).toEqual(outer.spanContext());
  expect(span?.kind).toBe(SpanKind.INTERNAL);
});

function alwaysIn(active: Context): ContextManager {
  const manager: ContextManager = {
    active: () => active,
    with: (_context, fn, thisArg, ...args) => fn.call(thisArg as never, ...args),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}

test("without an SDK nothing of a span is made, and no write is followed", async ({ keeper, watches }) => {
  expect(tracerInUse("1")).toBeNull();
  const made = [
    vi.spyOn(ProxyTracer.prototype, "startSpan"),
    vi.spyOn(trace, "setSpan"),
    vi.spyOn(trace, "setSpanContext"),
    vi.spyOn(trace, "wrapSpanContext"),
    vi.spyOn(context, "active"),
  ];
  const submitted = vi.spyOn(keeper.store, "submit");
  const { http, close } = await serveFor(keeper, watches, { tracer: tracerInUse("1") });
  await http.post("/v1/znodes/a", { headers: { traceparent } });
  await http.get("/v1/znodes/a", { headers: { traceparent } });
  await close();
  for (const spy of made) expect(spy).not.toHaveBeenCalled();
  expect(submitted).toHaveBeenCalledTimes(1);
  const [command] = submitted.mock.calls[0] as [object];
  expect(Object.getOwnPropertySymbols(command)).not.toContain(followedBy);
});

test("the SDK that was loaded before the start is found", ({ exporter }) => {
  trace.setGlobalTracerProvider(providerFor(exporter));
  const tracer = tracerInUse("1.2.3");
  tracer?.startSpan("found").end();
  expect(exporter.getFinishedSpans()).toMatchObject([
    { name: "found", instrumentationScope: { name: "treekeeper", version: "1.2.3" } },
  ]);
});
