// Tests of the client against a real server process, by way of a proxy that cuts connections.

import { type ClientClock, systemClock } from "../../src/client/calls/clock.ts";
import { Client } from "../../src/client/client.ts";
import { test as processTest, type ServerProcess } from "../support/process.ts";
import { CuttingProxy } from "./cutting-proxy.ts";

/** Longer waits are for silence, and are as they are. */
const reconnectMsUpTo = 29_999;

/** Comes back at once: what is tested is what a reconnect brings, not when. */
const impatientClock: ClientClock = {
  now: () => systemClock.now(),
  setTimer: (ms, callback) => systemClock.setTimer(ms <= reconnectMsUpTo ? 1 : ms, callback),
};

interface Proxied {
  readonly server: ServerProcess;
  readonly proxy: CuttingProxy;
  /** Its connections go through the proxy. */
  readonly client: Client;
}

interface ProxiedFixture {
  serve: (...args: string[]) => Promise<Proxied>;
  abort: AbortController;
}

export const test = processTest.extend<ProxiedFixture>({
  serve: async ({ start }, use) => {
    const proxies: CuttingProxy[] = [];
    await use(async (...args) => {
      const server = await start(...args);
      const proxy = await CuttingProxy.start(server.url);
      proxies.push(proxy);
      return {
        server,
        proxy,
        client: new Client({ endpoint: proxy.url, clock: impatientClock, chance: () => 0.9 }),
      };
    });
    for (const proxy of proxies) await proxy.stop();
  },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  abort: async ({}, use) => {
    const abort = new AbortController();
    await use(abort);
    abort.abort();
  },
});
