// What `migrate` says before it asks anybody: which of its words make no sense, and what is no data directory.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { etcdPlaceIn } from "../../src/cli/etcd-place.ts";
import { test } from "./folder-fixture.ts";

const etcd = "etcd://127.0.0.1:1/t/";

test("one side is a directory and the other is in etcd, and options go together", async ({ run, folder }) => {
  const refused: [string[], string][] = [
    [["--from", folder], "required option '--to <place>'"],
    [["--from", folder, "--to", `${folder}-2`], "one of --from and --to is a data directory"],
    [["--from", folder, "--to", "etcd:/t/"], "It is a directory, or etcd://HOST:PORT"],
    [["--from", folder, "--to", "etcd://user@host:2379/"], "Give http:// or https:// addresses"],
    [
      ["--from", folder, "--to", etcd, "--etcd-user", "me"],
      "--etcd-user and --etcd-password-file go together",
    ],
    [
      ["--from", folder, "--to", "etcds://h:1", "--etcd-cert", "c.crt"],
      "--etcd-cert and --etcd-key go together",
    ],
    [["--from", etcd, "--to", folder, "--abandoned"], "--abandoned is for --undo of a move out"],
    [["--from", folder, "--to", etcd, "--undo", "--abandoned"], "--abandoned is for --undo of a move out"],
  ];
  const answers = await Promise.all(refused.map(([args]) => run("migrate", ...args)));
  for (const [index, [, said]] of refused.entries())
    expect(answers[index]).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(said) });
});

test("a place in etcd is members and a prefix", () => {
  expect(etcdPlaceIn("etcd://one:2379,two:2379")).toEqual({
    ...{ name: "etcd://one:2379,two:2379/treekeeper/", prefix: "/treekeeper/" },
    etcdEndpoints: "http://one:2379,http://two:2379",
  });
  expect(etcdPlaceIn("etcds://[::1]:2379/a/b")).toEqual({
    ...{ name: "etcds://[::1]:2379/a/b/", prefix: "/a/b/", etcdEndpoints: "https://[::1]:2379" },
  });
  expect([etcdPlaceIn("./etcd"), etcdPlaceIn("/var/lib/x")]).toEqual([null, null]);
});

test("what is no data directory is refused, and an etcd that does not answer is said to be one", async ({
  run,
  folder,
  server,
}) => {
  const to = ["--to", etcd];
  expect(await run("migrate", "--from", join(folder, "none"), ...to)).toMatchObject({
    ...{ code: 1, stdout: "", stderr: expect.stringContaining("none is not there") },
  });
  const empty = join(folder, "empty");
  mkdirSync(empty);
  expect(await run("migrate", "--from", empty, ...to)).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("it was never served") },
  });
  expect(await run("migrate", "--from", server.dataDir, ...to)).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("in use by another process") },
  });
  await server.terminate();
  expect(await run("migrate", "--from", server.dataDir, ...to)).toMatchObject({
    ...{ code: 69, stderr: expect.stringContaining(`${etcd} does not answer`) },
  });
  expect(readdirSync(server.dataDir)).not.toContain("snapshot.part");
});
