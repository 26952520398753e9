// A data directory that a later version has written, under this one: it says what to do, ends with 78, and leaves
// everything as it is.

import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { machineVersion } from "../../src/core/machine-version.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";

/** What a server left there that was asked for one znode. */
async function writeDirectory(start: () => Promise<ServerProcess>): Promise<void> {
  const server = await start();
  expect((await new Http(server.url).post("/v1/znodes/a", { body: "1" })).status).toBe(201);
  await server.terminate();
}

/** All that is in the tables, but for who had the file open last. */
function contentOf(dataDir: string): unknown {
  const connection = new Sqlite(join(dataDir, "treekeeper.db"), { readonly: true });
  const tables = ["log", "znode", "znode_children", "session", "reply", "quota", "change"];
  const rows = tables.map((table) => connection.prepare(`SELECT * FROM ${table}`).all());
  const position = connection.prepare("SELECT applied_lsn, zxid, machine_version, digest FROM meta").all();
  connection.close();
  return [...rows, position];
}

async function expectToBeTooOld(dataDir: string): Promise<void> {
  const before = contentOf(dataDir);
  const { code, logs } = await ServerProcess.runToEnd({ dataDir });
  expect(code).toBe(78);
  expect(logs.at(-1)?.msg).toMatch(
    /^could not start: a later version wrote .*Nothing was changed: start that/,
  );
  expect(contentOf(dataDir)).toEqual(before);
}

const unknown = { type: "appendData", path: "/a" } as unknown as Command;

test("a log with a command of a later version ends the start with 78, and nothing of its entry is done", {
  timeout: 180_000,
}, async ({ start, dataDir }) => {
  await writeDirectory(start);
  const sqlite = await openSqlite(dataDir, {});
  const commands = [{ type: "delete", path: "/a" } as const, unknown];
  await sqlite.log.append(1, encodeBatch({ timeMs: Date.now(), commands }));
  await sqlite.close();
  await expectToBeTooOld(dataDir);
});

test.for([
  ["log", `UPDATE meta SET machine_version = ${machineVersion + 1}`],
  ["tables", `PRAGMA user_version = ${schemaVersion + 1}`],
])(
  "a directory whose %s a later version has written ends the start with 78 and stays as it is",
  {
    timeout: 180_000,
  },
  async ([, change], { start, dataDir }) => {
    await writeDirectory(start);
    const connection = new Sqlite(join(dataDir, "treekeeper.db"));
    connection.exec(change as string);
    connection.close();
    await expectToBeTooOld(dataDir);
  },
);
