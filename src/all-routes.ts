// All routes, by what they are about. They are added behind what every request passes, which is the server's to say.

import type { FastifyInstance } from "fastify";
import type { Tickets } from "./access/tickets.ts";
import { metricsMediaType } from "./metrics/metrics-text.ts";
import { policyRoutes } from "./routes/access/policies.ts";
import { ticketRoutes } from "./routes/access/tickets.ts";
import { tokenRoutes } from "./routes/access/tokens.ts";
import { barrierRoutes } from "./routes/coordination/barriers.ts";
import { counterRoutes } from "./routes/coordination/counters.ts";
import { electionRoutes } from "./routes/coordination/elections.ts";
import { lockRoutes } from "./routes/coordination/locks.ts";
import { serviceEventRoutes } from "./routes/coordination/service-events.ts";
import { serviceRoutes } from "./routes/coordination/services.ts";
import type { Answers } from "./routes/http/answers.ts";
import type { BodiesInFlight } from "./routes/http/bodies-in-flight.ts";
import type { Drain } from "./routes/http/drain.ts";
import { acceptJsonBodies } from "./routes/http/json-bodies.ts";
import type { OpenStreams } from "./routes/http/latest-streams.ts";
import type { OpenConnections } from "./routes/http/open-connections.ts";
import type { Rates } from "./routes/http/rates.ts";
import { adminConnectionRoutes } from "./routes/operations/admin-connections.ts";
import { backupRoutes } from "./routes/operations/backup.ts";
import { drainRoutes } from "./routes/operations/drain.ts";
import { healthRoutes } from "./routes/operations/health.ts";
import type { Health } from "./routes/operations/health-checks.ts";
import { homeRoutes } from "./routes/operations/home.ts";
import { limitsRoutes } from "./routes/operations/limits.ts";
import { llmsRoutes } from "./routes/operations/llms.ts";
import { logRoutes } from "./routes/operations/log.ts";
import type { LogReaders } from "./routes/operations/log-readers.ts";
import { metricsRoutes } from "./routes/operations/metrics.ts";
import { openapiRoutes } from "./routes/operations/openapi.ts";
import { type ListedServer, serverRoutes } from "./routes/operations/servers.ts";
import type { Durations } from "./routes/operations/service-figures.ts";
import { statsRoutes } from "./routes/operations/stats.ts";
import { syncRoutes } from "./routes/operations/sync.ts";
import { endedSessionRoutes } from "./routes/sessions/ended-sessions.ts";
import { sessionEventRoutes } from "./routes/sessions/session-events.ts";
import { sessionRoutes } from "./routes/sessions/sessions.ts";
import { adminWatchRoutes } from "./routes/watches/admin-watches.ts";
import { watchRoutes } from "./routes/watches/watch.ts";
import type { Caller } from "./routes/wire/callers.ts";
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
import type { ServerParts } from "./server-parts.ts";
import type { PartsStats } from "./stats.ts";

/** What routes have of the server that serves them. */
interface Inside {
  readonly answers: Answers;
  readonly bodies: BodiesInFlight;
  readonly rates: Rates;
  readonly openConnections: OpenConnections;
  readonly drain: Drain;
  readonly health: Health;
  readonly tickets: Tickets<Caller>;
  /** Those that are opened by routes are added to these. */
  readonly streams: OpenStreams[];
  readonly logReaders: LogReaders[];
  readonly figures: () => PartsStats;
  readonly durations: () => Durations;
  readonly metrics: () => string;
}

export async function addRoutes(app: FastifyInstance, parts: ServerParts, inside: Inside): Promise<void> {
  const { bodies, rates } = inside;
  await addPages(app, parts, inside);
  await app.register(async (scope) => znodeRoutes(scope, { ...parts, bodies, rates }));
  readZnodeRoutes(app, { ...parts, answers: inside.answers });
  await app.register(async (scope) => importRoutes(scope, { ...parts, bodies, rates }));
  await app.register(async (scope) => {
    acceptJsonBodies(scope, bodies, parts.limits);
    addTreeRoutes(scope, parts, inside);
    addSessionRoutes(scope, parts, inside);
    addOperationRoutes(scope, parts, inside);
    addCoordinationRoutes(scope, parts, inside);
    addAccessRoutes(scope, parts, inside);
  });
}

/** What is outside of `/v1`, and speaks of the server alone. */
async function addPages(
  app: FastifyInstance,
  { store, version }: ServerParts,
  { health, metrics }: Inside,
): Promise<void> {
  openapiRoutes(app);
  await app.register(async (scope) => homeRoutes(scope, version, health));
  llmsRoutes(app);
  healthRoutes(app, health, store);
  metricsRoutes(app, { mediaType: metricsMediaType, text: metrics });
}

function addTreeRoutes(scope: FastifyInstance, parts: ServerParts, { answers, rates }: Inside): void {
  childrenRoutes(scope, { ...parts, answers });
  deleteTreeRoutes(scope, { ...parts, rates });
  treeRoutes(scope, { ...parts, answers });
  transactionRoutes(scope, parts);
  quotaRoutes(scope, parts);
  aclRoutes(scope, parts);
  batchRoutes(scope, parts);
}

function addSessionRoutes(scope: FastifyInstance, parts: ServerParts, { streams }: Inside): void {
  sessionRoutes(scope, parts);
  streams.push(sessionEventRoutes(scope, parts));
  watchRoutes(scope, parts);
}

function addOperationRoutes(scope: FastifyInstance, parts: ServerParts, inside: Inside): void {
  const { store, sessions, watches, follower, version } = parts;
  const { answers, logReaders, openConnections, drain, health, figures, durations } = inside;
  adminWatchRoutes(scope, watches);
  backupRoutes(scope, { ...parts, answers });
  logReaders.push(logRoutes(scope, { store, upstreamServers: () => follower?.log.servers ?? [] }));
  adminConnectionRoutes(scope, openConnections);
  drainRoutes(scope, drain);
  endedSessionRoutes(scope, sessions);
  serverRoutes(scope, { store, servers: parts.servers ?? (() => [aloneServer(parts)]) });
  statsRoutes(scope, { version, health, store, sessions, figures, durations });
  limitsRoutes(scope, parts);
  syncRoutes(scope, parts);
}

/** Of which nobody has said how it is called. */
function aloneServer({ store, version }: ServerParts): ListedServer {
  return {
    ...{ id: store.writer, name: "", url: "", version, isThis: true, upForMs: 0 },
    ...{ position: store.place.lsn, behindEntries: 0, behindMs: 0, heardBeforeMs: 0 },
  };
}

function addCoordinationRoutes(scope: FastifyInstance, parts: ServerParts, { streams }: Inside): void {
  streams.push(lockRoutes(scope, parts));
  streams.push(electionRoutes(scope, parts));
  serviceRoutes(scope, parts);
  serviceEventRoutes(scope, parts);
  counterRoutes(scope, parts);
  barrierRoutes(scope, parts);
}

function addAccessRoutes(scope: FastifyInstance, parts: ServerParts, { tickets }: Inside): void {
  policyRoutes(scope, parts);
  tokenRoutes(scope, parts);
  ticketRoutes(scope, tickets);
}
