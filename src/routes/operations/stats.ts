// GET /v1/stats: how the service is, in figures, for an operator and for what shows it to one. It looks at counts that are
// there and walks over nothing. What is listed one by one has a list of its own.

import type { FastifyInstance } from "fastify";
import type { Session } from "../../core/session.ts";
import type { Store } from "../../store/store.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { json, problems } from "../wire/schemas.ts";
import { etcdOf } from "./etcd-figures.ts";
import { shown } from "./health.ts";
import { type Health, isReady } from "./health-checks.ts";
import { limitsInUse, warningsOf } from "./limits-in-use.ts";
import { type Durations, durationFigures, type ServiceFigures } from "./service-figures.ts";
import { exampleStats, statsAnswer } from "./stats-schemas.ts";

export interface StatsParts {
  readonly version: string;
  readonly health: Health;
  readonly store: Pick<Store, "clock" | "epochs">;
  readonly sessions: { readonly oldest: Session | undefined };
  readonly figures: () => ServiceFigures;
  readonly durations: () => Durations;
}

export function statsRoutes(app: FastifyInstance, parts: StatsParts): void {
  const startedMs = parts.store.clock.monotonicMs();
  app.get("/v1/stats", { schema: statsSchema }, (request, reply) => {
    requireAdminOfTree(request);
    const figures = parts.figures();
    const checks = parts.health.report().map((check) => shown(check, true));
    return reply.send({
      version: parts.version,
      upForMs: Math.round(parts.store.clock.monotonicMs() - startedMs),
      zxid: figures.state.zxid,
      epoch: parts.store.epochs.current.id,
      readiness: { ready: isReady(checks), checks },
      warnings: warningsOf(figures),
      limits: limitsInUse(figures),
      tree: treeOf(figures),
      sessions: { ...sessionsOf(figures), oldest: oldestOf(parts.sessions.oldest) },
      coordination: coordinationOf(figures),
      ...{ connections: connectionsOf(figures), streams: streamsOf(figures), history: historyOf(figures) },
      ...{ followers: figures.followers, followed: followedOf(figures) },
      ...{ requests: requestsOf(figures), storage: storageOf(figures), process: processOf(figures) },
      etcd: etcdOf(figures),
      durations: Object.fromEntries(
        Object.entries(parts.durations()).map(([name, histograms]) => [name, durationFigures(histograms)]),
      ),
    });
  });
}

function treeOf({ state }: ServiceFigures) {
  const { znodes, dataBytes, memoryBytes, mortals, quotas, acls } = state;
  return { znodes, dataBytes, memoryBytes, containersAndTtls: mortals, quotas, acls };
}

function sessionsOf({ sessions }: ServiceFigures) {
  const { open, openedTotal, closedTotal, expiredTotal } = sessions;
  const { expiryLatenessMsMax, stallsTotal, stalledMsTotal } = sessions;
  return {
    ...{ open, openedTotal, closedTotal, expiredTotal },
    ...{ expiryLatenessMsMax: Math.round(expiryLatenessMsMax) },
    ...{ stallsTotal, stalledMsTotal: Math.round(stalledMsTotal) },
  };
}

function oldestOf(session: Session | undefined) {
  if (session === undefined) return null;
  const { id, name, openedAtMs } = session;
  return { id, name, openedAtMs };
}

function coordinationOf({ state, coordination }: ServiceFigures) {
  const { waiters, lockWaiters, electionWaiters, barrierWaiters, listeners } = coordination;
  const waiting = { waiters, lockWaiters, electionWaiters, barrierWaiters };
  return { locks: state.locks, elections: state.elections, ...waiting, listeners };
}

function connectionsOf({
  connections: { open, clients, http2Sessions, surplus, turnedAwayTotal },
}: ServiceFigures) {
  return { open, clients, http2: http2Sessions, surplus, turnedAwayTotal };
}

function streamsOf({ watches, latestStreams }: ServiceFigures) {
  const { streams, streamsBehind, lagZxidsMax, bufferedBytes, openedTotal } = watches;
  const behind = { behind: streamsBehind, lagZxidsMax, bufferedBytes };
  return { watches: streams, others: latestStreams.streams, ...behind, openedTotal };
}

function historyOf({ history: { messages, bytes, floorZxid } }: ServiceFigures) {
  return { messages, bytes, oldestZxid: floorZxid };
}

function followedOf({ followed }: ServiceFigures) {
  return followed === null ? null : { lagEntries: followed.entries, lagMs: Math.round(followed.ms) };
}

function requestsOf({ requests, proposer }: ServiceFigures) {
  const { answeredTotal, clientFaultsTotal, serverFaultsTotal, unreadableTotal } = requests;
  const { queuedCommands, queuedBytes, oldestAppendMs } = proposer;
  return {
    ...{ answeredTotal, clientFaultsTotal, serverFaultsTotal, unreadableTotal },
    ...{ queuedCommands, queuedBytes, oldestAppendMs: Math.round(oldestAppendMs) },
  };
}

function storageOf({ storage }: ServiceFigures) {
  if (storage === null) return null;
  const { databaseBytes, emptyBytes, walBytes, walFileBytes, ballastBytes } = storage;
  const { diskBytes, diskFreeBytes, walBlockedMs, lastCommitMs, commitsTotal } = storage;
  return {
    directoryBytes: databaseBytes + walFileBytes + ballastBytes,
    ...{ databaseBytes, emptyBytes, walBytes, walFileBytes, diskBytes, diskFreeBytes },
    ...{ walBlockedMs: Math.round(walBlockedMs), commitsTotal },
    lastCommitMs: Math.round(lastCommitMs * 1000) / 1000,
  };
}

function processOf({ runtime }: ServiceFigures) {
  if (runtime === null) return null;
  const { residentBytes, heapUsedBytes, heapBytesMax, externalBytes, cpuUserMsTotal, cpuSystemMsTotal } =
    runtime;
  const cpuMsTotal = Math.round(cpuUserMsTotal + cpuSystemMsTotal);
  return { residentBytes, heapUsedBytes, heapBytesMax, externalBytes, cpuMsTotal };
}

const statsSchema = {
  operationId: "getStats",
  summary: "How the service is, in figures",
  description:
    "For an operator, on one screen: whether it is ready and why not, what is worth a warning, and what there is. Totals " +
    "count since the start. Lists of sessions, watches and connections are in `/v1/sessions`, `/v1/admin/watches` and " +
    "`/v1/admin/connections`.",
  tags: ["operations"],
  response: { 200: json(statsAnswer, "The figures.", exampleStats), ...problems() },
};
