// The tools that look at data directories, as their users start them: at a backup, at what keeps a service from starting, and
// for a reader who has gone.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { linesIn, test } from "../cli/folder-fixture.ts";
import { contentOf } from "../offline/fixture.ts";

test("a backup is looked at as a directory is, and compared with what has become of it", async ({
  server,
  client,
  output,
  run,
  folder,
}) => {
  await client.create("/a", "text");
  const file = join(folder, "store.db");
  await output("backup", file);
  const before = contentOf(folder);
  expect(await output("check", file)).toMatch(/^all +sound$/m);
  expect(linesIn(await output("dump", file, "/a"))).toMatchObject([{ path: "/a", data: "text" }]);
  expect(await run("diff", file, server.dataDir, "--stat")).toMatchObject({ code: 0, stdout: "" });
  await client.delete("/a");
  expect(await run("diff", file, server.dataDir)).toMatchObject({ code: 1, stdout: "- /a\n" });
  expect(contentOf(folder)).toEqual(before);
});

test("the damage that keeps a service from starting is told with what to do", async ({
  server,
  run,
  dataDir,
}) => {
  await server.terminate();
  const file = join(dataDir, "treekeeper.db");
  const content = readFileSync(file);
  content.fill(0x5a, 4096 + 100);
  writeFileSync(file, content);
  const refused = await run("serve", "--port", "0", "--data-dir", dataDir);
  expect(refused.code).toBe(1);
  expect(refused.stdout + refused.stderr).toContain(`treekeeper check ${dataDir}`);
  expect(refused.stdout + refused.stderr).toContain("docs/backup.md");
});

test("a reader that goes away early leaves no copy behind", async ({ cli, dataDir, client, folder }) => {
  await client.create("/a", "x".repeat(1_000_000));
  const process = cli(["dump", dataDir, "--scratch", folder]);
  process.closeOutput();
  await process.ended;
  expect(readdirSync(folder)).toEqual([]);
});
