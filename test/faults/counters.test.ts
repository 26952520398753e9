// kill -9 while many add to one counter: whoever sends its addition again under the same key is told what it came to,
// and nothing is counted twice or not at all.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";
import { random } from "../support/random.ts";

const rounds = 6;
/** Should none of them fall between a commit and its answer, there are more. */
const roundsMax = 60;
const clients = 8;
const seed = Number(process.env.SEED ?? 20_261_122);

/** Adds 1 again and again, each under a key of its own; a request without an answer is sent again. */
class Adder {
  /** What the counter came to by each of them. */
  readonly values: number[] = [];
  replayedCount = 0;
  readonly #name: string;
  readonly #onAdded: () => void;
  #isOpen = false;

  constructor(name: string, onAdded: () => void) {
    this.#name = name;
    this.#onAdded = onAdded;
  }

  /** Until the server is gone. */
  async run(url: string): Promise<void> {
    const http = new Http(url);
    for (;;) {
      try {
        await this.#add(http);
      } catch (error) {
        if (error instanceof TypeError || (error instanceof Error && error.name === "AbortError")) return;
        throw error;
      }
    }
  }

  /** The one that may be open is answered too. */
  async finish(url: string): Promise<void> {
    if (this.#isOpen) await this.#add(new Http(url));
  }

  async #add(http: Http): Promise<void> {
    this.#isOpen = true;
    const headers = { "idempotency-key": `${this.#name} ${this.values.length}` };
    const answer = await http.post("/v1/counters/hits", { json: { by: 1 }, headers });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    const { value, previous } = answer.json<{ value: number; previous: number }>();
    expect(previous).toBe(value - 1);
    this.values.push(value);
    if (answer.header("idempotency-replayed") === "true") this.replayedCount += 1;
    this.#isOpen = false;
    this.#onAdded();
  }
}

test(`over ${rounds} kills everything is counted once, seed ${seed} [D19, G8, N15]`, {
  timeout: 300_000,
}, async ({ start }) => {
  const chance = random(seed);
  let untilKill = Number.POSITIVE_INFINITY;
  let server = await start();
  // After so many additions and not after so long: a busy machine adds few in a moment.
  const onAdded = () => {
    untilKill -= 1;
    if (untilKill === 0) server.signal("SIGKILL");
  };
  const all = Array.from({ length: clients }, (_, index) => new Adder(`adder ${index}`, onAdded));
  const isReplayed = () => all.some(({ replayedCount }) => replayedCount > 0);
  for (let round = 0; round < rounds || (!isReplayed() && round < roundsMax); round += 1) {
    untilKill = 10 + Math.floor(chance() * 100);
    const running = all.map((adder) => adder.run(server.url));
    await server.exit;
    await Promise.all(running);
    server = await start();
  }
  for (const adder of all) await adder.finish(server.url);
  const values = all.flatMap((adder) => adder.values).sort((a, b) => a - b);
  expect(values.length).toBeGreaterThan(rounds * clients);
  expect(values).toEqual(values.map((_, index) => index + 1));
  const { value } = (await new Http(server.url).get("/v1/counters/hits")).json<{ value: number }>();
  expect(value).toBe(values.length);
  expect(isReplayed()).toBe(true);
});
