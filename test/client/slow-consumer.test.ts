import { once } from "node:events";
import { expect } from "vitest";
import { brief, Pull, test } from "./fixture.ts";
import { type Exchange, setTo, synced } from "./scripted-server.ts";

const messageCount = 1000;
const value = "x".repeat(65_536);

/** Sends as fast as the connection takes it. */
class Sender {
  sent = 0;
  readonly done: Promise<void>;

  constructor(exchange: Exchange) {
    this.done = this.#sendAll(exchange);
  }

  async #sendAll({ response }: Exchange): Promise<void> {
    while (this.sent < messageCount) {
      this.sent += 1;
      if (!response.write(setTo(this.sent + 1, value))) await once(response, "drain");
    }
  }

  /** Resolves when nothing has moved for a while, however often others had their turn. */
  async stalled(): Promise<void> {
    let sent = -1;
    for (let turns = 0; turns < 500; turns += 1) {
      if (this.sent !== sent) turns = 0;
      sent = this.sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("a consumer that stops pulling stops the reading: what is sent waits at the server", async ({
  client,
  server,
  abort,
}) => {
  const pull = new Pull(client.watch({ paths: ["/a"] }, abort));
  const first = pull.next();
  const exchange = (await server.request()).begin().send(synced(1));
  expect(brief(await first)).toBe("synced 1");
  const sender = new Sender(exchange);
  await sender.stalled();
  // What the two sockets hold of their own accord is not ours to bound.
  expect(sender.sent).toBeLessThan(messageCount / 2);
  const messages = await pull.take(messageCount);
  expect(messages.map(({ zxid }) => zxid)).toEqual(
    Array.from({ length: messageCount }, (_, index) => index + 2),
  );
  await sender.done;
});
