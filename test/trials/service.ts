// The service that is contended for, at addresses that stay the same whatever befalls its servers, and its own log of what
// happened, which is followed over all of that.

import { Client } from "../../src/client/index.ts";
import { makeDataDir, removeDataDir } from "../support/process.ts";
import type { Deployment } from "./deployment.ts";
import { History } from "./history.ts";
import { Network } from "./network.ts";

export class Service {
  readonly client: Client;
  readonly history: History;
  /** For what those who contend say. */
  readonly folder = makeDataDir();
  readonly #deployment: Deployment;
  /** Leads to a server that nothing befalls, and never fails by itself. */
  readonly #safeNetwork: Network;
  /** Each leads to one of the servers. */
  readonly #networks = new Map<Network, number>();
  #networkCount = 0;

  private constructor(deployment: Deployment, safeNetwork: Network) {
    this.#deployment = deployment;
    this.#safeNetwork = safeNetwork;
    this.client = new Client({ endpoint: safeNetwork.url, attemptsMax: 40 });
    this.history = new History(this.client);
  }

  static async over(deployment: Deployment): Promise<Service> {
    const service = new Service(deployment, await Network.start(deployment.soundUrl));
    await service.client.create("/work", "");
    return service;
  }

  get safeUrl(): string {
    return this.#safeNetwork.url;
  }

  /** A network of one's own to one of the servers. */
  async network(): Promise<Network> {
    const { urls } = this.#deployment;
    const index = this.#networkCount % urls.length;
    this.#networkCount += 1;
    const network = await Network.start(urls[index] as string);
    this.#networks.set(network, index);
    return network;
  }

  async closeNetwork(network: Network): Promise<void> {
    this.#networks.delete(network);
    await network.stop();
  }

  async killServer(): Promise<void> {
    await this.#deployment.kill();
    this.#leadToSoundServer();
  }

  async restartServer(): Promise<void> {
    await this.#deployment.restart();
    const { urls } = this.#deployment;
    for (const [network, index] of this.#networks) network.leadTo(urls[index] as string);
    this.#leadToSoundServer();
  }

  stopServer(): void {
    this.#deployment.stop();
    this.#leadToSoundServer();
  }

  continueServer(): void {
    this.#deployment.goOn();
  }

  #leadToSoundServer(): void {
    this.#safeNetwork.leadTo(this.#deployment.soundUrl);
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
    await this.#safeNetwork.stop();
    for (const network of this.#networks.keys()) await network.stop();
    await this.#deployment.end();
    removeDataDir(this.folder);
  }
}
