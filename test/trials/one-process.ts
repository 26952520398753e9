// A real server in a process of its own, which is killed and stopped as a process is.

import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import type { Deployment } from "./deployment.ts";
import { sessionTimeoutMsMin } from "./plans.ts";

export class OneProcess implements Deployment {
  readonly #dataDir: string;
  #server: ServerProcess;

  private constructor(dataDir: string, server: ServerProcess) {
    this.#dataDir = dataDir;
    this.#server = server;
  }

  static async start(): Promise<OneProcess> {
    const dataDir = makeDataDir();
    return new OneProcess(dataDir, await startServer(dataDir));
  }

  get urls(): readonly string[] {
    return [this.#server.url];
  }

  get soundUrl(): string {
    return this.#server.url;
  }

  async kill(): Promise<void> {
    await this.#server.kill();
  }

  async restart(): Promise<void> {
    this.#server = await startServer(this.#dataDir);
  }

  stop(): void {
    this.#server.signal("SIGSTOP");
  }

  goOn(): void {
    this.#server.signal("SIGCONT");
  }

  async end(): Promise<void> {
    this.#server.signal("SIGCONT");
    await this.#server.kill();
    removeDataDir(this.#dataDir);
  }
}

function startServer(dataDir: string): Promise<ServerProcess> {
  const args = ["--session-timeout-ms-min", String(sessionTimeoutMsMin)];
  return ServerProcess.start({ dataDir, args });
}
