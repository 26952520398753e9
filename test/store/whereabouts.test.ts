// The files under a running store: whatever takes them from their place ends it.

import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { NotAppendedError } from "../../src/store/commit-log.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { smallBallast, test } from "./sqlite-fixture.ts";

const displacements: Record<string, (path: string) => void> = {
  removed: (path) => rmSync(path, { recursive: true }),
  moved: (path) => renameSync(path, `${path}.moved`),
  "replaced by a copy": (path) => {
    renameSync(path, `${path}.moved`);
    cpSync(`${path}.moved`, path, { recursive: true });
  },
  "replaced by a link to itself": (path) => {
    cpSync(path, `${path}.copy`, { recursive: true });
    rmSync(path, { recursive: true });
    symlinkSync(`${path}.copy`, path);
  },
  "removed and made anew": (path) => {
    rmSync(path, { recursive: true });
    mkdirSync(path);
  },
};
const files = ["lock.db", "treekeeper.db", "treekeeper.db-wal", "treekeeper.db-shm"];

test("a store fails as soon as its directory or a file in it is removed, moved or replaced, and takes no more", async ({
  directory,
}) => {
  const cases = [
    ...Object.entries(displacements).map(([what, displace]) => ({ what, place: "", displace })),
    ...files.map((name) => ({ what: `${name} removed`, place: name, displace: displacements.removed })),
  ];
  await Promise.all(
    cases.map(async ({ what, place, displace }, index) => {
      const path = join(directory, `${index}`);
      const sqlite = await openSqlite(path, smallBallast);
      await sqlite.log.append(1, new Uint8Array(1));
      const failed = new Promise<string>((resolve) => {
        sqlite.log.onState((state) => {
          if (state.state === "failed") resolve(state.cause);
        });
      });
      displace?.(join(path, place));
      expect(await failed, what).toMatch(
        /was (removed or moved|replaced) while the service wrote|writing thread/,
      );
      await expect(sqlite.log.append(2, new Uint8Array(1)), what).rejects.toBeInstanceOf(NotAppendedError);
      await sqlite.close();
    }),
  );
});

test("a link to the directory that is turned elsewhere is a directory that was replaced", async ({
  directory,
}) => {
  mkdirSync(join(directory, "first"));
  mkdirSync(join(directory, "second"));
  const link = join(directory, "data");
  symlinkSync(join(directory, "first"), link);
  const sqlite = await openSqlite(link, smallBallast);
  const failed = new Promise<string>((resolve) => {
    sqlite.log.onState((state) => {
      if (state.state === "failed") resolve(state.cause);
    });
  });
  rmSync(link);
  symlinkSync(join(directory, "second"), link);
  expect(await failed).toMatch(/data was replaced/);
  await sqlite.close();
});
