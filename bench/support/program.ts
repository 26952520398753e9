// Programs of others that a benchmark starts and ends: what they have to say is of interest only when they do not start.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

export interface Spawned {
  readonly child: ChildProcess;
  /** The end of what it has said. */
  readonly said: string;
}

const stopWithinMs = 10_000;

export function spawnQuietly(command: string, argv: readonly string[]): Spawned {
  const child = spawn(command, argv, { stdio: ["ignore", "ignore", "pipe"] });
  const spawned = { child, said: "" };
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    spawned.said = (spawned.said + piece).slice(-2_000);
  });
  child.once("error", (error) => {
    spawned.said = error.message;
  });
  return spawned;
}

export async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await exit;
  clearTimeout(timer);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
}
