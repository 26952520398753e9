// A whole service inside the test, with all that is measured of it: over a log in memory, tables that keep what they are
// given, and a clock that stands still. What is of the file and of the process is the real thing.

import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Sqlite from "better-sqlite3";
import { pino } from "pino";
import type { TlsPair } from "../../src/certificate.ts";
import { Coordination } from "../../src/coordination/coordination.ts";
import { Housekeeper } from "../../src/duties/housekeeper.ts";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import { ScheduledBackups } from "../../src/duties/scheduled-backups.ts";
import { Sweeper } from "../../src/duties/sweeper.ts";
import { Runtime } from "../../src/runtime.ts";
import { createServer, type Server } from "../../src/server.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { type OpenedEtcd, openOver } from "../../src/store/etcd/open-etcd.ts";
import type { SnapshotDuty } from "../../src/store/etcd/snapshot-duty.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { markAsBackup } from "../../src/store/sqlite/backup-marker.ts";
import { type OpenedSqlite, openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import type { SqliteSettings } from "../../src/store/sqlite/settings.ts";
import { Upstream } from "../../src/store/upstream/upstream.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { RecordingTables } from "../store/recording-tables.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Http } from "../support/http.ts";
import { Keeper } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";
import { EtcdInMemory } from "./etcd-in-memory.ts";

/** So small that a test gets to each of them. */
const usualSettings = {
  ...{ queueCommandsMax: 50, queueBytesMax: 1_000_000, treeBytesMax: 1_000_000_000 },
  ...{ connectionsMax: 200, connectionsPerClientMax: 30, claimWaitersMax: 100, sessionsPerClientMax: 1000 },
  ...{ streamsMax: 100, messagesMax: 2000, bytesMax: 4_000_000, ageMsMax: 600_000 },
  ...{ answerBytesMax: 10_000_000, bodiesBytesMax: 2_500_000, ratePerSecond: 0, rateBurst: 0 },
  ...{ freeBytesMin: 1024, walBytesMax: 1_048_576, etcdQuotaBytes: 100_000_000 },
};

export type Settings = typeof usualSettings;

/** None of them is as usual. */
export const otherSettings = Object.fromEntries(
  Object.entries(usualSettings).map(([name, value]) => [name, value === 0 ? 0 : value + 1]),
) as Settings;

export interface WorldOptions {
  readonly settings?: Partial<Settings>;
  readonly version?: string;
  readonly tls?: TlsPair;
  /** A log that others have written to. */
  readonly entries?: MemoryEntries;
  /** Whether it follows another server, which it says it is behind. */
  readonly isFollower?: true;
  /** Without, the log keeps all of its entries. */
  readonly hasTables?: boolean;
  /** The file beside it, for metrics of it. */
  readonly sqlite?: Partial<SqliteSettings>;
  /** And a log in etcd. */
  readonly hasEtcd?: boolean;
}

export interface World {
  readonly settings: Settings;
  readonly keeper: Keeper;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly tables: RecordingTables;
  readonly watches: Watches;
  readonly sessions: Sessions;
  readonly housekeeper: Housekeeper;
  readonly server: Server;
  readonly http: Http;
  readonly runtime: Runtime;
  /** Not started; each that is taken fails. */
  readonly scheduledBackups: ScheduledBackups;
  readonly backupDir: string;
  /** Where it was asked for. */
  readonly sqlite: OpenedSqlite | undefined;
  readonly directory: string;
  /** As the service says it, where it follows another. */
  readonly followed: { lag: { entries: number; ms: number }; readonly servers: readonly string[] };
  /** Where it was asked for. */
  readonly etcd: WorldEtcd | undefined;
  close(): Promise<void>;
}

/** A log in etcd that is not the service's, but counted as if it were. */
export interface WorldEtcd {
  readonly memory: EtcdInMemory;
  readonly opened: OpenedEtcd;
  /** Not started. What it takes is a copy of the file, whenever it looks. */
  readonly snapshots: SnapshotDuty;
}

const otherLimits = {
  ...{ transactionBytesMax: 1_048_576, batchReadBytesMax: 8_388_608, connectionAnswerBytesMax: 10_000_000 },
  ...{ answerBytesPerClientMax: 10_000_000, sendTimeoutMs: 60_000, headerBytesMax: 49_152 },
  ...{ headersTimeoutMs: 10_000, requestTimeoutMs: 30_000, keepAliveTimeoutMs: 72_000, appendMsMax: 5000 },
  ...{ snapshotKeptBytesMax: 67_108_864, requestsPerConnectionMax: 128, waitsPerConnectionMax: 100 },
  ...{ idempotencyAgeMsMax: 86_400_000, idempotencyKeysMax: 100_000, idempotencyBytesMax: 67_108_864 },
  ...{ streamsPerClientMax: 1000, waitsPerClientMax: 1000, jsonValuesMax: 50_000, jsonDepthMax: 32 },
  ...{ dataBytesMax: 1_048_576, operationsMax: 1000, pathLengthMax: 4096, metadataBytesMax: 4096 },
  ...{ barrierCountMax: 10_000, transactionChangesMax: 10_000, transactionChangeBytesMax: 8_388_608 },
  ...{ ephemeralsPerSessionMax: 5000, surplusConnectionsMax: 30 },
};

const sweeps = { sweepIntervalMs: 60_000, sweepsPerMinuteMax: 600, containerNeverUsedMsMax: 1000 };

export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const settings = { ...usualSettings, ...options.settings };
  const { messagesMax, bytesMax, ageMsMax, streamsMax, ...others } = settings;
  const limits = { ...otherLimits, ...others, answerBytesPerClientMax: settings.answerBytesMax };
  const directory = mkdtempSync(join(tmpdir(), "treekeeper-metrics-"));
  const sqlite = await openFile(directory, settings, options.sqlite);
  const clock = new FakeClock();
  const log = new MemoryLog("test", options.entries ?? new MemoryEntries());
  const tables = new RecordingTables(log.info.clusterId);
  const { hasTables = true } = options;
  const keeper = new Keeper(clock, log, limits, { epoch: "0123456789", ...(hasTables && { tables }) });
  const watches = watchesOf(keeper, { history: { messagesMax, bytesMax, ageMsMax }, streamsMax });
  await keeper.store.start();
  const sessions = new Sessions(keeper.store, limits);
  const sweeper = new Sweeper(keeper.store, sweeps);
  const lockDelays = new LockDelays(keeper.store);
  const housekeeper = new Housekeeper(keeper.store, [sessions, sweeper, lockDelays]);
  const runtime = new Runtime();
  const etcd = options.hasEtcd ? await openEtcd(settings, clock, sqlite) : undefined;
  const backupDir = join(directory, "backups");
  const scheduledBackups = failingBackups(backupDir, clock);
  const followed = { lag: { entries: 0, ms: 0 }, servers: [] };
  const upstream = new Upstream({ follow: "http://127.0.0.1:1", followTokenFile: "", followCa: "" });
  const server = await createServer(
    {
      ...(options.isFollower && { follower: { upstream, log: followed } }),
      ...{ store: keeper.store, sessions, watches, coordination: new Coordination(keeper.store, limits) },
      ...{ limits, bounds: {}, logger: pino({ level: "silent" }), version: options.version ?? "0.0.0" },
      backstage: {
        housekeeper,
        sweeper,
        lockDelays,
        scheduledBackups,
        runtime,
        ...(sqlite !== undefined && { storage: sqlite }),
        ...(etcd !== undefined && { etcd: etcd.opened, snapshots: etcd.snapshots }),
      },
    },
    { corsOrigin: "", hostNames: [], tls: options.tls ?? null },
  );
  housekeeper.start();
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  const http = new Http(`${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`);
  return {
    ...{ settings, keeper, clock, log, tables, watches, sessions, housekeeper, server, http, runtime },
    ...{ sqlite, directory, scheduledBackups, backupDir, followed, etcd },
    async close() {
      runtime.stop();
      scheduledBackups.stop();
      await server.close();
      housekeeper.stop();
      sessions.dispose();
      tables.release();
      log.release();
      await keeper.store.close();
      etcd?.snapshots.stop();
      await etcd?.opened.log.close();
      await sqlite?.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openEtcd(
  { etcdQuotaBytes }: Settings,
  clock: FakeClock,
  sqlite: OpenedSqlite | undefined,
): Promise<WorldEtcd> {
  const memory = new EtcdInMemory();
  const settings = {
    etcdEndpoints: "http://memory:2379",
    etcdPrefix: "/test/",
    etcdQuotaBytes,
    etcdCompaction: "own",
    etcdSnapshotBytes: -1,
  } as const;
  const surroundings = { clock, onWaiting: () => {}, signal: new AbortController().signal };
  const opened = await openOver(memory, settings, surroundings);
  opened.log.follow(0, () => {});
  const snapshots = opened.snapshotDuty({
    file: join(dirname(sqlite?.files.databaseFile ?? tmpdir()), "etcd-snapshot"),
    async takeInto(file) {
      if (sqlite === undefined) throw new Error("there is no file here");
      const connection = new Sqlite(sqlite.files.databaseFile, { readonly: true });
      await connection.backup(file).finally(() => connection.close());
      const copy = new Sqlite(file);
      markAsBackup(copy, { id: "a", takenAtMs: 0, version: "0.0.0", lsn: 0, zxid: 0 });
      copy.close();
    },
    ...{ onTaken: () => {}, onFailed: () => {} },
  });
  return { memory, opened, snapshots };
}

function failingBackups(backupDir: string, clock: FakeClock): ScheduledBackups {
  const schedule = { backupDir, backupEveryMs: 3_600_000, backupKeep: 1, backupCommand: "" };
  return new ScheduledBackups(
    { ...schedule, backupCommandMsMax: 1000 },
    {
      takeInto: () => Promise.reject(new Error("no backup is taken here")),
      ...{ clock, onTaken: () => {}, onFailed: () => {} },
    },
  );
}

async function openFile(
  directory: string,
  { freeBytesMin, walBytesMax }: Settings,
  sqlite: Partial<SqliteSettings> | undefined,
): Promise<OpenedSqlite | undefined> {
  if (sqlite === undefined) return undefined;
  return await openSqlite(directory, { ballastBytes: 4096, freeBytesMin, walBytesMax, ...sqlite });
}
