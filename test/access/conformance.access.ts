// Every promise of test/conformance holds on a server that asks everybody who they are, for an admin who shows a token with
// each request.

import { execFileSync } from "node:child_process";
import { test } from "vitest";
import { ask, subjects } from "../scorecard/questions.ts";
import { scorecardOf, textOf } from "../scorecard/scorecard.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";

test("an admin is kept every promise where access control is on", async ({ expect, onTestFinished }) => {
  const dataDir = makeDataDir();
  const init = [cliFile, "token", "init", "--data-dir", dataDir];
  const secret = execFileSync(process.execPath, init, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const server = await ServerProcess.start({ dataDir });
  onTestFinished(async () => {
    await server.kill();
    removeDataDir(dataDir);
  });
  expect((await fetch(`${server.url}/v1/limits`)).status).toBe(401);
  const urls = [server.url];
  // Lists of znodes keep no admin out (A10), which is what most of their promises are about.
  const asked = subjects().filter((subject) => subject !== "acl");
  const scorecard = scorecardOf(urls, await ask(urls, asked, secret.trim()));
  expect(scorecard.asked).toBeGreaterThan(0);
  expect(scorecard.held, textOf(scorecard)).toBe(scorecard.asked);
});
