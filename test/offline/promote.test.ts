// `promote`: a follower's directory that cannot be served stays as it is.

import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import { promote } from "../../src/offline/promote.ts";
import { followedBy } from "../../src/offline/restore.ts";
import { leaveFollowerNote } from "../../src/store/sqlite/follower-note.ts";
import { test } from "./fixture.ts";

const upstream = "http://127.0.0.1:2281";

/** Makes it one of a follower, and changes its database. */
function follow(directory: string, sql = ""): string {
  const file = join(directory, "treekeeper.db");
  const database = new Sqlite(file);
  database.transaction(() => leaveFollowerNote(database, upstream))();
  database.exec(sql);
  database.close();
  return file;
}

test("makes a follower one of its own once", ({ stopped }) => {
  const file = follow(stopped);
  const options = { dataDir: stopped, sequencesAhead: undefined };
  expect(promote(options).zxid).toBeGreaterThan(0);
  expect(followedBy(file)).toBe(null);
  expect(() => promote(options)).toThrow(/follows nobody/);
});

test.for([
  ["damaged", "UPDATE znode SET data = x'00' WHERE path = '/config'", undefined],
  ["numbered beyond what there is", "", Number.MAX_SAFE_INTEGER],
] as const)("leaves one that is %s a follower's", ([, sql, sequencesAhead], { stopped }) => {
  const file = follow(stopped, sql);
  expect(() => promote({ dataDir: stopped, sequencesAhead })).toThrow();
  expect(followedBy(file)).toBe(upstream);
});
