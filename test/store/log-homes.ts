// The places where logs live, one of each kind: what the suite over implementations is run on.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { State } from "../../src/core/state.ts";
import type { CommitLog, Covering, Lsn } from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { SharedEntries } from "../../src/store/memory/shared-entries.ts";
import { SharedLog } from "../../src/store/memory/shared-log.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { rowsOf, smallBallast } from "./sqlite-fixture.ts";

export interface OpenLog {
  readonly log: CommitLog;
  /** Keeps beside the log what its entries up to here led to; durable with the next append. */
  reflect(upTo: Lsn): Promise<void>;
  /** What is kept so, and durable. */
  covering(): Covering;
  close(): Promise<void>;
}

/** Opening it again is a restart. */
export interface Home {
  open(): Promise<OpenLog>;
  remove(): void | Promise<void>;
}

/** One whose log can be cut off. */
export interface RemoteHome extends Home {
  cutOff(cause: string): void;
  connect(): void;
}

export function memoryHome(): RemoteHome {
  const entries = new MemoryEntries();
  let incarnation = 0;
  let log: MemoryLog;
  return {
    async open() {
      incarnation += 1;
      log = new MemoryLog(`memory-${incarnation}`, entries);
      let lsn = 0;
      return {
        log,
        async reflect(upTo) {
          lsn = upTo;
        },
        covering: () => ({ lsn, zxid: lsn, digest: "" }),
        close: () => log.close(),
      };
    },
    cutOff: (cause) => log.suspend(cause),
    connect: () => log.resume(),
    remove() {},
  };
}

export function sharedHome(): RemoteHome {
  const entries = new SharedEntries();
  let incarnation = 0;
  let log: SharedLog;
  return {
    async open() {
      incarnation += 1;
      log = new SharedLog({ writer: `server-${incarnation}`, entries, clock: systemClock });
      let lsn = 0;
      return {
        log,
        async reflect(upTo) {
          lsn = upTo;
        },
        covering: () => ({ lsn, zxid: lsn, digest: "" }),
        close: () => log.close(),
      };
    },
    cutOff: (cause) => log.cutOff(cause),
    connect: () => log.connect(),
    remove() {},
  };
}

export function sqliteHome(): Home {
  const directory = mkdtempSync(join(tmpdir(), "treekeeper-log-"));
  return {
    async open() {
      const sqlite = await openSqlite(directory, smallBallast);
      let durable: Covering = { lsn: 0, zxid: 0, digest: "" };
      sqlite.tables.onDurable((covering) => {
        durable = covering;
      });
      return {
        log: sqlite.log,
        reflect: (upTo) => sqlite.tables.write(rowsOf(State.fresh(), { appliedLsn: upTo })),
        covering: () => durable,
        close: () => sqlite.close(),
      };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
