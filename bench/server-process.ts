// A server in a process of its own, as it is in real life, started and ended by the benchmark. Both kinds say their
// address in a line of JSON.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface ServerProcess {
  readonly baseUrl: string;
  stop(): Promise<void>;
}

const startWithinMs = 60_000;
const stopWithinMs = 30_000;

export function startBareServer(): Promise<ServerProcess> {
  return start(fileURLToPath(new URL("./bare-server.ts", import.meta.url)), []);
}

export function startService(dataDirectory: string): Promise<ServerProcess> {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  return start(main, ["--port", "0", "--data-dir", dataDirectory]);
}

async function start(file: string, options: readonly string[]): Promise<ServerProcess> {
  const child = spawn(process.execPath, [file, ...options], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    return { baseUrl: await addressOf(child), stop: () => stop(child) };
  } catch (error) {
    await stop(child);
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await exit;
  clearTimeout(timer);
}
