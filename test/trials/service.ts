// The service that is contended for: a real server that may be killed or stopped, at an address that stays the same, and
// its own log of what happened, which is followed over all of that.

import { Client } from "../../src/client/index.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { History } from "./history.ts";
import { Network } from "./network.ts";

/** Sessions are so short that a trial is quick. */
const sessionTimeoutMsMin = 300;

export class Service {
  readonly client: Client;
  readonly history: History;
  readonly dataDir: string;
  /** Leads to the server, and never fails by itself. */
  readonly #safeNetwork: Network;
  readonly #networks = new Set<Network>();
  #server: ServerProcess;

  private constructor(dataDir: string, server: ServerProcess, network: Network) {
    this.dataDir = dataDir;
    this.#server = server;
    this.#safeNetwork = network;
    this.#networks.add(network);
    this.client = new Client({ endpoint: network.url, attemptsMax: 40 });
    this.history = new History(this.client);
  }

  static async start(): Promise<Service> {
    const dataDir = makeDataDir();
    const server = await startServer(dataDir);
    const service = new Service(dataDir, server, await Network.start(server.url));
    await service.client.create("/work", "");
    return service;
  }

  get safeUrl(): string {
    return this.#safeNetwork.url;
  }

  /** A network of one's own to the server. */
  async network(): Promise<Network> {
    const network = await Network.start(this.#server.url);
    this.#networks.add(network);
    return network;
  }

  async closeNetwork(network: Network): Promise<void> {
    this.#networks.delete(network);
    await network.stop();
  }

  async killServer(): Promise<void> {
    await this.#server.kill();
  }

  async restartServer(): Promise<void> {
    this.#server = await startServer(this.dataDir);
    for (const network of this.#networks) network.leadTo(this.#server.url);
  }

  stopServer(): void {
    this.#server.signal("SIGSTOP");
  }

  continueServer(): void {
    this.#server.signal("SIGCONT");
  }

  /** Resolves when no claim is left, or the time is up. Returns those that are left. */
  async untilFree(queuePath: string, withinMs: number): Promise<readonly string[]> {
    const untilMs = performance.now() + withinMs;
    if ((await this.client.exists(queuePath)) === undefined) return [];
    let page = await this.client.childrenPage(queuePath);
    while (page.children.length > 0 && performance.now() < untilMs) {
      page = await this.client.childrenPage(queuePath, { waitAfterZxid: page.zxid, waitMs: 2000 });
    }
    return page.children;
  }

  async end(): Promise<void> {
    this.history.close();
    for (const network of this.#networks) await network.stop();
    this.#server.signal("SIGCONT");
    await this.#server.kill();
    removeDataDir(this.dataDir);
  }
}

function startServer(dataDir: string): Promise<ServerProcess> {
  const args = ["--session-timeout-ms-min", String(sessionTimeoutMsMin)];
  return ServerProcess.start({ dataDir, args });
}
