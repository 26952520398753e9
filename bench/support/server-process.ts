// A server in a process of its own, as it is in real life, started and ended by the benchmark. Both kinds say their
// address in a line of JSON.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface ServerProcess {
  readonly baseUrl: string;
  readonly pid: number;
  /** Begins to. */
  collectGarbage(): void;
  stop(): Promise<void>;
  /** As a crash: it has no chance to say or write anything. */
  kill(): Promise<void>;
}

const startWithinMs = 60_000;
const stopWithinMs = 30_000;

interface StartOptions {
  /** A free one unless given. */
  readonly port?: number;
  /** Whether `collectGarbage` does anything. */
  readonly isCollectable?: boolean;
  /** Of the service, as on its command line. */
  readonly settings?: readonly string[];
  /** Loaded before it. */
  readonly imports?: readonly URL[];
}

export function startBareServer(): Promise<ServerProcess> {
  return start(new URL("../requests/bare-server.ts", import.meta.url), [], {});
}

export function startBareWatchServer(options: StartOptions = {}): Promise<ServerProcess> {
  return start(new URL("../watches/bare-server.ts", import.meta.url), [], options);
}

export function startService(dataDirectory: string, options: StartOptions = {}): Promise<ServerProcess> {
  const { port = 0, settings = [] } = options;
  const main = new URL("../../src/main.ts", import.meta.url);
  return start(main, ["--port", String(port), "--data-dir", dataDirectory, ...settings], options);
}

const collectOnSignal = new URL("./collect-on-signal.ts", import.meta.url);

async function start(
  file: URL,
  settings: readonly string[],
  { isCollectable = false, imports = [] }: StartOptions,
): Promise<ServerProcess> {
  const collector = isCollectable ? ["--expose-gc", "--import", collectOnSignal.href] : [];
  const others = imports.flatMap(({ href }) => ["--import", href]);
  const argv = [...collector, ...others, fileURLToPath(file), ...settings];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const baseUrl = await addressOf(child);
    return {
      baseUrl,
      pid: child.pid as number,
      collectGarbage: () => void child.kill("SIGWINCH"),
      stop: () => end(child, "SIGTERM"),
      kill: () => end(child, "SIGKILL"),
    };
  } catch (error) {
    await end(child, "SIGKILL");
    throw error;
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const seen: string[] = [];
    const fail = (reason: string) => reject(new Error(`A server ${reason}.\n${seen.join("\n")}`));
    const timer = setTimeout(() => fail(`said no address in ${startWithinMs} ms`), startWithinMs);
    child.once("exit", (code) => fail(`ended with ${code} before it listened`));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      if (seen.length < 20) seen.push(line);
      const address = addressIn(line);
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

function addressIn(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { readonly address?: string }).address;
  } catch {
    return undefined;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await exit;
  clearTimeout(timer);
}
