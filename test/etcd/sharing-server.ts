// A server on a log in etcd, as far as tests of what servers share go: log, tables in a directory of their own, and a store.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import type { State } from "../../src/core/state.ts";
import { type Bootstrapped, bootstrap } from "../../src/store/etcd/bootstrap.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import type { EtcdCalls } from "../../src/store/etcd/etcd-calls.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { Backups } from "../../src/store/sqlite/backups.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store } from "../../src/store/store.ts";
import { smallBallast } from "../store/sqlite-fixture.ts";
import { plain } from "../support/keeper.ts";

export interface Server {
  readonly directory: string;
  readonly log: EtcdLog;
  readonly store: Store;
  readonly state: State;
  readonly backups: Backups;
  readonly taken: Bootstrapped;
  /** Where a snapshot may be made. */
  readonly snapshotFile: string;
  create(path: string, data?: Uint8Array): Promise<void>;
  digest(): string;
  /** Resolves when all that is done is in the tables. */
  written(): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  readonly client: EtcdCalls;
  readonly prefix: string;
}

const limits = { ...defaultLimits, queueCommandsMax: 10_000, queueBytesMax: 2 ** 26 };

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "treekeeper-shared-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openLog({ client, prefix }: Place): Promise<EtcdLog> {
  const paces = { ...usualPaces, probeEveryMs: 100, retryMs: 5 };
  return EtcdLog.open({ client, clock: systemClock, prefix, paces });
}

/** Open until the test ends, or until it is closed. */
export async function openServer(place: Place, directory = newDirectory()): Promise<Server> {
  const log = await openLog(place);
  onTestFinished(() => log.close());
  const { clusterId } = log.info;
  const taken = await bootstrap(directory, place.client, place.prefix, clusterId);
  const sqlite = await openSqlite(directory, { ...smallBallast, clusterId, isLogElsewhere: true });
  const { state, position } = sqlite.loaded;
  const store = new Store({ state, position, log, tables: sqlite.tables, clock: systemClock, limits });
  const backups = new Backups({ store, ...sqlite.files, freeBytesMin: 0, version: "1.2.3" });
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await backups.close();
    await store.close();
    await sqlite.close();
  };
  onTestFinished(close);
  await store.start();
  return {
    ...{ directory, log, store, state, backups, taken, close },
    snapshotFile: sqlite.files.snapshotFile,
    async create(path, data = new Uint8Array()) {
      await store.submit({ type: "create", path, mode: plain, data });
    },
    digest: () => Digest.of(state).toString(),
    written: () =>
      expect.poll(() => writtenLsn(sqlite.files.databaseFile), { timeout: 10_000 }).toBe(store.place.lsn),
  };
}

function writtenLsn(file: string): number {
  const connection = new Sqlite(file, { readonly: true });
  try {
    return connection.prepare("SELECT applied_lsn FROM meta").pluck().get() as number;
  } finally {
    connection.close();
  }
}
