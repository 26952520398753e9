// Tests of the client against a server that follows a script, at a clock that stands still.

import { test as base } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { WatchMessage } from "../../src/client/watches/messages.ts";
import { ManualClock, type Timer } from "./manual-clock.ts";
import { type Exchange, ScriptedServer } from "./scripted-server.ts";

/** What the client waits for a byte, unless a test asks for other heartbeats. */
export const silenceMs = 30_000;

interface ClientFixture {
  server: ScriptedServer;
  clock: ManualClock;
  client: Client;
  /** The client is waiting to reconnect: its timer, to be fired. */
  reconnect: () => Promise<Timer>;
  /** The client reconnects once it waits to: the request it then makes. */
  nextRequest: () => Promise<Exchange>;
  abort: AbortController;
}

export const test = base.extend<ClientFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  server: async ({}, use) => {
    const server = await ScriptedServer.start();
    await use(server);
    await server.stop();
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  clock: async ({}, use) => {
    await use(new ManualClock());
  },
  client: async ({ server, clock }, use) => {
    await use(new Client({ endpoint: server.url, clock, chance: () => 0.5 }));
  },
  reconnect: async ({ clock }, use) => {
    await use(() => clock.timer((ms) => ms !== silenceMs));
  },
  nextRequest: async ({ server, reconnect }, use) => {
    await use(async () => {
      (await reconnect()).fire();
      return await server.request();
    });
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  abort: async ({}, use) => {
    const abort = new AbortController();
    await use(abort);
    abort.abort();
  },
});

/** What a test pulls out of a watch, one message at a time. */
export class Pull {
  readonly #iterator: AsyncIterator<WatchMessage>;

  constructor(watch: AsyncIterable<WatchMessage>) {
    this.#iterator = watch[Symbol.asyncIterator]();
  }

  /** The next message; fails when the watch is over. */
  async next(): Promise<WatchMessage> {
    const { done, value } = await this.#iterator.next();
    if (done === true) throw new Error("the watch is over");
    return value;
  }

  async take(count: number): Promise<WatchMessage[]> {
    const messages: WatchMessage[] = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  async isOver(): Promise<boolean> {
    return (await this.#iterator.next()).done === true;
  }

  /** As a `break` out of the loop does. */
  async leave(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** A message in a word or two, to be compared at a glance. */
export function brief(message: WatchMessage): string {
  switch (message.type) {
    case "snapshot":
      return `snapshot ${message.znodes.map(({ path }) => path).join(" ")}`;
    case "change":
      return `${message.zxid} ${message.events.map(({ data }) => data?.text()).join(" ")}`;
    case "reset":
      return `reset ${message.reason}`;
    default:
      return `${message.type} ${message.zxid}`;
  }
}
