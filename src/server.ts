// Where store, sessions, watches and routes meet: an HTTP server over parts that are already open.

import type { TlsOptions, Server as TlsServer } from "node:tls";
import accepts from "@fastify/accepts";
import cors, { type FastifyCorsOptions } from "@fastify/cors";
import type { Tracer } from "@opentelemetry/api";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyServerOptions } from "fastify";
import type { Logger } from "pino";
import { clientCertificateOptions } from "./access/client-certificates.ts";
import type { JwtKeys } from "./access/jwt-keys.ts";
import { Tickets } from "./access/tickets.ts";
import type { TlsPair } from "./certificate.ts";
import { type ConnectionEnd, Connections, type SurplusBound } from "./connections.ts";
import type { Coordination } from "./coordination/coordination.ts";
import { KeeperError } from "./core/errors.ts";
import type { Limits } from "./core/limits.ts";
import { Doors } from "./listening.ts";
import { metricsText } from "./metrics.ts";
import { metricsMediaType } from "./metrics-text.ts";
import { policyRoutes } from "./routes/access/policies.ts";
import { ticketRoutes } from "./routes/access/tickets.ts";
import { tokenRoutes } from "./routes/access/tokens.ts";
import { barrierRoutes } from "./routes/coordination/barriers.ts";
import { counterRoutes } from "./routes/coordination/counters.ts";
import { electionRoutes } from "./routes/coordination/elections.ts";
import { lockRoutes } from "./routes/coordination/locks.ts";
import { serviceEventRoutes } from "./routes/coordination/service-events.ts";
import { serviceRoutes } from "./routes/coordination/services.ts";
import { Answers, holdAnswers, makeRoomFirst } from "./routes/http/answers.ts";
import { auditRequests } from "./routes/http/audit.ts";
import type { Audit } from "./routes/http/audited-request.ts";
import { BodiesInFlight } from "./routes/http/bodies-in-flight.ts";
import { browserHeaders, instructBrowsers } from "./routes/http/browser-headers.ts";
import { instructCaches, noteForms } from "./routes/http/caching.ts";
import { Proxies, readForwarded } from "./routes/http/client-address.ts";
import { shareConnections } from "./routes/http/connection-share.ts";
import { ignoreContentType } from "./routes/http/content-type.ts";
import { Drain } from "./routes/http/drain.ts";
import { type AnswerStep, passAnswers, passRequests, type RequestStep } from "./routes/http/every-request.ts";
import { fixedLimits } from "./routes/http/fixed-limits.ts";
import { forwardToUpstream, isPassedOn } from "./routes/http/forward.ts";
import { refuseOtherHosts } from "./routes/http/host.ts";
import type { HttpLimits } from "./routes/http/http-limits.ts";
import { acceptJsonBodies } from "./routes/http/json-bodies.ts";
import type { OpenStreams } from "./routes/http/latest-streams.ts";
import { collectMethods } from "./routes/http/methods.ts";
import { OpenConnections } from "./routes/http/open-connections.ts";
import { refuseOtherOrigins } from "./routes/http/origin.ts";
import { PassedStreams } from "./routes/http/passed-streams.ts";
import { codeOf, problemHandler, sendProblemAndClose } from "./routes/http/problems.ts";
import { Rates } from "./routes/http/rates.ts";
import { RequestCounts } from "./routes/http/request-counts.ts";
import { meetExpectations, refuseUnclearHead } from "./routes/http/request-head.ts";
import { logRequests } from "./routes/http/request-log.ts";
import { spanRequests } from "./routes/http/request-spans.ts";
import { serializeWhenNeeded } from "./routes/http/serialization.ts";
import { shareHolderAt } from "./routes/http/share-holder.ts";
import { endSlowBodies, markLongBodies } from "./routes/http/slow-bodies.ts";
import { originFormOf, refuseUnclearTarget } from "./routes/http/target.ts";
import { Unreadable } from "./routes/http/unreadable.ts";
import { validateStrictly } from "./routes/http/validation.ts";
import { adminConnectionRoutes } from "./routes/operations/admin-connections.ts";
import { backupRoutes } from "./routes/operations/backup.ts";
import { drainRoutes } from "./routes/operations/drain.ts";
import { healthRoutes } from "./routes/operations/health.ts";
import { Health, type HealthLimits } from "./routes/operations/health-checks.ts";
import { homeRoutes } from "./routes/operations/home.ts";
import { limitsRoutes } from "./routes/operations/limits.ts";
import { llmsRoutes } from "./routes/operations/llms.ts";
import { type LogReaders, logRoutes } from "./routes/operations/log.ts";
import { metricsRoutes } from "./routes/operations/metrics.ts";
import { documentRoutes, openapiRoutes } from "./routes/operations/openapi.ts";
import { type ListedServer, serverRoutes } from "./routes/operations/servers.ts";
import { statsRoutes } from "./routes/operations/stats.ts";
import { syncRoutes } from "./routes/operations/sync.ts";
import { endedSessionRoutes } from "./routes/sessions/ended-sessions.ts";
import { endIdleSessions } from "./routes/sessions/idle-sessions.ts";
import { sessionEventRoutes } from "./routes/sessions/session-events.ts";
import { sessionRoutes } from "./routes/sessions/sessions.ts";
import { adminWatchRoutes } from "./routes/watches/admin-watches.ts";
import { watchRoutes } from "./routes/watches/watch.ts";
import { authenticate, type Caller, Callers, takeTickets } from "./routes/wire/callers.ts";
import { awaitState, dateStale, takeFreshness } from "./routes/wire/freshness.ts";
import type { IdempotencyLimits } from "./routes/wire/idempotency-limits.ts";
import { aclRoutes } from "./routes/znodes/acl.ts";
import { batchRoutes } from "./routes/znodes/batch.ts";
import { childrenRoutes } from "./routes/znodes/children.ts";
import { deleteTreeRoutes } from "./routes/znodes/delete-tree.ts";
import { importRoutes } from "./routes/znodes/import.ts";
import { quotaRoutes } from "./routes/znodes/quotas.ts";
import { readZnodeRoutes } from "./routes/znodes/read-znode.ts";
import { transactionRoutes } from "./routes/znodes/transactions.ts";
import { treeRoutes } from "./routes/znodes/tree.ts";
import { znodeRoutes } from "./routes/znodes/znodes.ts";
import type { Sessions } from "./sessions/sessions.ts";
import { type Backstage, durationsOf, type MeasuredParts, type PartsStats, partsStats } from "./stats.ts";
import { endStillReaders } from "./still-readers.ts";
import type { BackupSource } from "./store/backup-source.ts";
import type { Store } from "./store/store.ts";
import type { Upstream } from "./store/upstream/upstream.ts";
import type { UpstreamLog } from "./store/upstream/upstream-log.ts";
import type { Watches } from "./watches/watches.ts";

export interface ServerParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly coordination: Coordination;
  /** Where the server follows another. */
  readonly follower?: FollowerParts | undefined;
  /** Left out where the store is in no file. */
  readonly backups?: BackupSource;
  readonly limits: Limits & HttpLimits & HealthLimits & IdempotencyLimits;
  /** Every bound in force, by the name of its setting. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly logger: Logger;
  readonly version: string;
  /** Where it is noted who did what; nowhere when it is left out. */
  readonly audit?: Audit | undefined;
  /** Who serves the same tree, this one first; it is alone when it is left out. */
  readonly servers?: () => readonly ListedServer[];
  /** What is measured beside what the server is made of. */
  readonly backstage?: Backstage;
  /** What makes spans of requests; they have none when it is left out. */
  readonly tracer?: Tracer | null;
}

/** What a server has that follows another. */
interface FollowerParts {
  readonly upstream: Upstream;
  readonly log: Pick<UpstreamLog, "servers" | "lag">;
}

interface ServerOptions {
  /** Origins whose pages may use the service, comma-separated, or `*`; none when empty. */
  readonly corsOrigin: string;
  /** Names the service has, besides addresses and `localhost`. */
  readonly hostNames: readonly string[];
  /** Addresses and networks of proxies that are believed where a request comes from; none, without. */
  readonly trustedProxies?: readonly string[];
  readonly tls: TlsPair | null;
  /** Those by which tokens of an issuer outside are taken; none are, without. */
  readonly jwtKeys?: JwtKeys | null;
}

const plainOptions: ServerOptions = { corsOrigin: "", hostNames: [], tls: null };

export interface Server {
  readonly app: FastifyInstance;
  /** All that a host stands for; of several addresses at least one. */
  readonly doors: Doors;
  /** What each part counts, as of now. */
  stats(): PartsStats;
  /** All metrics, as Prometheus reads them. */
  metrics(): string;
  /** With TLS: what new connections get from here on. Those that are open go on. */
  useCertificate(pair: TlsPair): void;
  /** Streams say `bye`, requests under way are answered, connections close. */
  close(): Promise<void>;
}

/** Time that requests under way have left when the server closes. */
const closeWithinMs = 5000;

/** How often it is said that connections cannot be accepted. */
const acceptErrorsEveryMs = 10_000;

export async function createServer(parts: ServerParts, options = plainOptions): Promise<Server> {
  const { store, sessions, watches, coordination, limits, version, follower } = parts;
  let isStopping = false;
  const requests = new RequestCounts();
  const unreadable = new Unreadable(limits, () => requests.unreadable());
  const openConnections = new OpenConnections();
  const proxies = new Proxies(options.trustedProxies ?? []);
  const app = createApp(parts, { ...options, proxies }, { unreadable, requests, openConnections });
  requests.follow(app);
  const connections = countConnections(app, parts, proxies);
  noteAcceptErrors(app, parts.logger);
  const stopLooking = endStillReaders(app.server, store.clock, limits);
  const answers = new Answers(limits, store.clock);
  const rates = new Rates(limits, store.clock);
  const streams: OpenStreams[] = [];
  const passedStreams = new PassedStreams();
  const drain = new Drain({
    clock: store.clock,
    streams: () => [watches, ...streams, passedStreams],
    connections: openConnections,
  });
  const assertPriced = rates.priceRoutes(app);
  noteForms(app);
  makeRoomFirst(app, answers);
  markLongBodies(app);
  passAnswers(app, [
    finishAnswers(store),
    sendElsewhere(drain, openConnections),
    dateStale(store),
    ...auditSteps(app, parts),
    ...[instructCaches, instructBrowsers],
    ...rates.answerSteps(),
    holdAnswers(answers),
    requests.answer,
  ]);
  await app.register(accepts);
  const tickets = new Tickets<Caller>(store.clock);
  const origins = originsIn(options.corsOrigin);
  if (origins.length > 0) await app.register(cors, corsOptions(origins));
  passRequests(app, [
    requests.hear,
    ...spanRequests(app, parts.tracer ?? null),
    unreadable.refuseBehind,
    refuseUnclearHead,
    refuseOtherHosts(options.hostNames),
    endSlowBodies(limits),
    refuseUnclearTarget,
    refuseSurplus(connections),
    ...rates.requestSteps(),
    refuseOtherOrigins(origins),
    ignoreContentType,
    ...forwardToUpstream(
      follower === undefined ? null : { store, upstream: follower.upstream, streams: passedStreams },
    ),
    awaitState(parts),
    authenticate(app, new Callers({ ...parts, tickets, jwtKeys: options.jwtKeys ?? null })),
    ...rates.callerSteps(),
  ]);
  const assertReadsTold = takeFreshness(app);
  takeTickets(app);
  await documentRoutes(app, version);
  const answerOtherMethods = collectMethods(app);

  const bodies = new BodiesInFlight(limits);
  const logReaders: LogReaders[] = [];
  openapiRoutes(app);
  const health = new Health({
    ...{ store, limits, followed: follower?.log },
    ...parts.backstage,
    isStopping: () => isStopping,
    isDraining: () => drain.isOfAll,
  });
  await app.register(async (scope) => homeRoutes(scope, version, health));
  llmsRoutes(app);
  healthRoutes(app, health, store);
  const measured: MeasuredParts = {
    ...{ store, sessions, watches, coordination, backups: parts.backups, logReaders },
    followed: follower?.log ?? null,
    backstage: parts.backstage ?? {},
    ...{ requests, connections, answers, bodies, rates, latestStreams: streams, drain },
  };
  const figures = () => partsStats(measured);
  const metrics = () => metricsText({ parts: measured, stats: figures(), version, checks: health.report() });
  metricsRoutes(app, { mediaType: metricsMediaType, text: metrics });
  await app.register(async (scope) => znodeRoutes(scope, { ...parts, bodies, rates }));
  readZnodeRoutes(app, { ...parts, answers });
  await app.register(async (scope) => importRoutes(scope, { ...parts, bodies, rates }));
  await app.register(async (scope) => {
    acceptJsonBodies(scope, bodies, limits);
    childrenRoutes(scope, { ...parts, answers });
    deleteTreeRoutes(scope, { ...parts, rates });
    treeRoutes(scope, { ...parts, answers });
    transactionRoutes(scope, parts);
    quotaRoutes(scope, parts);
    aclRoutes(scope, parts);
    batchRoutes(scope, parts);
    sessionRoutes(scope, parts);
    streams.push(sessionEventRoutes(scope, parts));
    watchRoutes(scope, { watches, store, limits });
    adminWatchRoutes(scope, watches);
    backupRoutes(scope, { ...parts, answers });
    logReaders.push(logRoutes(scope, { store, upstreamServers: () => follower?.log.servers ?? [] }));
    adminConnectionRoutes(scope, openConnections);
    drainRoutes(scope, drain);
    endedSessionRoutes(scope, sessions);
    serverRoutes(scope, { store, servers: parts.servers ?? (() => [aloneServer(parts)]) });
    statsRoutes(scope, { version, health, store, sessions, figures, durations: () => durationsOf(measured) });
    limitsRoutes(scope, parts);
    syncRoutes(scope, parts);
    streams.push(lockRoutes(scope, parts));
    streams.push(electionRoutes(scope, parts));
    serviceRoutes(scope, parts);
    serviceEventRoutes(scope, parts);
    counterRoutes(scope, parts);
    barrierRoutes(scope, parts);
    policyRoutes(scope, parts);
    tokenRoutes(scope, parts);
    ticketRoutes(scope, tickets);
  });
  assertPriced();
  assertReadsTold();
  answerOtherMethods();
  await app.ready();

  const doors = new Doors(app);
  return {
    app,
    doors,
    stats: figures,
    metrics,
    useCertificate(pair) {
      (app.server as unknown as TlsServer).setSecureContext(contextOptions(pair));
    },
    async close() {
      isStopping = true;
      drain.stop();
      watches.close("shutdown");
      coordination.stop();
      for (const stream of [...streams, passedStreams]) stream.close();
      const isReaders = (end: ConnectionEnd) => logReaders.some((readers) => readers.areOn(end));
      const closed = connections.end(closeWithinMs, isReaders);
      const told = logReaders.map((readers) => readers.close(() => connections.hasOthers(isReaders)));
      await Promise.all([app.close(), doors.close()]).finally(() => {
        for (const end of [closed, ...told]) end();
        health.stop();
        stopLooking();
      });
    },
  };
}

/** Of which nobody has said how it is called. */
function aloneServer({ store, version }: ServerParts): ListedServer {
  return {
    ...{ id: store.writer, name: "", url: "", version, isThis: true, upForMs: 0 },
    ...{ position: store.place.lsn, behindEntries: 0, behindMs: 0, heardBeforeMs: 0 },
  };
}

/** What requests meet before any hook. */
interface AppParts {
  readonly unreadable: Unreadable;
  readonly requests: RequestCounts;
  readonly openConnections: OpenConnections;
}

function createApp(
  { store, logger, limits }: ServerParts,
  { tls, proxies }: ServerOptions & { readonly proxies: Proxies },
  { unreadable, requests, openConnections }: AppParts,
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
  unreadable.follow(app.server);
  openConnections.follow(app.server);
  readForwarded(app, proxies);
  shareConnections(app, limits, openConnections);
  endIdleSessions(app, limits);
  meetExpectations(app.server, Math.max(limits.dataBytesMax, limits.transactionBytesMax));
  validateStrictly(app);
  app.setErrorHandler(problemHandler(logger));
  if (logger.isLevelEnabled("debug")) logRequests(app, logger);
  return app;
}

function countConnections(
  app: FastifyInstance,
  { limits, logger }: ServerParts,
  proxies: Proxies,
): Connections {
  const { connectionsMax, connectionsPerClientMax } = limits;
  const { surplusConnectionsMax = fixedLimits.surplusConnectionsMax } = limits;
  const bounds = { connectionsMax, connectionsPerClientMax, surplusConnectionsMax };
  const owners = { clientAt: shareHolderAt, isMany: (address?: string) => proxies.has(address) };
  return new Connections(app.server, bounds, owners, (crowd) =>
    logger.warn(crowd, "too many connections: beyond the bound only sessions are kept and closed"),
  );
}

/** What answers have in common, whatever they say. */
function finishAnswers(store: Store): AnswerStep {
  return (request, reply, payload) => {
    if (!request.url.startsWith("/v1")) return payload;
    // How much is written is told to those who are known. An answer of another server is of the state over there.
    if (reply.statusCode !== 401 && !isPassedOn(reply)) reply.header("zxid", store.zxid);
    leaveOutLongLocation(reply);
    // Text here is JSON; its last line ends as lines do, so that a shell's prompt does not run into it.
    return typeof payload === "string" && payload !== "" ? `${payload}\n` : payload;
  };
}

/** HTTP/2 is told otherwise, and takes no such header. */
function sendElsewhere(drain: Drain, connections: OpenConnections): AnswerStep {
  return ({ raw }, reply, payload) => {
    if (drain.percent === 0 || raw.httpVersionMajor > 1) return payload;
    if (drain.isOfAll || connections.isLeaving(raw.socket)) reply.header("connection", "close");
    return payload;
  };
}

function auditSteps(app: FastifyInstance, { store, limits, audit }: ServerParts): AnswerStep[] {
  if (audit === undefined) return [];
  const { pathLengthMax } = limits;
  return [auditRequests(app, { ...audit, pathLengthMax, zxid: () => store.zxid })];
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

function contextOptions({ cert, key, clientCa }: TlsPair): TlsOptions {
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

function originsIn(corsOrigin: string): "*" | readonly string[] {
  if (corsOrigin === "*") return "*";
  return corsOrigin === "" ? [] : corsOrigin.split(",").map((origin) => origin.trim());
}

/** A page may read what curl may read; preflights are remembered for a day. */
function corsOptions(origins: "*" | readonly string[]): FastifyCorsOptions {
  return {
    origin: origins === "*" ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: [
      "Backup-Zxid",
      "ETag",
      "Idempotency-Replayed",
      "Location",
      "Repr-Digest",
      "Retry-After",
      "Stale-Ms",
      "Zxid",
      "Zxid-Oldest",
    ],
    maxAge: 86_400,
    // A preflight is answered as any OPTIONS is, with Allow; one that is none is no fault.
    preflightContinue: true,
    strictPreflight: false,
  };
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

/** On a connection too many sessions are kept and closed all the same: whose they are did not open the others. */
function refuseSurplus(connections: Connections): RequestStep {
  return (request, reply) => {
    const bound = connections.surplusOf(request.raw);
    if (bound === null) return true;
    if (request.routeOptions.config?.isServedAlways) {
      if (request.raw.httpVersionMajor === 1) reply.header("Connection", "close");
      return true;
    }
    sendProblemAndClose(request, reply, tooManyConnections(bound));
    return false;
  };
}

function tooManyConnections({ limit, limitValue }: SurplusBound): KeeperError {
  const who = limit === "connectionsMax" ? "The server" : "This client";
  const message = `${who} has ${limitValue} connections, and no more are served now; nothing was done.`;
  return new KeeperError("throttled", message, { limit, limitValue, retryAfterSeconds: 1 });
}

/** What was made would look as if it was not: the answer could not be read for its headers. */
function leaveOutLongLocation(reply: FastifyReply): void {
  const location = reply.getHeader("location");
  if (location !== undefined && String(location).length > fixedLimits.locationBytesMax)
    reply.removeHeader("location");
}
