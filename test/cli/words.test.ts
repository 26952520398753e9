// What the command line says and is told: refusals in its own words, endpoints as people write them, and secrets that do
// not stand where everybody sees them.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { CliProcess, test } from "./fixture.ts";

test("what the service says of parameters and methods is said of options and commands", async ({
  cli,
  run,
  client,
}) => {
  await client.create("/words/a", "", { parents: true });
  const rows: [string[], string][] = [
    [
      ["create", "/words/b/c"],
      "The parent /words/b does not exist; create it first. With --parents it is created too.",
    ],
    [["create", "/words/a"], "/words/a exists already. `treekeeper set` replaces its data."],
    [["set", "/words/b", "1"], "/words/b does not exist. With --create it is created."],
    [["rm", "/words"], "/words has 1 child; delete them first. With --recursive they are deleted with it."],
    [
      ["create", "/words/e", "--ephemeral"],
      "An ephemeral znode belongs to a session: open one with `treekeeper session open` and name it by --session.",
    ],
  ];
  const results = await Promise.all(rows.map(([args]) => run(...args)));
  for (const [index, [, sentence]] of rows.entries()) {
    expect(results[index]?.stderr).toMatch(new RegExp(`^treekeeper: ${escaped(sentence)} \\(\\w+\\)\\n$`));
  }
  const { stderr } = await cli(["import", "-"], { input: '{"path":"/words/a","data":"other"}\n' }).ended;
  expect(stderr).toContain("/words/a exists already; say --on-conflict skip or replace.");
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

test("an endpoint is found as people write it, or refused in a sentence", async ({ server }) => {
  const { port } = new URL(server.url);
  const found = [`127.0.0.1:${port}`, `localhost:${port}`, `http://127.0.0.1:${port}/`];
  const refused = ["ftp://127.0.0.1", "http://", `http://127.0.0.1:${port},`];
  const results = await Promise.all(
    [...found, ...refused].map((endpoint) => new CliProcess(["stat", "/"], { endpoint }).ended),
  );
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 2, 2, 2]);
  expect(results[3]?.stderr).toBe(
    "error: option '--endpoint' is a URL of http or https, such as http://127.0.0.1:2281.\n",
  );
});

test("a variable that is set to nothing is as one that is not set", async ({ cli, server }) => {
  const env = { TREEKEEPER_TIMEOUT_MS: "", TREEKEEPER_TOKEN: "" };
  expect(await cli(["stat", "/"], { env }).ended).toMatchObject({ code: 0, stderr: "" });
  const nowhere = new CliProcess(["stat", "/", "--endpoint", server.url], { endpoint: "" });
  expect(await nowhere.ended).toMatchObject({ code: 0, stderr: "" });
});

test("a session's token is read from a file, so that it need not stand on the command line", async ({
  cli,
  output,
  dataDir,
  client,
}) => {
  const file = join(dataDir, "session");
  writeFileSync(file, await output("session", "open", "--timeout-ms", "60000"));
  expect(await output("create", "/from-file", "--ephemeral", "--session", `@${file}`)).toBe("/from-file\n");
  expect(Number(await output("session", "keepalive", `@${file}`))).toBeGreaterThan(0);
  const env = { TREEKEEPER_SESSION: `@${file}` };
  expect(await cli(["session", "close"], { env }).ended).toMatchObject({ code: 0, stderr: "" });
  expect(await client.exists("/from-file")).toBeUndefined();
  const missing = await cli(["set", "/x", "1", "--session", `@${file}.none`]).ended;
  expect(missing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${file}.none cannot be read (ENOENT).`),
  });
});
