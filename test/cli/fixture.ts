// The command line as its users start it: a process of its own, against a real server, by way of a proxy where a test
// wants the network to fail. Whatever a test starts ends with it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll } from "vitest";
import { isOver, signalJob } from "../../src/cli/supervisor/job.ts";
import { Client } from "../../src/client/client.ts";
import { CuttingProxy } from "../client/cutting-proxy.ts";
import {
  type Exit,
  makeDataDir,
  test as processTest,
  removeDataDir,
  ServerProcess,
} from "../support/process.ts";
import { cliFile } from "../support/programs.ts";
import { secretOfAdmin } from "../support/secret-of-admin.ts";

/** Nobody tells how another's process stands: it is asked again and again. */
const pollMs = 2;

const tokenOfAdmin = secretOfAdmin === undefined ? {} : { TREEKEEPER_TOKEN: secretOfAdmin };

interface CliOptions {
  /** Where it looks for the service. */
  readonly endpoint?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** What is put before the command, such as a container. */
  readonly within?: readonly string[];
  /** What is started, unless it is Node itself. */
  readonly program?: readonly string[];
}

/** What it came to. */
export interface CliResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that runs. */
export class CliProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stdout = "";
  #stderr = "";
  readonly ended: Promise<CliResult>;

  constructor(
    args: readonly string[],
    {
      endpoint,
      env = {},
      input = "",
      within = [],
      program: started = [process.execPath, cliFile],
    }: CliOptions,
  ) {
    const others = Object.entries(process.env).filter(([name]) => !/^TREEKEEPER_|_COLOR$/.test(name));
    const [program, ...argv] = [...within, ...started, ...args] as [string, ...string[]];
    this.#child = spawn(program, argv, {
      // Without the terminal of whoever runs the tests: the command is then the first of a session of its own.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...Object.fromEntries(others),
        ...(endpoint !== undefined && { TREEKEEPER_ENDPOINT: endpoint }),
        ...(env.TREEKEEPER_TOKEN_FILE === undefined && tokenOfAdmin),
        ...env,
      },
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on("error", () => {}).end(input);
    stdout?.setEncoding("utf8").on("data", (text) => {
      this.#stdout += text;
    });
    stderr?.setEncoding("utf8").on("data", (text) => {
      this.#stderr += text;
    });
    this.#lines = createInterface({ input: stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    this.ended = once(this.#child, "close").then(([code, signal]) => ({
      code,
      signal,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`it said no more; on stderr: ${this.#stderr}`);
    return value;
  }

  /** All it says from here on, to its end. */
  async *lines(): AsyncGenerator<string> {
    yield* { [Symbol.asyncIterator]: () => this.#lines };
  }

  /** Resolves when it has said this on stderr, so many times. */
  async hasSaid(text: string, times = 1): Promise<void> {
    while (this.#stderr.split(text).length <= times)
      await once(this.#child.stderr as NodeJS.ReadableStream, "data");
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its reader goes away. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Nobody listens any more to what it says on stderr. */
  closeErrors(): void {
    this.#child.stderr?.destroy();
  }

  /** The process beside it that watches over its command. */
  get watchdog(): number {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8").trim().split(" ");
    const isWatchdog = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("watchdog");
    return Number(children.find(isWatchdog));
  }
}

/** Resolves when a signal has made the process stand still. */
export async function stopped(pid: number): Promise<void> {
  while (!isStopped(pid)) await pause(pollMs);
}

function isStopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") T ");
}

/** What runs under supervision in a test says its process id, which is its group's, and its fence. */
export interface Held {
  readonly cli: CliProcess;
  readonly group: number;
  readonly fence: { readonly path: string; readonly czxid: number; readonly epoch?: string };
}

/** A command that begins by saying who it is. */
export function announced(script: string): string[] {
  // Whoever reads that it is there may signal it: by then it has to hear what it says it hears.
  const [traps = ""] = /^(?:trap "[^"]*" [A-Z ]+; )*/.exec(script) ?? [];
  return ["sh", "-c", `${traps}echo "$$ $TREEKEEPER_FENCE"; ${script.slice(traps.length)}`];
}

/** Of a command without a terminal, by its process id: all it has started is in its session. */
export function isEmptyGroup(leader: number): boolean {
  return isOver({ mark: "", sharedSession: null, leader });
}

export function signalGroup(leader: number, name: NodeJS.Signals): void {
  signalJob({ mark: "", sharedSession: null, leader }, name);
}

/** Resolves when the process, which was stopped, goes on. */
export async function continued(pid: number): Promise<void> {
  while (isStopped(pid)) await pause(pollMs);
}

/** Resolves when nobody of the group lives any more, with how late this process was at worst in looking. */
export async function emptied(group: number): Promise<number> {
  let latestMs = 0;
  while (!isEmptyGroup(group)) {
    const dueMs = performance.now() + pollMs;
    await pause(pollMs);
    latestMs = Math.max(latestMs, performance.now() - dueMs);
  }
  return latestMs;
}

interface CliFixture {
  /** All tests of a file share it, each with names of its own. */
  server: ServerProcess;
  /** A name nobody else uses, for a lock or a znode. */
  unique: string;
  /** Leads to the server. */
  proxy: CuttingProxy;
  /** Talks to the server itself, past the proxy. */
  client: Client;
  /** Starts a command line that finds the server by way of the proxy. */
  cli: (args: readonly string[], options?: CliOptions) => CliProcess;
  /** Runs one to its end. */
  run: (...args: string[]) => Promise<CliResult>;
  /** Runs one that ends with 0: what it printed. */
  output: (...args: string[]) => Promise<string>;
  /** Starts one that holds something, and waits until its command has begun. */
  holding: (args: readonly string[], script: string) => Promise<Held>;
}

let shared: Promise<ServerProcess> | null = null;
const sharedFolder = makeDataDir();

afterAll(async () => {
  await (await shared)?.kill();
  removeDataDir(sharedFolder);
});

export const test = processTest.extend<CliFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  server: async ({}, use) => {
    shared ??= ServerProcess.start({ dataDir: sharedFolder });
    await use(await shared);
  },
  unique: async ({ task }, use) => {
    await use(`test${task.id.replaceAll(/\W/g, "")}`);
  },
  proxy: async ({ server }, use) => {
    const proxy = await CuttingProxy.start(server.url);
    await use(proxy);
    await proxy.stop();
  },
  client: async ({ server }, use) => {
    await use(new Client({ endpoint: server.url }));
  },
  cli: async ({ proxy }, use) => {
    const started: CliProcess[] = [];
    await use((args, options = {}) => {
      const cli = new CliProcess(args, { endpoint: proxy.url, ...options });
      started.push(cli);
      return cli;
    });
    for (const cli of started) {
      cli.signal("SIGCONT");
      cli.signal("SIGKILL");
      await cli.ended;
    }
  },
  run: async ({ cli }, use) => {
    await use((...args) => cli(args).ended);
  },
  output: async ({ cli }, use) => {
    await use(async (...args) => {
      const { code, stdout, stderr } = await cli(args).ended;
      if (code !== 0 || stderr !== "") throw new Error(`it ended with ${code}: ${stderr}`);
      return stdout;
    });
  },
  holding: async ({ cli }, use) => {
    const groups: number[] = [];
    await use(async (args, script) => {
      const process = cli([...args, "--", ...announced(script)]);
      const [pid, text = ""] = (await process.line()).split(" ");
      const [path = "", czxid, epoch] = /^(.*)@(\d+)(?:\.(\w+))?$/.exec(text)?.slice(1) ?? [];
      groups.push(Number(pid));
      return {
        cli: process,
        group: Number(pid),
        fence: { path, czxid: Number(czxid), ...(epoch !== undefined && { epoch }) },
      };
    });
    for (const group of groups) signalGroup(group, "SIGKILL");
  },
});

/** For tests that need the server for themselves: they stop it, or count all there is. */
export const ownTest = test.extend<Pick<CliFixture, "server">>({
  server: async ({ start }, use) => {
    await use(await start());
  },
});
