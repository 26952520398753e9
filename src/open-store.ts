// Opens the store: the log, wherever it is, the tables, and the watches, which hear of what is replayed as of anything else.
// What is out of the ordinary there, now or later, is said in the log of the process.

import type { Logger } from "pino";
import { systemClock } from "./clock.ts";
import type { AuditLog } from "./log/audit-log.ts";
import {
  assertBelongs,
  beginAt,
  goOnFrom,
  logElsewhere,
  type PlaceOfLog,
  placeOfLog,
} from "./place-of-log.ts";
import type { Config } from "./settings/settings.ts";
import { epochOf } from "./store/epoch-name.ts";
import { finishRestore, noteOfRestoredLog, type RestoreNote } from "./store/restoring.ts";
import { type OpenedSqlite, openSqlite } from "./store/sqlite/open-sqlite.ts";
import { Store } from "./store/store.ts";
import { noteCopy, noteLogState, noteOpened, noteUnknownPast, noteWalBlockage } from "./store-notes.ts";
import { Watches } from "./watches/watches.ts";

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

/** The store as the whole log has it, and the watches, which hear of what is replayed as of anything else. */
export async function openStore(config: Config, logs: Logs, stop: AbortSignal): Promise<OpenedStore> {
  const { logger } = logs;
  const startedMs = systemClock.monotonicMs();
  const place = await placeOfLog(config, logger, stop);
  const storage = await openTables(place, config, logger);
  const { state, position, changes, restoreNote } = storage.loaded;
  const log = logElsewhere(place) ?? storage.log;
  const limits = config;
  const store = new Store({
    ...{ state, position, log, tables: storage.tables, epoch: epochOf(log) },
    ...{ clock: systemClock, limits },
  });
  store.onLogState((logState) => noteLogState(logState, logger));
  store.unknownPasts.onFirst((shown) => noteUnknownPast(shown, logger));
  storage.onWalBlockage((blockage) => noteWalBlockage(blockage, logger));
  const watches = new Watches({
    store,
    saved: { rows: changes, floorZxid: position.historyFloorZxid },
    limits: watchLimits(config),
    chance: Math.random,
  });
  if (place.kind === "followed") goOnFrom(store, place.followed);
  await store.start();
  // What follows of a restore is up to whoever writes.
  if (place.kind === "own") await restore(store, restoreNote, logs);
  if (place.kind === "shared") {
    await restore(store, noteOfRestoredLog(config.etcdRestored, state.timeMs), logs);
  }
  const ms = Math.round(systemClock.monotonicMs() - startedMs);
  logger.info({ znodes: state.tree.size, sessions: state.sessionCount, ms }, "store open");
  return { store, watches, storage, place };
}

/** As far as they are written; where the log is elsewhere, none stands beside them. */
async function openTables(place: PlaceOfLog, config: Config, logger: Logger): Promise<OpenedSqlite> {
  const elsewhere = logElsewhere(place);
  const onOpen = await beginAt(place, config, logger);
  const storage = await openSqlite(config.dataDir, {
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
  onOpen();
  if (elsewhere !== null) await storage.log.close();
  noteOpened(storage, logger);
  assertBelongs(storage.loaded, place, config);
  if (place.kind === "own") noteCopy(storage.loaded, config, logger);
  return storage;
}

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
