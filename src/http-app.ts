// Fastify as the service has it, before any hook or route: what its connections may be like, and what becomes of requests
// that cannot be read.

import type { TlsOptions } from "node:tls";
import Fastify, { type FastifyInstance, type FastifyServerOptions } from "fastify";
import type { Logger } from "pino";
import { clientCertificateOptions } from "./access/client-certificates.ts";
import type { TlsPair } from "./certificate.ts";
import type { Clock } from "./clock.ts";
import { beginBehindProxies, beginInTurn } from "./routes/http/begin-in-turn.ts";
import { browserHeaders } from "./routes/http/browser-headers.ts";
import { type Proxies, readForwarded } from "./routes/http/client-address.ts";
import { ClientTurns } from "./routes/http/client-turns.ts";
import { shareConnections } from "./routes/http/connection-share.ts";
import { fixedLimits } from "./routes/http/fixed-limits.ts";
import type { HttpLimits } from "./routes/http/http-limits.ts";
import { LateConnections } from "./routes/http/late-connections.ts";
import type { OpenConnections } from "./routes/http/open-connections.ts";
import { codeOf, problemHandler } from "./routes/http/problems.ts";
import type { RequestCounts } from "./routes/http/request-counts.ts";
import { meetExpectations } from "./routes/http/request-head.ts";
import { logRequests } from "./routes/http/request-log.ts";
import { serializeWhenNeeded } from "./routes/http/serialization.ts";
import { passOverTakenBack } from "./routes/http/taken-back.ts";
import { originFormOf } from "./routes/http/target.ts";
import type { Unreadable } from "./routes/http/unreadable.ts";
import { validateStrictly } from "./routes/http/validation.ts";
import { endIdleSessions } from "./routes/sessions/idle-sessions.ts";
import type { ServerParts } from "./server-parts.ts";

/** How often it is said that connections cannot be accepted. */
const acceptErrorsEveryMs = 10_000;

/** What requests meet before any hook. */
interface FrontParts {
  readonly unreadable: Unreadable;
  readonly requests: RequestCounts;
  readonly openConnections: OpenConnections;
  readonly proxies: Proxies;
}

export function createApp(
  { store, logger, limits }: Pick<ServerParts, "store" | "logger" | "limits">,
  tls: TlsPair | null,
  { unreadable, requests, openConnections, proxies }: FrontParts,
): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: limits.dataBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    return503OnClosing: false,
    trustProxy: proxies.isEmpty ? false : (address: string) => proxies.has(address),
    routerOptions: { maxParamLength: limits.headerBytesMax },
    rewriteUrl: originFormOf,
    schemaController: { compilersFactory: { buildSerializer: serializeWhenNeeded } },
    frameworkErrors: (error, request, reply) => {
      // No hook is passed here.
      reply.headers({ Zxid: store.zxid, "Cache-Control": "no-store", ...browserHeaders });
      problemHandler(logger)(error, request, reply);
      requests.answeredOutside(reply.statusCode, codeOf(reply) ?? "internal");
    },
    clientErrorHandler: (error, socket) => unreadable.answer(error, socket),
  } satisfies FastifyServerOptions;
  const app =
    tls === null
      ? Fastify({ ...options, forceCloseConnections: "idle", http: nodeOptions(limits) })
      : secureApp(options, tls, limits);
  if (tls !== null) holdThoseWhoTakeBack(app, store.clock, proxies);
  unreadable.follow(app.server);
  openConnections.follow(app.server);
  readForwarded(app, proxies);
  const turns = new ClientTurns();
  beginInTurn(app.server, turns, proxies);
  shareConnections(app, limits, openConnections);
  beginBehindProxies(app, turns, proxies);
  endIdleSessions(app, limits);
  meetExpectations(app.server, Math.max(limits.dataBytesMax, limits.transactionBytesMax));
  validateStrictly(app);
  app.setErrorHandler(problemHandler(logger));
  if (logger.isLevelEnabled("debug")) logRequests(app, logger);
  requests.follow(app);
  noteAcceptErrors(app, logger);
  return app;
}

/** What Node looks at by itself. It looks for slow requests often enough for the shortest bound to mean something. */
function nodeOptions({ headerBytesMax, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs }: HttpLimits) {
  return {
    maxHeaderSize: headerBytesMax,
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, headersTimeoutMs / 4, requestTimeoutMs / 4)),
    // Refused in a problem document instead.
    requireHostHeader: false,
  };
}

/** HTTP/2 lets a browser keep any number of streams on one connection; HTTP/1.1 clients are served all the same. */
function secureApp(options: FastifyServerOptions, tls: TlsPair, limits: HttpLimits): FastifyInstance {
  const https = {
    ...contextOptions(tls),
    allowHTTP1: true,
    ...nodeOptions(limits),
    ...sessionOptions(limits),
  };
  // Requests and replies have one shape to routes, whichever protocol they came by.
  return Fastify({ ...options, http2: true, https } as FastifyServerOptions) as FastifyInstance;
}

export function contextOptions({ cert, key, clientCa }: TlsPair): TlsOptions {
  return { cert, key, ...clientCertificateOptions(clientCa) };
}

/** A session may have as many streams as another connection requests; opening and resetting them is no way around it. */
function sessionOptions({ requestsPerConnectionMax, headerBytesMax }: HttpLimits) {
  return {
    settings: { maxConcurrentStreams: requestsPerConnectionMax, maxHeaderListSize: headerBytesMax },
    streamResetBurst: fixedLimits.streamResetsMax,
    streamResetRate: fixedLimits.streamResetsPerSecondMax,
  };
}

function holdThoseWhoTakeBack({ server }: FastifyInstance, clock: Clock, proxies: Proxies): void {
  const late = new LateConnections(clock, proxies);
  late.follow(server);
  passOverTakenBack(server, (session) => late.count(session));
}

/** What the system will not let us accept is the system's fault, and no reason to end. */
function noteAcceptErrors({ server }: FastifyInstance, logger: Logger): void {
  let lastSaidMs = Number.NEGATIVE_INFINITY;
  server.on("error", (error: NodeJS.ErrnoException) => {
    // What goes wrong as it begins to listen is Fastify's to say.
    if (error.syscall !== "accept") return;
    if (performance.now() - lastSaidMs < acceptErrorsEveryMs) return;
    lastSaidMs = performance.now();
    logger.error({ err: error }, "a connection could not be accepted");
  });
}
