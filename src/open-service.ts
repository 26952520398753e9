// Opens all that a service consists of, in the order in which it hears of what is done, and nothing of it listens yet. What
// is not safe is not opened.

import type { Logger } from "pino";
import { JwtKeys } from "./access/jwt-keys.ts";
import { type TakenOver, takeOverFirstToken } from "./access/take-over.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import { systemClock } from "./clock.ts";
import { Coordination } from "./coordination/coordination.ts";
import { connectionsWithin, readDescriptors } from "./descriptors.ts";
import { Housekeeper, housekeepingWithin } from "./duties/housekeeper.ts";
import { LockDelays } from "./duties/lock-delays.ts";
import { ScheduledBackups } from "./duties/scheduled-backups.ts";
import { Sweeper } from "./duties/sweeper.ts";
import type { FollowedFiles } from "./followed-files.ts";
import { AuditLog } from "./log/audit-log.ts";
import { type Logs, openStore } from "./open-store.ts";
import { OwnServer } from "./own-server.ts";
import type { PlaceOfLog } from "./place-of-log.ts";
import { fixedLimits } from "./routes/http/fixed-limits.ts";
import { tracerInUse } from "./routes/http/request-spans.ts";
import { auditedNameOf } from "./routes/wire/callers.ts";
import { Runtime } from "./runtime.ts";
import { type Danger, dangerOf } from "./safe-start.ts";
import { createServer, type Server } from "./server.ts";
import { Sessions } from "./sessions/sessions.ts";
import { boundsOf, type Config } from "./settings/settings.ts";
import type { OpenedEtcd } from "./store/etcd/open-etcd.ts";
import type { SnapshotDuty } from "./store/etcd/snapshot-duty.ts";
import { Backups } from "./store/sqlite/backups.ts";
import { type Stall, StallWatch } from "./store/stall-watch.ts";
import type { Store } from "./store/store.ts";
import type { OpenedUpstream } from "./store/upstream/open-upstream.ts";

/** A service that is open. */
export interface Service {
  readonly server: Server;
  /** Without TLS there is none. */
  readonly certificate: FollowedFiles<Certificate> | null;
  readonly jwtKeys: JwtKeys | null;
  readonly store: Store;
  readonly sessions: Sessions;
  /** Undefined where the server follows another. */
  readonly housekeeper: Housekeeper | undefined;
  readonly follower: OpenedUpstream | undefined;
  readonly runtime: Runtime;
  readonly ownServer: OwnServer;
  readonly stallWatch: StallWatch;
  readonly backups: Backups;
  /** Null where there is no folder for them. */
  readonly scheduledBackups: ScheduledBackups | null;
  /** Null where nobody asked for it. */
  readonly audit: AuditLog | null;
  /** What its operator has taken upon himself; null for what is safe. */
  readonly danger: Danger | null;
}

/**
 * Who listens to the store is made here, and hears of each entry in this order: the watches, so that nobody is answered
 * before its watchers are told (W23); the sessions, so that one that ended is gone for all that follows; coordination,
 * which answers those who wait; then the duties, and last the log of the process, which say and do more about it.
 */
export async function openService(
  config: Config,
  version: string,
  logger: Logger,
  stop: AbortSignal,
): Promise<Service> {
  const certificate = await certificateFor(config);
  const jwtKeys = await jwtKeysFor(config);
  stop.throwIfAborted();
  const audit = await openAudit(config, logger);
  const { store, watches, storage, place } = await openStore(config, { logger, audit }, stop);
  const { freeBytesMin } = config;
  const backups = new Backups({ store, ...storage.files, freeBytesMin, version });
  const danger = await beSafe(store, config, { logger, audit }, place);
  const sessions = new Sessions(store, {
    timeoutMsMin: config.sessionTimeoutMsMin,
    timeoutMsMax: config.sessionTimeoutMsMax,
    timeoutMsDefault: config.sessionTimeoutMsDefault,
    sessionsPerClientMax: config.sessionsPerClientMax,
  });
  const coordination = new Coordination(store, config);
  const shared = place.kind === "shared" ? place.shared : null;
  const follower = place.kind === "followed" ? place.followed : undefined;
  const snapshots =
    shared === null ? null : snapshotDuty(shared, backups, storage.files.snapshotFile, logger);
  const duties = openDuties(store, config, { sessions, snapshots }, follower !== undefined);
  const ownServer = new OwnServer({ config, version, store, clock: systemClock, shared });
  const runtime = new Runtime();
  const scheduledBackups = config.backupDir === "" ? null : scheduleBackups(config, backups, logger);
  const tracer = tracerInUse(version);
  if (tracer !== null) logger.info("an OpenTelemetry SDK is loaded: requests have spans");
  const server = await createServer(
    {
      ...{ store, sessions, watches, coordination, follower, backups, logger, version, tracer },
      ...boundsInForce(config, logger),
      backstage: { storage, ...duties, scheduledBackups, runtime, etcd: shared, snapshots },
      audit: audit === null ? undefined : { note: audit.note.bind(audit), whoOf: auditedNameOf },
      servers: () => ownServer.list(),
    },
    { ...namesAndProxies(config), tls: certificate?.meaning.pair ?? null, jwtKeys },
  );
  const stallWatch = new StallWatch(store, config.appendMsMax, (stall) => noteStall(stall, logger));
  if (certificate !== null) keepCertificate(certificate, server, logger);
  if (jwtKeys !== null) keepJwtKeys(jwtKeys, logger);
  const { housekeeper } = duties;
  const running = { sessions, housekeeper, runtime, ownServer, stallWatch, backups, scheduledBackups };
  return { server, certificate, jwtKeys, store, ...running, follower, audit, danger };
}

/** What is due by itself. It is the affair of the server that is followed, where one is. */
function openDuties(
  store: Store,
  config: Config,
  { sessions, snapshots }: { readonly sessions: Sessions; readonly snapshots: SnapshotDuty | null },
  isFollower: boolean,
) {
  const sweeper = new Sweeper(store, config);
  const lockDelays = new LockDelays(store);
  if (isFollower) return { sweeper, lockDelays };
  const due = [sessions, sweeper, lockDelays, ...(snapshots === null ? [] : [snapshots])];
  const housekeeper = new Housekeeper(store, due, housekeepingWithin(config.housekeeperTimeoutMs));
  return { sweeper, lockDelays, housekeeper };
}

/** What the service is called, and whom it believes. */
function namesAndProxies({ corsOrigin, host, allowedHosts, trustProxy }: Config) {
  return {
    corsOrigin,
    hostNames: [host, ...allowedHosts.split(",")],
    trustedProxies: trustProxy === "" ? [] : trustProxy.split(","),
  };
}

/** As requests meet them, and as they are told by the names of their settings. */
function boundsInForce(config: Config, logger: Logger) {
  const connectionBounds = boundConnections(config, logger);
  return {
    limits: { ...config, ...connectionBounds },
    bounds: { ...boundsOf(config), ...connectionBounds },
  };
}

function scheduleBackups(config: Config, backups: Backups, logger: Logger): ScheduledBackups {
  return new ScheduledBackups(config, {
    takeInto: (file, signal) => backups.takeInto(file, signal),
    clock: systemClock,
    onTaken: ({ file, zxid, bytes }) => logger.info({ file, zxid, bytes }, "backup taken"),
    onFailed: (reason) => logger.error({ reason }, "a scheduled backup failed; it is tried again"),
  });
}

/**
 * Before anybody can be heard: the first token is taken over, so that it is known who may do what, and others are let in
 * only where that is safe. @throws Error with the store closed
 */
async function beSafe(store: Store, config: Config, logs: Logs, place: PlaceOfLog): Promise<Danger | null> {
  try {
    // A server that follows another has the tokens of that one.
    const token = place.kind === "followed" ? null : await takeOverFirstToken(config.dataDir, store);
    if (token !== null) noteFirstToken(token, logs, store.zxid);
    const { host, allowedHosts, tlsCert, trustProxy, insecure } = config;
    const [hasTls, isProxied] = [tlsCert !== "", trustProxy !== ""];
    const danger = await dangerOf({ host, allowedHosts, hasTls, isProxied, isOn: store.access.isOn });
    if (danger !== null && !insecure) throw new Error(danger.refusal);
    return danger;
  } catch (error) {
    await store.close();
    throw error;
  }
}

function noteFirstToken({ name, isRescue }: TakenOver, { logger, audit }: Logs, zxid: number): void {
  audit?.note({ event: "first_token", by: "system", token: name, zxid });
  if (isRescue)
    logger.warn({ token: name }, "the token has the new secret that was laid into the data directory");
  else logger.info({ token: name }, "access control is on, and the first token counts");
}

/** With the store open: what it has open is not there for connections. */
function boundConnections({ connectionsMax, connectionsPerClientMax }: Config, logger: Logger) {
  const descriptors = readDescriptors();
  const wanted = { connectionsMax, surplusConnectionsMax: fixedLimits.surplusConnectionsMax };
  const bounds = connectionsWithin(wanted, descriptors);
  if (bounds.connectionsMax < connectionsMax) {
    logger.warn(
      { ...bounds, openFilesMax: descriptors.openMax, wanted: connectionsMax },
      "the process may not open as many files as --connections-max asks for: fewer connections are served",
    );
  }
  // As much of what there is as was asked for of what was asked for.
  const share = Math.min(1, connectionsPerClientMax / connectionsMax);
  return { ...bounds, connectionsPerClientMax: Math.ceil(bounds.connectionsMax * share) };
}

async function certificateFor({ tlsCert, tlsKey, tlsClientCa }: Config) {
  if (tlsCert === "") return null;
  return await readCertificate({ certFile: tlsCert, keyFile: tlsKey, clientCaFile: tlsClientCa });
}

async function jwtKeysFor({ jwtKeys, jwtIssuer, jwtAudience }: Config): Promise<JwtKeys | null> {
  if (jwtKeys === "") return null;
  return await JwtKeys.read(jwtKeys, { issuer: jwtIssuer, audience: jwtAudience }, systemClock);
}

async function openAudit(config: Config, logger: Logger): Promise<AuditLog | null> {
  return config.auditFile === "" ? null : await AuditLog.open(config, { clock: systemClock, logger });
}

/** Whoever is asked for a new certificate in a year is not asked to restart for it. */
function keepCertificate(certificate: FollowedFiles<Certificate>, server: Server, logger: Logger): void {
  certificate.follow({
    onRenewed({ pair, words }) {
      server.useCertificate(pair);
      logger.info({ ...words }, "new connections get the new TLS certificate");
    },
    onRefused: (reason) =>
      logger.error({ reason }, "the files of the TLS certificate are of no use now; the one in force stays"),
  });
}

function keepJwtKeys(jwtKeys: JwtKeys, logger: Logger): void {
  jwtKeys.follow({
    onRenewed: (keys) => logger.info({ keys }, "tokens are verified against the new JWT keys"),
    onRefused: (reason) =>
      logger.error({ reason }, "the file of JWT keys is of no use now; the keys in force stay"),
  });
}

function snapshotDuty(shared: OpenedEtcd, backups: Backups, file: string, logger: Logger): SnapshotDuty {
  return shared.snapshotDuty({
    file,
    takeInto: (target, signal) => backups.takeInto(target, signal),
    onTaken: ({ lsn, bytes }) => logger.info({ lsn, bytes }, "a snapshot took the place of the log"),
    onFailed: (reason) => logger.error({ reason }, "no snapshot could be taken; it is tried again"),
  });
}

function noteStall({ waitedMs, isOver }: Stall, logger: Logger): void {
  const figures = { ms: Math.round(waitedMs) };
  if (isOver) logger.warn(figures, "the disk answers again");
  else logger.error(figures, "the disk does not answer: writes wait for it, and /readyz says so");
}
