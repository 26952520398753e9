// `check`, `dump` and `diff` as their users start them, on the directory of a service that runs and of one that does not.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { contentOf } from "../offline/fixture.ts";
import { linesIn, test } from "./folder-fixture.ts";

test("of a service that runs, a dump is what an export is, and the service goes on", async ({
  server,
  client,
  output,
  run,
}) => {
  await client.create("/a", "text", {
    acl: [{ perms: ["read", "write", "create"], scheme: "world", id: "anyone" }],
  });
  await client.create("/a/b", Uint8Array.of(0, 255));
  const session = await client.openSession({ name: "worker" });
  await session.create("/a/c", "", { mode: { kind: "ephemeral" } });
  const dumped = linesIn(await output("dump", server.dataDir));
  expect(dumped).toEqual(linesIn(await output("export", "/")));
  expect(await output("check", server.dataDir)).toMatch(/^all +sound$/m);
  const [row] = linesIn(await output("check", server.dataDir, "--json"));
  expect(row).toMatchObject({ isSound: true, isLive: true });
  const kinds = linesIn(await output("dump", server.dataDir, "/a/b", "--sessions"));
  expect(kinds).toMatchObject([{ path: "/a/b" }, { session: { name: "worker", ephemerals: ["/a/c"] } }]);
  expect(await run("dump", server.dataDir, "/none")).toMatchObject({ code: 3, stdout: "" });
  await client.set("/a", "changed");
  const complaints = server.logs.filter(
    ({ level, msg }) => ["warn", "error", "fatal"].includes(level) && !msg.includes("--connections-max"),
  );
  expect(complaints).toEqual([]);
  await session.close();
  // Its own lock is as it was: a second service has no room here.
  expect((await run("serve", "--port", "0", "--data-dir", server.dataDir)).code).toBe(1);
});

test("codes: 0 sound or the same, 1 damaged or different, 2 where it cannot be told", async ({
  server,
  client,
  run,
  dataDir,
  folder,
}) => {
  await client.create("/a", "text");
  const earlier = join(folder, "earlier");
  cpSync(dataDir, earlier, { recursive: true });
  await client.set("/a", "changed");
  await server.terminate();
  const before = [contentOf(earlier), contentOf(dataDir)];
  expect(await run("check", earlier)).toMatchObject({ code: 0, stderr: "" });
  expect(await run("diff", earlier, earlier)).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
  expect(await run("diff", earlier, dataDir)).toEqual({
    ...{ code: 1, signal: null },
    ...{ stdout: "! /a data\n", stderr: "" },
  });
  expect(await run("diff", earlier, join(dataDir, "none"))).toEqual({
    ...{ code: 2, signal: null },
    ...{ stdout: "", stderr: `treekeeper: ${join(dataDir, "none")} is not there.\n` },
  });
  expect(await run("check", join(dataDir, "none"))).toMatchObject({ code: 2 });
  expect([contentOf(earlier), contentOf(dataDir)]).toEqual(before);
  const file = join(earlier, "treekeeper.db");
  const content = readFileSync(file);
  content.fill(0x5a, 4096 + 100);
  writeFileSync(file, content);
  const damaged = await run("check", earlier);
  expect(damaged).toMatchObject({ code: 1 });
  expect(damaged.stdout).toMatch(/^all +damaged$/m);
  expect(damaged.stderr).toMatch(/is damaged\. Keep a copy of it, then restore a backup/);
});
