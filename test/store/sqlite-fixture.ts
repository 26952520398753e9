// What the tests of the SQLite store share: a directory that goes away, and rows that hold a state.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { openAcl } from "../../src/core/acl/acl.ts";
import { Digest } from "../../src/core/digest.ts";
import type { Session } from "../../src/core/session.ts";
import { State } from "../../src/core/state.ts";
import { emptyData, rootZnode, type Znode } from "../../src/core/tree/znode.ts";
import type { Lsn } from "../../src/store/commit-log.ts";
import { type OpenedSqlite, openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import type { SqliteSettings } from "../../src/store/sqlite/settings.ts";
import type { ChangeRow, RowChanges } from "../../src/store/tables.ts";

interface Fixture {
  directory: string;
  /** Opens the directory; what is still open at the end of the test is closed. */
  open: (settings?: Partial<SqliteSettings>) => Promise<OpenedSqlite>;
}

export const smallBallast: Partial<SqliteSettings> = { ballastBytes: 4096, freeBytesMin: 0 };

export const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: the first argument of a fixture must be a pattern
  directory: async ({}, use) => {
    const directory = mkdtempSync(join(tmpdir(), "treekeeper-store-"));
    await use(directory);
    rmSync(directory, { recursive: true, force: true });
  },
  open: async ({ directory }, use) => {
    const opened: OpenedSqlite[] = [];
    await use(async (settings = {}) => {
      const sqlite = await openSqlite(directory, { ...smallBallast, ...settings });
      opened.push(sqlite);
      return sqlite;
    });
    for (const sqlite of opened) await sqlite.close();
  },
});

/** A znode with ordinary fields where none are given. */
export function znode(fields: Partial<Znode> & Pick<Znode, "id" | "path">): Znode {
  return { ...rootZnode(), data: emptyData, czxid: 1, mzxid: 1, pzxid: 1, ctimeMs: 7, mtimeMs: 7, ...fields };
}

export function stateOf(
  znodes: readonly Znode[],
  sessions: readonly Session[] = [],
  zxid = 1,
  ranMs = 0,
): State {
  const state = new State();
  for (const session of sessions) state.restoreSession(session);
  for (const acl of new Set(znodes.map((record) => record.acl))) if (acl !== openAcl) state.restoreAcl(acl);
  for (const record of znodes) state.restoreZnode(record);
  const nextZnodeId = Math.max(...znodes.map((record) => record.id)) + 1;
  state.restoreCounters({ zxid, nextZnodeId, ranMs });
  return state;
}

/** Rows that write the whole of a state over what the file holds, which is a fresh tree unless `written` says more. */
export function rowsOf(
  state: State,
  rest: {
    written?: State;
    appliedLsn: Lsn;
    changes?: readonly ChangeRow[];
    historyFloorZxid?: number;
    deletedZnodeIds?: number[];
    forgottenReplyZxids?: number[];
  },
): RowChanges {
  const znodes = [...state.tree.values()];
  const written = rest.written ?? State.fresh();
  const ids = new Set([...written.tree.values()].map(({ id }) => id));
  const isWritten = ({ id }: Znode) => ids.has(id);
  return {
    position: {
      appliedLsn: rest.appliedLsn,
      entryName: "",
      zxid: state.zxid,
      nextZnodeId: state.nextZnodeId,
      ranMs: state.ranMs,
      timeMs: state.timeMs,
      housekeeper: state.housekeeper,
      restored: state.restored,
      digest: Digest.of(state).toString(),
      historyFloorZxid: rest.historyFloorZxid ?? 0,
    },
    created: znodes.filter((record) => !isWritten(record)),
    changed: znodes.filter(isWritten),
    parents: znodes.filter((record) => record.cversion > 0),
    deletedZnodeIds: rest.deletedZnodeIds ?? [],
    sessions: [...state.sessions()],
    closedSessionIds: [],
    replies: [...state.replies],
    forgottenReplyZxids: rest.forgottenReplyZxids ?? [],
    quotas: [...state.quotas.from("")],
    deletedQuotaPaths: [],
    epochs: [...state.epochs],
    forgottenEpochZxids: [],
    access: [...state.access.records()],
    removedAccess: [],
    acls: [...state.acls.values()],
    forgottenAclIds: [...written.acls.values()]
      .map(({ id }) => id)
      .filter((id) => state.acls.get(id) === undefined),
    changes: rest.changes ?? [],
  };
}
