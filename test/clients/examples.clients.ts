// The examples in other languages are put through what they promise: killed, stopped, cut off, deposed. They use no client
// but their language's own library.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { CuttingProxy } from "../client/cutting-proxy.ts";
import { type EventStream, Http } from "../support/http.ts";
import { projectFolder } from "../support/markdown.ts";
import { test as base, type Exit } from "../support/process.ts";
import { type ExampleLanguage, exampleLanguages } from "./examples.ts";
import { missingOf, need } from "./toolchains.ts";

/** For what hangs. */
const exampleWithinMs = 120_000;

interface Program {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit & { readonly atMs: number }>;
  /** What it said so far. */
  text(): string;
}

interface Fixture {
  /** Starts one of the programs; whatever runs at the end of the test is killed. */
  run: (command: readonly string[], endpoint: string) => Program;
  proxy: (url: string) => Promise<CuttingProxy>;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  run: async ({}, use) => {
    const programs: Program[] = [];
    await use((command, endpoint) => {
      const program = start(command, endpoint);
      programs.push(program);
      return program;
    });
    for (const program of programs) program.process.kill("SIGKILL");
    for (const { exit } of programs) await exit;
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  proxy: async ({}, use) => {
    const proxies: CuttingProxy[] = [];
    await use(async (url) => {
      const proxy = await CuttingProxy.start(url);
      proxies.push(proxy);
      return proxy;
    });
    for (const proxy of proxies) await proxy.stop();
  },
});

describe.for(exampleLanguages)("examples/$name", { timeout: exampleWithinMs }, (language) => {
  const folder = mkdtempSync(join(tmpdir(), `treekeeper-examples-${language.name}-`));
  beforeAll(async () => {
    if ((await missingOf([language.name])) === "") await buildAll(language, folder);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const register = (id: string) => [...language.register(folder), id];
  const batchJob = (name: string) => [...language.batchJob(folder), name];

  describe.concurrent("a service", () => {
    test("is listed while it lives, over a server that is killed, and not for longer", async ({
      start,
      run,
      skip,
    }) => {
      await need([language.name], skip);
      const server = await start();
      const { port } = new URL(server.url);
      const hello = run(register("one"), server.url);
      const { port: ownPort } = await told(await follow(server.url), "added");
      expect(await (await fetch(`http://127.0.0.1:${ownPort}/`)).text()).toBe("hello\n");

      await server.kill();
      await start("--port", port);
      await sessionHasEnded(server.url);
      expect(await instances(server.url), hello.text()).toEqual(["one"]);

      const events = await follow(server.url);
      hello.process.kill("SIGKILL");
      expect(await told(events, "removed")).toMatchObject({ id: "one", cause: "session_expired" });
    });

    test("is taken from the list on SIGTERM, at once", async ({ start, run, skip }) => {
      await need([language.name], skip);
      const server = await start();
      const events = await follow(server.url);
      const hello = run(register("one"), server.url);
      await told(events, "added");
      hello.process.kill("SIGTERM");
      expect(await told(events, "removed")).toMatchObject({ id: "one", cause: "session_closed" });
      expect(await hello.exit, hello.text()).toMatchObject({ code: 0 });
    });

    test("that was stopped or cut off for too long is listed again", async ({ start, run, proxy, skip }) => {
      await need([language.name], skip);
      const server = await start();
      const network = await proxy(server.url);
      const events = await follow(server.url);
      const hello = run(register("one"), network.url);
      await told(events, "added");
      hello.process.kill("SIGSTOP");
      await told(events, "removed");
      hello.process.kill("SIGCONT");
      await told(events, "added", 2);
      network.goDark();
      await told(events, "removed", 2);
      network.goLight();
      await told(events, "added", 3);
    });
  });

  describe.concurrent("a batch job", () => {
    test("that is cut off has ended before the next is elected, and the next goes on", async ({
      start,
      run,
      proxy,
      skip,
    }) => {
      await need([language.name], skip);
      const server = await start();
      const network = await proxy(server.url);
      const work = await followWork(server.url);
      const anna = run(batchJob("anna"), network.url);
      await work.until(() => stepsOf(work).includes("3 by anna"));
      run(batchJob("bert"), server.url);
      await standing(server.url, 2);
      const elected = atWhichLeads(server.url, "bert");
      network.goDark();
      const electedMs = await elected;
      expect((await anna.exit).atMs, anna.text()).toBeLessThan(electedMs);
      await work.until(() => stepsOf(work).some((step) => step.endsWith("by bert")));
      expectWholeWork(stepsOf(work), ["anna", "bert"]);
    });

    test("that was stopped does no harm when it goes on, and ends", async ({ start, run, skip }) => {
      await need([language.name], skip);
      const server = await start();
      const work = await followWork(server.url);
      const anna = run(batchJob("anna"), server.url);
      await work.until(() => stepsOf(work).includes("3 by anna"));
      run(batchJob("bert"), server.url);
      await standing(server.url, 2);
      anna.process.kill("SIGSTOP");
      await work.until(() => stepsOf(work).filter((step) => step.endsWith("by bert")).length >= 3);
      anna.process.kill("SIGCONT");
      expect((await anna.exit).code, anna.text()).not.toBe(0);
      const count = stepsOf(work).length;
      await work.until(() => stepsOf(work).length >= count + 3);
      expectWholeWork(stepsOf(work), ["anna", "bert"]);
    });

    test("ends when an operator deposes it, and works on when the server is killed", async ({
      start,
      run,
      skip,
    }) => {
      await need([language.name], skip);
      const server = await start();
      const { port } = new URL(server.url);
      const anna = run(batchJob("anna"), server.url);
      const before = await followWork(server.url);
      await before.until(() => stepsOf(before).includes("3 by anna"));
      await server.kill();
      await start("--port", port);
      const work = await followWork(server.url);
      await work.until(() => stepsOf(work).length >= 3);
      expectWholeWork(stepsOf(work), ["anna"]);

      const http = new Http(server.url);
      const { leader } = (await http.get("/v1/elections/batch")).json<{ leader: { id: string } }>();
      await http.delete(`/v1/elections/batch/candidates/${leader.id}`, { query: { force: true } });
      expect(await anna.exit, anna.text()).toMatchObject({ code: 75 });
    });
  });
});

async function buildAll({ build }: ExampleLanguage, folder: string): Promise<void> {
  for (const [program, ...args] of build(folder)) {
    await promisify(execFile)(program, args, { cwd: projectFolder });
  }
}

function start([program, ...args]: readonly string[], endpoint: string): Program {
  const child = spawn(program as string, args, {
    cwd: projectFolder,
    env: { ...process.env, TREEKEEPER_ENDPOINT: endpoint },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  }
  const exit = once(child, "exit").then(([code, signal]) => ({ code, signal, atMs: performance.now() }));
  return { process: child, exit, text: () => text };
}

// --- services

async function follow(url: string): Promise<EventStream> {
  const stream = await new Http(url).stream("/v1/services/hello/events");
  await stream.untilEvent("synced");
  return stream;
}

/** What was told of the one instance there is: itself, and why. */
async function told(events: EventStream, name: "added" | "removed", count = 1) {
  const { data } = await events.untilEvent(name, count);
  return { cause: data.cause, ...(data.instance as { id: string; port: number }) };
}

async function instances(url: string): Promise<string[]> {
  const answer = await new Http(url).get("/v1/services/hello");
  return answer.json<{ instances: { id: string }[] }>().instances.map(({ id }) => id);
}

/** So long that a session which nobody renews has ended: one as long as those of the examples. */
async function sessionHasEnded(url: string): Promise<void> {
  const http = new Http(url);
  const { id, token } = (await http.post("/v1/sessions", { json: { timeoutMs: 3_000 } })).json<{
    id: string;
    token: string;
  }>();
  const events = await http.stream(`/v1/sessions/${id}/events`, { headers: { "session-token": token } });
  await events.untilEvent("ended");
}

// --- batch jobs

async function followWork(url: string): Promise<EventStream> {
  const stream = await new Http(url).stream("/v1/watch", { query: { path: "/batch-progress" } });
  await stream.untilEvent("synced");
  return stream;
}

function stepsOf(work: EventStream): string[] {
  return work
    .named("change")
    .flatMap(({ data }) => (data.events as { data: string }[]).map(({ data: step }) => step));
}

/** Each step follows the one before or is the same, sent again; and who was overtaken has done none since. */
function expectWholeWork(steps: readonly string[], names: readonly string[]): void {
  const numbers = steps.map((step) => Number.parseInt(step, 10));
  const gaps = numbers.slice(1).map((number, index) => number - (numbers[index] as number));
  expect(
    gaps.filter((gap) => gap !== 0 && gap !== 1),
    steps.join(),
  ).toEqual([]);
  const workers = steps.map((step) => step.split(" by ")[1]);
  expect(workers.filter((name, index) => name !== workers[index - 1])).toEqual(names);
}

async function standing(url: string, count: number): Promise<void> {
  const stream = await new Http(url).stream("/v1/watch", {
    query: { path: "/elections/batch", scope: "children", initial: true },
  });
  await stream.until(() => {
    const snapshot = stream.named("snapshot").flatMap(({ data }) => data.znodes as { path: string }[]);
    const candidates = snapshot.filter(({ path }) => path.startsWith("/elections/batch/"));
    const added = stream.changes.filter((change) => change.startsWith("created /elections/batch/"));
    return candidates.length + added.length >= count;
  });
  stream.close();
}

/** When it was heard that this one leads. */
async function atWhichLeads(url: string, name: string): Promise<number> {
  const stream = await new Http(url).stream("/v1/elections/batch/events");
  await stream.until(() =>
    stream.named("leader").some(({ data }) => (data.leader as { value: string } | null)?.value === name),
  );
  stream.close();
  return performance.now();
}
