// The examples are run as README shows them, against a real server with somebody else's data in it. Each checks
// by itself what it promises and says so by its exit status; here it is checked that it leaves nothing behind.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { dirname } from "node:path";
import { describe, expect } from "vitest";
import { codeBlocksOf, projectFolder, readDocument } from "../support/markdown.ts";
import { type ServerProcess, test } from "../support/process.ts";

const commands = codeBlocksOf(readDocument("README.md"))
  .filter(({ heading, language }) => heading === "Examples" && language === "sh")
  .flatMap(({ code }) => code.split("\n"));

/** What each tells on the way, in this order. */
const stories: Record<string, RegExp> = {
  "examples/service-registry.sh":
    /alpha at 10\.0\.0\.1:8080.*comes back.*beta is created \(request\).*alpha is deleted \(session_expired\).*OK:/s,
  "examples/master-election.sh":
    /is master.*killed.*is master.*cut off.*stops, \d+ ms before.*is master.*409 fence_stale.*OK:/s,
  "examples/distributed-lock.sh": /bruno, who waits.*carla, who holds.*order: anna carla dora emil.*OK:/s,
  "examples/nightly-report.sh":
    /anna writes the report.*host is gone.*bert goes on.*hangs.*cleo goes on.*409 fence_stale.*OK:/s,
  "node examples/fenced-table.ts": /anna holds.*bruno holds.*anna wakes up.*fence \d+ is stale.*OK:/s,
  "node examples/fenced-file.ts": /anna holds.*bruno holds.*anna wakes up.*fence \d+ is stale.*OK:/s,
  "node examples/load-balancer.ts":
    /answered by alpha \(\d+\) beta \(\d+\) gamma \(\d+\).*beta is removed.*delta is added.*answered by alpha.* delta.*OK:/s,
};

/** Those that need Node need the one that runs this. */
const nodeFolder = dirname(process.execPath);

const exampleWithinMs = 180_000;

test("README shows every example there is a story of", () => {
  expect(commands).toEqual(Object.keys(stories));
});

describe.concurrent.for(commands)("%s", (command) => {
  test(
    "keeps its promises and leaves the server as it was [E2]",
    async ({ start }) => {
      const server = await start();
      const others = await addForeignData(server);
      const example = run(command, server.url);
      const [code] = await once(example.process, "close");
      expect(code, example.text()).toBe(0);
      expect(example.text()).toMatch(stories[command] as RegExp);
      await expectNothingLeft(server, others);
    },
    exampleWithinMs,
  );

  test(
    "leaves nothing behind when it is interrupted",
    async ({ start }) => {
      const server = await start();
      const others = await addForeignData(server);
      const example = run(command, server.url);
      await once(example.process.stdout as NodeJS.ReadableStream, "data");
      // As a terminal does on Ctrl-C: everyone in the foreground hears of it.
      process.kill(-(example.process.pid as number), "SIGINT");
      const [code] = await once(example.process, "close");
      expect(code, example.text()).toBe(128 + constants.signals.SIGINT);
      await expectNothingLeft(server, others);
    },
    exampleWithinMs,
  );
});

test.for(commands)("%s without a server says what to do and fails", async (command) => {
  const example = run(command, "http://127.0.0.1:1");
  const [code] = await once(example.process, "close");
  expect(code).toBe(1);
  expect(example.text()).toContain("npm start");
});

interface RunningExample {
  readonly process: ChildProcess;
  /** What it said so far. */
  text(): string;
}

function run(command: string, serverUrl: string): RunningExample {
  const child = spawn("bash", ["-c", `exec ${command}`], {
    cwd: projectFolder,
    env: { ...process.env, PATH: `${nodeFolder}:${process.env.PATH}`, TREEKEEPER_URL: serverUrl },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  }
  return { process: child, text: () => text };
}

/** Somebody else uses the same server, and the same folders. */
async function addForeignData({ url }: ServerProcess): Promise<string[]> {
  for (const path of ["/services/theirs/one", "/locks/theirs/process-0000000000"]) {
    const response = await fetch(`${url}/v1/znodes${path}?parents=true`, { method: "POST", body: "theirs" });
    expect(response.status).toBe(201);
  }
  return await allPaths(url);
}

async function expectNothingLeft({ url }: ServerProcess, others: readonly string[]): Promise<void> {
  const response = await fetch(`${url}/v1/sessions`);
  const { sessions } = (await response.json()) as { sessions: { ephemeralCount: number }[] };
  // A session that was just being opened has nothing yet, and ends by itself.
  expect(sessions.filter(({ ephemeralCount }) => ephemeralCount > 0)).toEqual([]);
  expect(await allPaths(url)).toEqual(others);
}

async function allPaths(url: string, path = "/"): Promise<string[]> {
  const response = await fetch(`${url}/v1/children${path}`);
  const { children } = (await response.json()) as { children: string[] };
  const below = await Promise.all(
    children.map((name) => allPaths(url, `${path}/${name}`.replace("//", "/"))),
  );
  return [path, ...below.flat()];
}
