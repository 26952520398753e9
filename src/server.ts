// Where store, sessions, watches and routes meet: an HTTP server over parts that are already open.

import type { Server as TlsServer } from "node:tls";
import accepts from "@fastify/accepts";
import cors, { type FastifyCorsOptions } from "@fastify/cors";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { JwtKeys } from "./access/jwt-keys.ts";
import { Tickets } from "./access/tickets.ts";
import { addRoutes } from "./all-routes.ts";
import type { TlsPair } from "./certificate.ts";
import { type ConnectionEnd, Connections, type SurplusBound } from "./connections.ts";
import { KeeperError } from "./core/errors.ts";
import { contextOptions, createApp } from "./http-app.ts";
import { Doors } from "./listening.ts";
import { metricsText } from "./metrics/metrics.ts";
import { Answers, holdAnswers, makeRoomFirst } from "./routes/http/answers.ts";
import { auditRequests } from "./routes/http/audit.ts";
import { BodiesInFlight } from "./routes/http/bodies-in-flight.ts";
import { instructBrowsers } from "./routes/http/browser-headers.ts";
import { instructCaches, noteForms } from "./routes/http/caching.ts";
import { Proxies } from "./routes/http/client-address.ts";
import { ignoreContentType } from "./routes/http/content-type.ts";
import { Drain } from "./routes/http/drain.ts";
import { type AnswerStep, passAnswers, passRequests, type RequestStep } from "./routes/http/every-request.ts";
import { fixedLimits } from "./routes/http/fixed-limits.ts";
import { forwardToUpstream, isPassedOn } from "./routes/http/forward.ts";
import { refuseOtherHosts } from "./routes/http/host.ts";
import type { OpenStreams } from "./routes/http/latest-streams.ts";
import { collectMethods } from "./routes/http/methods.ts";
import { OpenConnections } from "./routes/http/open-connections.ts";
import { refuseOtherOrigins } from "./routes/http/origin.ts";
import { PassedStreams } from "./routes/http/passed-streams.ts";
import { sendProblemAndClose } from "./routes/http/problems.ts";
import { Rates } from "./routes/http/rates.ts";
import { RequestCounts } from "./routes/http/request-counts.ts";
import { refuseUnclearHead } from "./routes/http/request-head.ts";
import { spanRequests } from "./routes/http/request-spans.ts";
import { shareHolderAt } from "./routes/http/share-holder.ts";
import { endSlowBodies, markLongBodies } from "./routes/http/slow-bodies.ts";
import { refuseUnclearTarget } from "./routes/http/target.ts";
import { Unreadable } from "./routes/http/unreadable.ts";
import { Health } from "./routes/operations/health-checks.ts";
import type { LogReaders } from "./routes/operations/log-readers.ts";
import { documentRoutes } from "./routes/operations/openapi.ts";
import { authenticate, type Caller, Callers, takeTickets } from "./routes/wire/callers.ts";
import { awaitState, dateStale, takeFreshness } from "./routes/wire/freshness.ts";
import type { ServerParts } from "./server-parts.ts";
import { durationsOf, type MeasuredParts, type PartsStats, partsStats } from "./stats.ts";
import { endStillReaders } from "./still-readers.ts";
import type { Store } from "./store/store.ts";

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

export async function createServer(parts: ServerParts, options = plainOptions): Promise<Server> {
  const { store, watches, coordination, limits, version } = parts;
  let isStopping = false;
  const inside = insideOf(parts, options, () => isStopping);
  const { streams, passedStreams, logReaders, drain, health } = inside;
  const app = createApp(parts, options.tls, inside);
  const connections = countConnections(app, parts, inside);
  const stopLooking = endStillReaders(app.server, store.clock, limits);
  const assertAllIsSaid = await passEverything(app, parts, options, { ...inside, connections });
  const measured = measuredOf(parts, inside, connections);
  const figures = () => partsStats(measured);
  const metrics = () => metricsText({ parts: measured, stats: figures(), version, checks: health.report() });
  await addRoutes(app, parts, { ...inside, figures, metrics, durations: () => durationsOf(measured) });
  assertAllIsSaid();
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

/** What the server has besides its parts; each is by itself until hooks and routes bring them together. */
function insideOf(parts: ServerParts, { trustedProxies }: ServerOptions, isStopping: () => boolean) {
  const { store, watches, limits, follower, backstage } = parts;
  const { clock } = store;
  const requests = new RequestCounts();
  const openConnections = new OpenConnections();
  /** Filled by the routes that have them. */
  const streams: OpenStreams[] = [];
  const passedStreams = new PassedStreams();
  const logReaders: LogReaders[] = [];
  const drain = new Drain({
    clock,
    streams: () => [watches, ...streams, passedStreams],
    connections: openConnections,
  });
  return {
    ...{ requests, openConnections, streams, passedStreams, logReaders, drain },
    unreadable: new Unreadable(limits, () => requests.unreadable()),
    proxies: new Proxies(trustedProxies ?? []),
    answers: new Answers(limits, clock),
    bodies: new BodiesInFlight(limits),
    rates: new Rates(limits, clock),
    tickets: new Tickets<Caller>(clock),
    health: new Health({
      ...{ store, limits, followed: follower?.log },
      ...backstage,
      isStopping,
      isDraining: () => drain.isOfAll,
    }),
  };
}

type Inside = ReturnType<typeof insideOf>;

/** With the connections that are counted. */
interface Counting extends Inside {
  readonly connections: Connections;
}

function measuredOf(parts: ServerParts, inside: Inside, connections: Connections): MeasuredParts {
  const { store, sessions, watches, coordination, backups, follower, backstage } = parts;
  const { requests, answers, bodies, rates, streams, logReaders, drain } = inside;
  return {
    ...{ store, sessions, watches, coordination, backups, logReaders },
    followed: follower?.log ?? null,
    backstage: backstage ?? {},
    ...{ requests, connections, answers, bodies, rates, latestStreams: streams, drain },
  };
}

/**
 * What holds for every request and route, before there is any: hooks are passed in the order in which they are added.
 * @returns what is called behind the last route, and throws where one of them left out what each has to say
 */
async function passEverything(
  app: FastifyInstance,
  parts: ServerParts,
  options: ServerOptions,
  inside: Counting,
): Promise<() => void> {
  const assertPriced = inside.rates.priceRoutes(app);
  noteForms(app);
  makeRoomFirst(app, inside.answers);
  markLongBodies(app);
  passAnswers(app, answerSteps(app, parts, inside));
  await app.register(accepts);
  const origins = originsIn(options.corsOrigin);
  if (origins.length > 0) await app.register(cors, corsOptions(origins));
  passRequests(app, requestSteps(app, parts, options, inside));
  const assertReadsTold = takeFreshness(app);
  takeTickets(app);
  await documentRoutes(app, parts.version);
  const answerOtherMethods = collectMethods(app);
  return () => {
    assertPriced();
    assertReadsTold();
    answerOtherMethods();
  };
}

/** In this order: it is counted; can be read and is meant for this server; there is room for it; then it is asked whose it is. */
function requestSteps(
  app: FastifyInstance,
  parts: ServerParts,
  { hostNames, corsOrigin, jwtKeys = null }: ServerOptions,
  { requests, unreadable, connections, rates, tickets, passedStreams }: Counting,
): readonly RequestStep[] {
  const { store, follower, limits } = parts;
  return [
    requests.hear,
    ...spanRequests(app, parts.tracer ?? null),
    unreadable.refuseBehind,
    refuseUnclearHead,
    refuseOtherHosts(hostNames),
    endSlowBodies(limits),
    refuseUnclearTarget,
    refuseSurplus(connections),
    ...rates.requestSteps(),
    refuseOtherOrigins(originsIn(corsOrigin)),
    ignoreContentType,
    ...forwardToUpstream(
      follower === undefined ? null : { store, upstream: follower.upstream, streams: passedStreams },
    ),
    awaitState(parts),
    authenticate(app, new Callers({ ...parts, tickets, jwtKeys })),
    ...rates.callerSteps(),
  ];
}

/** What it says comes before what it costs, and that before the room that it takes. */
function answerSteps(
  app: FastifyInstance,
  parts: ServerParts,
  { requests, openConnections, rates, answers, drain }: Inside,
): readonly AnswerStep[] {
  const { store } = parts;
  return [
    finishAnswers(store),
    sendElsewhere(drain, openConnections),
    dateStale(store),
    ...auditSteps(app, parts),
    ...[instructCaches, instructBrowsers],
    ...rates.answerSteps(),
    holdAnswers(answers),
    requests.answer,
  ];
}

function countConnections(
  app: FastifyInstance,
  { limits, logger }: ServerParts,
  { proxies }: Inside,
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
