// The promise of a registry, with real processes: while the server is stopped, killed and started again under them,
// providers stay listed, and consumers are told every change once, in order, and of nobody as gone who is not.
// SERVICE_FAULT_ROUNDS asks for more.

import { expect } from "vitest";
import { Client, type InstanceView, type Listing, type ServiceFilter } from "../../src/client/index.ts";
import { test } from "../client/proxied.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";

const roundCount = Number(process.env.SERVICE_FAULT_ROUNDS ?? rounds({ usual: 2, full: 4 }));
const providerCount = 3;
/** Changes every consumer is told before the server is stopped or killed again. */
const changesPerRound = 40;

/** What one consumer was told of each instance, in order. */
class Consumer {
  readonly told = new Map<string, string[]>();
  readonly ready: Promise<void>;
  resets = 0;
  #count = 0;
  #wake = () => {};

  constructor(client: Client, filter: ServiceFilter, signal: AbortSignal) {
    const copy = client.service("web", {
      ...filter,
      signal,
      changed: ({ cause, events }) => {
        if (cause === "snapshot") this.resets += 1;
        for (const { type, instance } of events) this.#note(instance, type);
      },
    });
    this.ready = copy.ready;
  }

  #note({ id, state, metadata }: InstanceView, type: string): void {
    const list = this.told.get(id) ?? [];
    this.told.set(id, list);
    list.push(`${type} ${metadata.count} ${state}`);
    this.#count += 1;
    this.#wake();
  }

  async hears(more: number): Promise<void> {
    const enough = this.#count + more;
    await this.#until(() => this.#count >= enough);
  }

  async hasHeard(id: string, last: string): Promise<void> {
    await this.#until(() => this.told.get(id)?.at(-1)?.endsWith(last) === true);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** An instance that says something new of itself again and again. Every fifth time it is draining. */
class Provider {
  readonly id: string;
  readonly said: string[] = ["0 up"];
  readonly states: string[] = [];
  readonly #listing: Listing;
  #isStopped = false;

  private constructor(listing: Listing, states: string[]) {
    this.id = listing.id;
    this.#listing = listing;
    this.states = states;
  }

  static async start(client: Client, id: string): Promise<Provider> {
    const states: string[] = [];
    const instance = { address: "10.0.0.1", port: 80, metadata: { count: "0" } };
    const options = {
      id,
      session: { timeoutMs: 60_000 },
      stateChanged: (state: string) => states.push(state),
    };
    return new Provider(await client.register("web", instance, options), states);
  }

  async run(): Promise<void> {
    for (let count = 1; !this.#isStopped; count += 1)
      await this.#say(count, count % 5 === 0 ? "draining" : "up");
    await this.#say(-1, "up");
  }

  async #say(count: number, state: "up" | "draining"): Promise<void> {
    await this.#listing.update({ state, metadata: { count: String(count) } });
    this.said.push(`${count} ${state}`);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async remove(): Promise<void> {
    await this.#listing.remove();
  }

  /** What those are told who see all of it. */
  get expected(): string[] {
    return this.said.map((saying, index) => `${index === 0 ? "added" : "updated"} ${saying}`);
  }

  /** What those are told who see only what is up. */
  get expectedUp(): string[] {
    let last = "";
    const told: string[] = [];
    for (const saying of this.said) {
      const isUp = saying.endsWith(" up");
      if (isUp) told.push(`${last.endsWith(" up") ? "updated" : "added"} ${saying}`);
      else if (last.endsWith(" up")) told.push(`removed ${last}`);
      last = saying;
    }
    return told;
  }
}

test(`over ${roundCount} stops and kills of the server nobody is falsely gone, and no change is missed [W23, W28]`, {
  timeout: 180_000 + roundCount * 20_000,
}, async ({ serve, start, abort }) => {
  const { server: first, proxy, client: impatient } = await serve();
  let server = first;
  const client = new Client({ endpoint: proxy.url, attemptsMax: 1000, requestTimeoutMs: 5000 });
  const all = [new Consumer(impatient, {}, abort.signal), new Consumer(impatient, {}, abort.signal)];
  const up = [new Consumer(impatient, { state: "up" }, abort.signal)];
  const consumers = [...all, ...up];
  await Promise.all(consumers.map(({ ready }) => ready));
  const ids = Array.from({ length: providerCount }, (_, index) => `provider-${index}`);
  const providers = await Promise.all(ids.map((id) => Provider.start(client, id)));
  const running = providers.map((provider) => provider.run());

  for (let round = 0; round < roundCount; round += 1) {
    await Promise.all(consumers.map((consumer) => consumer.hears(changesPerRound)));
    if (round % 2 === 0) await server.terminate();
    else await server.kill();
    server = await start();
    proxy.leadTo(server.url);
  }
  await Promise.all(consumers.map((consumer) => consumer.hears(changesPerRound)));
  for (const provider of providers) provider.stop();
  await Promise.all(running);

  for (const provider of providers) {
    const { id, expected, expectedUp, states } = provider;
    for (const consumer of consumers) await consumer.hasHeard(id, " -1 up");
    expect(states).toEqual([]);
    for (const { told } of all) expect(told.get(id)).toEqual(expected);
    for (const { told } of up) expect(told.get(id)).toEqual(expectedUp);
  }
  expect(consumers.map(({ resets }) => resets)).toEqual([0, 0, 0]);
  const { instances } = (await new Http(server.url).get("/v1/services/web")).json<{
    instances: InstanceView[];
  }>();
  expect(instances.map(({ id }) => id)).toEqual(ids);

  const [gone] = providers;
  await gone?.remove();
  for (const consumer of consumers) await consumer.hasHeard(ids[0] as string, "removed -1 up");
  for (const provider of providers.slice(1)) await provider.remove();
});
