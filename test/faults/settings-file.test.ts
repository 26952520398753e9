// Settings from a file: what counts where several say something, what is in force, and that nothing is opened where the file
// is wrong.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { settingVariables } from "../../src/settings/environment.ts";
import { Http } from "../support/http.ts";
import { codeBlocksOf, readDocument } from "../support/markdown.ts";
import { ServerProcess, test } from "../support/process.ts";
import { cliFile, serverFile } from "../support/programs.ts";

/** What a start prints that is to end by itself. */
async function printed(folder: string, args: readonly string[], env: Record<string, string> = {}) {
  const options = { cwd: folder, env: { PATH: process.env.PATH, ...env } };
  return await promisify(execFile)(process.execPath, [serverFile, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

test("flags go before the environment, the environment before the file, the file before what is built in", async ({
  dataDir,
}) => {
  const file = join(dataDir, "treekeeper.conf");
  writeFileSync(
    file,
    "data-bytes-max = 10\noperations-max = 3\njson-depth-max = 16\ninsecure = false\nport = 1\n",
  );
  const env = {
    TREEKEEPER_CONFIG: file,
    TREEKEEPER_OPERATIONS_MAX: "4",
    TREEKEEPER_JSON_DEPTH_MAX: "17",
  };
  const args = ["--json-depth-max", "18"];
  const server = await ServerProcess.start({ dataDir: join(dataDir, "data"), env, args });
  const { bounds } = (await new Http(server.url).get("/v1/limits")).json();
  expect(bounds).toMatchObject({
    ...{ dataBytesMax: 10, operationsMax: 4, jsonDepthMax: 18 },
    pathLengthMax: 4096,
  });
  await server.kill();
});

const wrongFiles = [
  ["port = 70000", ":1: port: It is a whole number from 0 to 65535."],
  ["# it\nprot = 1", ":2: prot: There is no such setting"],
  ["config = other.conf", ":1: config: A file names no other."],
  ["insecure = yes", ":1: insecure: It is one of true, false."],
  ["port = 1\nport = 2", ":2: port: It is set in line 1 already."],
  ["[server]", ":1: It is no setting"],
] as const;

test("a file that is wrong stops the start with file, line and name, also where a flag goes before it; nothing is made", async ({
  dataDir,
}) => {
  const folder = join(dataDir, "fresh");
  const starts = wrongFiles.map(async ([content, reason], index) => {
    const file = join(dataDir, `${index}.conf`);
    writeFileSync(file, `${content}\n`);
    const ended = await ServerProcess.runToEnd({ dataDir: folder, args: ["--config", file] });
    return { ...ended, expected: `error: ${file}${reason}` };
  });
  const missing = join(dataDir, "missing.conf");
  const env = { TREEKEEPER_CONFIG: missing };
  starts.push(
    ServerProcess.runToEnd({ dataDir: folder, env }).then((ended) => ({
      ...ended,
      expected: `error: ${missing}: It cannot be read: ENOENT`,
    })),
  );
  for (const { code, stderr, expected } of await Promise.all(starts)) {
    expect([code, stderr]).toEqual([1, expect.stringContaining(expected)]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(existsSync(folder)).toBe(false);
});

test("what is in force is printed as a file of settings, says where it is from, and opens nothing", async ({
  dataDir,
}) => {
  writeFileSync(join(dataDir, "a.conf"), "# ours\nsweep-interval-ms = 5000\nlog-level = debug\n");
  const args = ["--config", "a.conf", "--log-level=warn", "--insecure", "--print-config"];
  const first = await printed(dataDir, args, { TREEKEEPER_STREAMS_MAX: "10" });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  for (const part of [
    "# from --log-level\nlog-level = warn\n",
    "# from --insecure\ninsecure = true\n",
    "# from TREEKEEPER_STREAMS_MAX\nstreams-max = 10\n",
    "# from a.conf:2\nsweep-interval-ms = 5000\n",
    // It follows from another.
    "\nstreams-per-client-max = 8\n",
    "\nport = 2281\n",
    "\ntls-cert =\n",
  ])
    expect(`\n${first.stdout}`).toContain(part);
  const settings = (text: string) => text.split("\n").filter((line) => !line.startsWith("#"));
  // All but the file itself, and the end of the last line.
  expect(settings(first.stdout)).toHaveLength(settingVariables.length - 1 + 1);

  writeFileSync(join(dataDir, "b.conf"), first.stdout);
  const second = await printed(dataDir, ["--config", "b.conf", "--print-config"]);
  expect(settings(second.stdout)).toEqual(settings(first.stdout));
  expect(readdirSync(dataDir).sort()).toEqual(["a.conf", "b.conf"]);

  const wrong = await printed(dataDir, ["--checkpoint-bytes", "1GiB", "--print-config"]);
  expect(wrong).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("--checkpoint-bytes is above"),
  });
});

test("docs/settings.md shows a file that is one, and what is printed of it", async ({ dataDir }) => {
  const blocks = codeBlocksOf(readDocument("docs/settings.md"));
  const [file, command, shown] = blocks.filter(({ heading }) => heading === "A file of settings");
  writeFileSync(join(dataDir, "treekeeper.conf"), String(file?.code));
  const program = join(dataDir, "treekeeper");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${cliFile}' "$@"\n`, { mode: 0o755 });
  const { stdout } = await promisify(execFile)("sh", ["-c", String(command?.code)], {
    cwd: dataDir,
    env: { PATH: `${dataDir}:${process.env.PATH}` },
  });
  expect(stdout).toBe(`${shown?.code}\n`);
});

test("--help has the order in which settings count, and how a file is written", async ({ dataDir }) => {
  const { stdout } = await printed(dataDir, ["--help"]);
  expect(stdout).toContain("--print-config");
  expect(stdout).toContain("the environment before the file of --config");
});

test("a healthcheck asks the service of these settings, and says why it fails", async ({ dataDir }) => {
  const check = async (...args: string[]) =>
    await promisify(execFile)(process.execPath, [cliFile, "healthcheck", ...args]).then(
      () => ({ code: 0, stderr: "" }),
      ({ code, stderr }) => ({ code, stderr }),
    );
  const server = await ServerProcess.start({ dataDir });
  const { port } = new URL(server.url);
  const file = join(dataDir, "its.conf");
  writeFileSync(file, `port = ${port}\n`);
  expect(await check("--port", port)).toEqual({ code: 0, stderr: "" });
  expect(await check("--config", file)).toEqual({ code: 0, stderr: "" });
  server.signal("SIGSTOP");
  const slow = await check("--port", port);
  server.signal("SIGCONT");
  expect(slow).toEqual({
    code: 1,
    stderr: expect.stringMatching(
      /^error: The service does not answer on port \d+ of 127\.0\.0\.1: not within 5000 ms\.$/m,
    ),
  });
  await server.kill();
  expect(await check("--port", port)).toEqual({
    code: 1,
    stderr: expect.stringContaining("ECONNREFUSED"),
  });
  expect(await check("--port", "0")).toEqual({
    code: 1,
    stderr: expect.stringContaining("--port is 0"),
  });
});
