// Opens the store: the log, be it in the data directory, in etcd or at the server that is followed, the tables, and the watches, which hear of what is
// replayed as of anything else. What is out of the ordinary there, now or later, is said in the log of the process.

import type { Logger } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { NewerVersionError } from "./core/newer-version-error.ts";
import type { AuditLog } from "./log/audit-log.ts";
import type { CommitLog, LogState } from "./store/commit-log.ts";
import { epochOf } from "./store/epoch-name.ts";
import type { OpenedEtcd } from "./store/etcd/open-etcd.ts";
import { finishRestore, noteOfRestoredLog, type RestoreNote } from "./store/restoring.ts";
import type { WalBlockage } from "./store/sqlite/messages.ts";
import { type OpenedSqlite, openSqlite } from "./store/sqlite/open-sqlite.ts";
import { Store } from "./store/store.ts";
import type { OpenedUpstream } from "./store/upstream/open-upstream.ts";
import { Watches } from "./watches/watches.ts";

export const exitCodeStorageFailed = 74;
export const exitCodeTooOld = 78;

export interface Logs {
  readonly logger: Logger;
  readonly audit: AuditLog | null;
}

export interface OpenedStore {
  readonly store: Store;
  readonly watches: Watches;
  readonly storage: OpenedSqlite;
  readonly place: PlaceOfLog;
}

/** Where writes are ordered. */
export type PlaceOfLog =
  | { readonly kind: "own" }
  | { readonly kind: "shared"; readonly shared: OpenedEtcd }
  | { readonly kind: "followed"; readonly followed: OpenedUpstream };

/** The store as the whole log has it, and the watches, which hear of what is replayed as of anything else. */
export async function openStore(config: Config, logs: Logs, stop: AbortSignal): Promise<OpenedStore> {
  const { logger } = logs;
  const startedMs = systemClock.monotonicMs();
  const place = await placeOfLog(config, logger, stop);
  const elsewhere = logElsewhere(place);
  const onOpen = await beginAt(place, config, logger);
  const sqlite = await openSqlite(config.dataDir, {
    ...(elsewhere !== null && { clusterId: elsewhere.info.clusterId, isLogElsewhere: true }),
    ...(place.kind === "shared" && { logHome: place.shared.home }),
    allowUnsafeFilesystem: config.unsafeFilesystem,
    entryBytesMax: config.entryBytesMax,
    databaseBytesMax: config.databaseBytesMax,
    freeBytesMin: config.freeBytesMin,
    ballastBytes: config.ballastBytes,
    checkpointBytes: config.checkpointBytes,
    walBytesMax: config.walBytesMax,
  });
  const { loaded, tables, tightened, upgraded } = sqlite;
  const log = elsewhere ?? sqlite.log;
  onOpen();
  // What stands in a log elsewhere needs no second one beside the tables.
  if (elsewhere !== null) await sqlite.log.close();
  if (tightened.length > 0)
    logger.warn({ paths: tightened }, "other users could open these; now they cannot");
  if (loaded.wasUnclean) logger.warn("the last stop was not a clean one; the file was checked and is sound");
  if (upgraded !== null)
    logger.info({ ...upgraded }, "the data file was upgraded; as it was before, it is kept");
  assertBelongs(loaded, place, config);
  if (place.kind === "own" && loaded.isCopy && loaded.restoreNote === null)
    logger.warn({ dataDir: config.dataDir }, copiedMessage);
  const { state, position } = loaded;
  const store = new Store({
    state,
    position,
    log,
    tables,
    epoch: epochOf(log),
    clock: systemClock,
    limits: config,
  });
  store.onLogState((logState) => noteLogState(logState, logger));
  store.unknownPasts.onFirst((shown) => noteUnknownPast(shown, logger));
  sqlite.onWalBlockage((blockage) => noteWalBlockage(blockage, logger));
  const watches = new Watches({
    store,
    saved: { rows: loaded.changes, floorZxid: position.historyFloorZxid },
    limits: watchLimits(config),
    chance: Math.random,
  });
  if (place.kind === "followed") goOnFrom(store, place.followed);
  await store.start();
  // What follows of a restore is up to whoever writes.
  if (place.kind !== "followed") {
    const note =
      place.kind === "own" ? loaded.restoreNote : noteOfRestoredLog(config.etcdRestored, state.timeMs);
    await restore(store, note, logs);
  }
  const ms = Math.round(systemClock.monotonicMs() - startedMs);
  logger.info({ znodes: state.tree.size, sessions: state.sessionCount, ms }, "store open");
  return { store, watches, storage: sqlite, place };
}

/** Resolves when whoever keeps it answers. */
async function placeOfLog(config: Config, logger: Logger, stop: AbortSignal): Promise<PlaceOfLog> {
  if (config.follow !== "") {
    const { openUpstream } = await import("./store/upstream/open-upstream.ts");
    const onWaiting = (cause: string) => logger.warn({ cause }, "waiting for the server that is followed");
    const followed = await openUpstream(config, { clock: systemClock, onWaiting, signal: stop });
    return { kind: "followed", followed };
  }
  if (config.log === "sqlite") return { kind: "own" };
  const { openEtcd } = await loadEtcd();
  const onWaiting = (cause: string) => logger.warn({ cause }, "waiting for etcd");
  const shared = await openEtcd(config, { clock: systemClock, onWaiting, signal: stop });
  return { kind: "shared", shared };
}

/** Whoever has no log in etcd may leave out what speaks to it. @throws Error that says what to install */
async function loadEtcd(): Promise<typeof import("./store/etcd/open-etcd.ts")> {
  try {
    return await import("./store/etcd/open-etcd.ts");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !/@(bufbuild|connectrpc)\//.test(message)) throw error;
    throw new Error(etcdLeftOut);
  }
}

const etcdLeftOut =
  "--log etcd needs packages that were left out when this was installed: install it again without --omit=optional, " +
  "or install @bufbuild/protobuf, @connectrpc/connect and @connectrpc/connect-node beside it";

function logElsewhere(place: PlaceOfLog): CommitLog | null {
  switch (place.kind) {
    case "own":
      return null;
    case "shared":
      return place.shared.log;
    case "followed":
      return place.followed.log;
  }
}

/** A new server, and one that was off for long, begins with what others have. @returns what is to be done once it is open */
async function beginAt(
  place: PlaceOfLog,
  { dataDir, ...config }: Config,
  logger: Logger,
): Promise<() => void> {
  const options = { allowUnsafeFilesystem: config.unsafeFilesystem };
  if (place.kind === "own") return () => {};
  if (place.kind === "shared") {
    const { snapshot, finish } = await place.shared.bootstrap(dataDir, options);
    if (snapshot !== null) logger.info({ ...snapshot }, "began with the snapshot that the servers share");
    return finish;
  }
  const { taken, keptAt, finish } = await place.followed.begin(dataDir, options);
  if (taken !== null) logger.info({ ...taken }, "began with a backup of the server that is followed");
  if (keptAt !== null) logger.warn({ keptAt }, otherPastMessage);
  return finish;
}

const otherPastMessage =
  "the server that is followed has another past than this one had: what this one had is kept; delete it when nobody needs it";

/** @throws Error where a directory is opened for something else than it is */
function assertBelongs(
  { follows, restoreNote }: LoadedFacts,
  { kind }: PlaceOfLog,
  { dataDir }: Config,
): void {
  if (kind === "shared" && restoreNote !== null) throw new Error(restoredAlone);
  if (kind === "followed" || follows === null) return;
  throw new Error(
    `The data directory ${dataDir} follows another server (${follows}). Start it with --follow; or, to go on from it without ` +
      `that server, run \`treekeeper promote --data-dir ${dataDir}\` first (docs/followers.md).`,
  );
}

type LoadedFacts = OpenedSqlite["loaded"];

/** What is heard has to go on from what is here, and to lead where it led at the server that is followed. */
function goOnFrom(store: Store, { log }: OpenedUpstream): void {
  log.beginAt(store.recent.last);
  store.onPlace((place) => log.reached(place));
}

const restoredAlone =
  "this data directory was restored, and the log is in etcd, which has another past: restore etcd instead, and begin with " +
  "empty data directories and --etcd-restored (docs/cluster.md)";

const copiedMessage =
  "the database file is not the one that was written last, but a copy of it. If it is older than what was served last, its " +
  "numbers are given out again: stop the service and run `treekeeper restore --rolled-back`. If it was only moved, all is well";

/** Before anybody is heard: what follows of an earlier moment that was put back. @throws Error with the store closed */
async function restore(store: Store, note: RestoreNote | null, { logger, audit }: Logs): Promise<void> {
  try {
    const done = await finishRestore(store, note);
    if (done === null) return;
    const { restored, zxidBefore, sessions } = done;
    audit?.note({ event: "restored", by: "system", zxid: restored.zxid, zxidBefore, sessions });
    logger.warn(
      {
        epoch: restored.id,
        zxidBefore,
        zxid: restored.zxid,
        sequenceFloor: restored.sequenceFloor,
        sessions,
      },
      "the store was restored: what was acknowledged after it is lost, and all sessions of before have ended",
    );
  } catch (error) {
    await store.close();
    throw error;
  }
}

function noteLogState(state: LogState, logger: Logger): void {
  if (state.state === "failed") endAfterFailure(state, logger);
  else if (state.state === "read_only") logger.warn({ cause: state.cause }, "the log takes no writes");
  else if (state.state === "suspended") logger.warn({ cause: state.cause }, "the log cannot be reached");
  else logger.warn("the log takes writes again");
}

/** Once: whoever put the copy back knows how many clients there are, and each of them shows what it has. */
function noteUnknownPast(shown: string, logger: Logger): void {
  logger.error(
    { shown },
    "a client has seen what never happened here: an older copy of the data directory was put back, or another store is " +
      "served where it was; what was acknowledged after the copy is lost. Such clients begin anew, and their fences and tags are refused",
  );
}

/** Whoever looks into the file for long makes its log grow: writes go on, and the disk fills. */
function noteWalBlockage({ walBytes, forMs, isOver }: WalBlockage, logger: Logger): void {
  const figures = { walBytes, seconds: Math.round(forMs / 1000) };
  if (isOver) logger.warn(figures, "the write-ahead log can be emptied again");
  else
    logger.warn(
      figures,
      "a backup, or another program that reads the database file, keeps its write-ahead log from being emptied; it grows",
    );
}

function watchLimits(config: Config) {
  return {
    history: {
      messagesMax: config.historyMessagesMax,
      bytesMax: config.historyBytesMax,
      ageMsMax: config.historyAgeMsMax,
    },
    streamsMax: config.streamsMax,
    streamLifetimeMsMax: config.streamLifetimeMsMax,
    bufferBytesMax: config.streamBufferBytesMax,
    snapshotPageZnodesMax: config.snapshotPageZnodesMax,
    snapshotPageBytesMax: config.snapshotPageBytesMax,
    snapshotKeptBytesMax: config.snapshotKeptBytesMax,
  };
}

/** Whether the last write is durable is unknown: nothing more is answered, and only a replay can tell. */
function endAfterFailure({ cause, error }: LogState & { state: "failed" }, logger: Logger): void {
  if (error instanceof NewerVersionError) {
    logger.fatal({ cause }, `this version cannot go on: ${cause}`);
    process.exit(exitCodeTooOld);
  }
  logger.fatal(
    { cause, err: error },
    "the store failed; exiting, so that the next start reads what is really on disk",
  );
  process.exit(exitCodeStorageFailed);
}
