// A real server process, as an operator starts it: its own folder, a free port, signals, and what it logs. Whatever a
// test does, the process is ended by its own id and its folder goes away.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test as base } from "vitest";
import { layTokenOfAdmin } from "./lay-token.ts";
import { logArgs } from "./logs.ts";
import { serverFile } from "./programs.ts";

const projectFolder = fileURLToPath(new URL("../..", import.meta.url));
export const direct = [process.execPath, serverFile] as const;

/** A start writes all of it, which is for the day when a disk is full: tests of that day say how much they want. */
const smallBallastBytes = "65536";

/** One line of the log. */
export interface LogLine {
  /** In words, such as `warn`. */
  readonly level: string;
  readonly msg: string;
  readonly [member: string]: unknown;
}

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface StartOptions {
  readonly dataDir: string;
  /** What starts it; Node itself unless given. */
  readonly command?: readonly [string, ...string[]];
  /** Further arguments, such as `--history-messages-max`, `10`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The checkout unless given. */
  readonly cwd?: string;
}

/** What a process said until it ended by itself. */
export interface Ended extends Exit {
  readonly logs: readonly LogLine[];
  readonly stderr: string;
}

/** Whatever still runs when the tests end, ends with them. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class ServerProcess {
  readonly dataDir: string;
  /** Everything logged so far. */
  readonly logs: LogLine[] = [];
  stderr = "";
  /** The log as it stands on a terminal. */
  stdout = "";
  /** Where it serves, such as `http://127.0.0.1:40123`; empty before it does. */
  url = "";
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #waiting: { readonly msg: string; readonly resolve: (line: LogLine) => void }[] = [];

  private constructor({ dataDir, command = direct, args = [], env = {}, cwd = projectFolder }: StartOptions) {
    this.dataDir = dataDir;
    layTokenOfAdmin(dataDir);
    const [program, ...argv] = [
      ...command,
      "--port",
      "0",
      "--data-dir",
      dataDir,
      ...logArgs(dataDir),
      ...args,
    ] as const;
    this.#child = spawn(program, argv, {
      stdio: ["ignore", "pipe", "pipe"],
      cwd,
      env: { ...environmentWithoutSettings(), TREEKEEPER_BALLAST_BYTES: smallBallastBytes, ...env },
    });
    this.exit = once(this.#child, "close").then(([code, signal]) => ({ code, signal }));
    running.add(this.#child);
    this.#child.once("exit", () => running.delete(this.#child));
    this.#child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
    this.#readLogs();
  }

  /** Resolves when it serves. @throws Error with what it said when it ends instead */
  static async start(options: StartOptions): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    const { address } = await server.logged("serving");
    server.url = String(address);
    return server;
  }

  /** For a start that is not to be waited for. */
  static launch(options: StartOptions): ServerProcess {
    return new ServerProcess(options);
  }

  /** For a start that is to fail: resolves when the process has ended by itself. */
  static async runToEnd(options: StartOptions): Promise<Ended> {
    const server = new ServerProcess(options);
    const exit = await server.exit;
    return { ...exit, logs: server.logs, stderr: server.stderr };
  }

  /** Resolves when it logs this. @throws Error with what it said when it ends instead */
  async logged(msg: string): Promise<LogLine> {
    return this.logs.find((line) => line.msg === msg) ?? (await this.#loggedNext(msg));
  }

  async #loggedNext(msg: string): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    this.#waiting.push({ msg, resolve });
    this.exit.then(({ code }) => {
      reject(new Error(`it ended with ${code} and has not logged "${msg}": ${this.stderr}${this.#logText}`));
    });
    return await promise;
  }

  /** Resolves when it has logged this so many times. @throws Error as above */
  async loggedTimes(msg: string, count: number): Promise<void> {
    while (this.logs.filter((line) => line.msg === msg).length < count) await this.#loggedNext(msg);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** As a crash or the power going: it has no chance to say or write anything. */
  async kill(): Promise<Exit> {
    return await this.#end("SIGKILL");
  }

  /** As an operator stops it. */
  async terminate(): Promise<Exit> {
    return await this.#end("SIGTERM");
  }

  /** Sends the signal and does not wait. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  #end(signal: NodeJS.Signals): Promise<Exit> {
    this.#child.kill(signal);
    return this.exit;
  }

  hasLogged(text: string): boolean {
    return this.logs.some(({ msg }) => msg.includes(text));
  }

  get #logText(): string {
    return this.logs.map((line) => JSON.stringify(line)).join("\n");
  }

  #readLogs(): void {
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      this.stdout += `${text}\n`;
      if (!text.startsWith("{")) return;
      const line = JSON.parse(text) as LogLine;
      this.logs.push(line);
      for (const { msg, resolve } of this.#waiting) if (msg === line.msg) resolve(line);
    });
  }
}

/** Settings of whoever runs the tests are no settings of the server under test. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("TREEKEEPER_"));
  return Object.fromEntries(entries);
}

export function makeDataDir(): string {
  return mkdtempSync(join(tmpdir(), "treekeeper-"));
}

export function removeDataDir(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
}

interface ProcessFixture {
  dataDir: string;
  /** Starts a server on the test's own folder; one that still runs at the end of the test is killed. */
  start: (...args: string[]) => Promise<ServerProcess>;
}

/** A test with a folder of its own and servers that end with it. */
export const test = base.extend<ProcessFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  dataDir: async ({}, use) => {
    const dataDir = makeDataDir();
    await use(dataDir);
    removeDataDir(dataDir);
  },
  start: async ({ dataDir }, use) => {
    const servers: ServerProcess[] = [];
    await use(async (...args) => {
      const server = await ServerProcess.start({ dataDir, args });
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.kill();
  },
});
