// A process that appends, writes rows and says what was acknowledged, until it is killed.

import { Digest } from "../../src/core/digest.ts";
import { State } from "../../src/core/state.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";

const directory = process.argv[2] as string;
const sqlite = await openSqlite(directory, { checkpointBytes: 131_072, ballastBytes: 4096 });
const { loaded } = sqlite;
const { state } = loaded;
let lsn = await sqlite.log.tail();

for (let seq = 1; ; seq += 2) {
  const body = new TextEncoder().encode(`${lsn + 1}`.padStart(2_000));
  const answers = [sqlite.log.append(seq, body), sqlite.log.append(seq + 1, body)];
  lsn = Math.max(...(await Promise.all(answers)));
  process.stdout.write(`${lsn}\n`);
  if (seq % 40 === 1) await sqlite.tables.write(rowsAt(lsn - 10));
}

function rowsAt(appliedLsn: number) {
  const root = {
    ...State.fresh().tree.get("/"),
    mzxid: appliedLsn,
    data: new TextEncoder().encode(`${appliedLsn}`),
  };
  const record = { ...root } as Parameters<State["restoreZnode"]>[0];
  state.tree.replace(record);
  state.restoreCounters({ zxid: appliedLsn, nextZnodeId: 1, ranMs: 0 });
  const digest = Digest.of(state).toString();
  const { timeMs, housekeeper, restored } = state;
  const counters = { zxid: appliedLsn, nextZnodeId: 1, ranMs: 0, timeMs, housekeeper, restored };
  const position = { appliedLsn, entryName: "", ...counters, digest, historyFloorZxid: 0 };
  return {
    position,
    created: [],
    changed: [record],
    parents: [],
    deletedZnodeIds: [],
    sessions: [],
    access: [],
    removedAccess: [],
    closedSessionIds: [],
    replies: [],
    forgottenReplyZxids: [],
    quotas: [],
    deletedQuotaPaths: [],
    epochs: [],
    forgottenEpochZxids: [],
    acls: [],
    forgottenAclIds: [],
    changes: [],
  };
}
