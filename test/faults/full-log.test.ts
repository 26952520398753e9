// A log that cannot be written: what is said is lost, and nothing else is.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { freePort } from "../support/ports.ts";
import { test as base } from "../support/process.ts";
import { cliFile, serverFile } from "../support/programs.ts";

interface FullFixture {
  /** Starts a program whose log, or whatever else it says, goes to a device that is always full. */
  startMute: (file: string, args: readonly string[], stdout?: "ignore") => ChildProcess;
}

const test = base.extend<FullFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  startMute: async ({}, use) => {
    const full = openSync("/dev/full", "w");
    const children: ChildProcess[] = [];
    await use((file, args, stdout) => {
      const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", stdout ?? full, full] });
      children.push(child);
      return child;
    });
    for (const child of children) child.kill("SIGKILL");
    closeSync(full);
  },
});

test("a full disk under the log costs the service nothing: it serves, and ends as it is told to", async ({
  dataDir,
  startMute,
}) => {
  const port = await freePort();
  const server = startMute(serverFile, ["--port", port, "--data-dir", dataDir, "--log-level", "debug"]);
  const http = new Http(`http://127.0.0.1:${port}`);
  await untilItAnswers(http);
  expect((await http.post("/v1/znodes/a")).status).toBe(201);
  const second = startMute(serverFile, ["--port", port, "--data-dir", dataDir]);
  expect(await once(second, "exit")).toEqual([1, null]);
  const held = ["lock", "jobs", "--endpoint", `http://127.0.0.1:${port}`, "--", "sh", "-c", "exit 3"];
  expect(await once(startMute(cliFile, held, "ignore"), "exit")).toEqual([3, null]);
  expect((await http.get("/v1/znodes/a")).status).toBe(200);
  server.kill("SIGTERM");
  expect(await once(server, "exit")).toEqual([0, null]);
});

test("a log reader that stands still does not keep the service from ending", async ({ dataDir }) => {
  const port = await freePort();
  const args = [serverFile, "--port", port, "--data-dir", dataDir, "--log-level", "debug"];
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const http = new Http(`http://127.0.0.1:${port}`);
  await untilItAnswers(http);
  // More than a pipe or a socket takes that nobody reads.
  const query = `after=${"a".repeat(10_000)}`;
  for (let count = 0; count < 60; count += 1) await http.get("/v1/children/", { query });
  server.kill("SIGTERM");
  expect(await once(server, "exit")).toEqual([0, null]);
});

async function untilItAnswers(http: Http): Promise<void> {
  for (;;) {
    try {
      await http.get("/livez");
      return;
    } catch {
      await pause(20);
    }
  }
}
