// Clients that take little of what they are sent, beside those that take nothing.

import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { expect, test, vi } from "vitest";
import { inodeOf, sendQueues } from "../src/send-queues.ts";
import { endStillReaders } from "../src/still-readers.ts";
import { FakeClock } from "./support/fake-clock.ts";

const sendTimeoutMs = 400;
const lookMs = sendTimeoutMs / 4;

/** It is an event that is waited for, however long a busy machine takes. */
const patience = { timeout: 20_000, interval: 50 };

/** A server that sends without end, and one client of it. */
async function endless() {
  const clock = new FakeClock();
  const piece = Buffer.alloc(65_536);
  const server = createServer((_request, response) => {
    Readable.from(Array(10_000).fill(piece)).pipe(response);
  });
  const stop = endStillReaders(server, clock, { sendTimeoutMs });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  client.pause().write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [socket] = await accepted;
  const queued = async () => (await sendQueues()).get(inodeOf(socket) as number) as number;
  const handedOver = () => socket.bytesWritten - socket.writableLength;
  /** Until nothing more can be handed to the system. */
  const filled = async () => {
    let before = -1;
    await vi.waitUntil(() => {
      const isFull = socket.writableLength > 0 && handedOver() === before;
      before = handedOver();
      return isFull;
    }, patience);
  };
  const close = () => {
    stop();
    client.destroy();
    server.close();
  };
  return { clock, client, socket, queued, handedOver, filled, close };
}

/** A little: not before so much is read does a system acknowledge any of it. */
async function sip(client: Socket, queued: () => Promise<number>): Promise<void> {
  const before = await queued();
  while ((await queued()) === before) {
    client.resume();
    await once(client, "data");
    client.pause();
  }
}

test.runIf(process.platform === "linux")(
  "a client that takes a little within each time stays, though nothing more can be handed over; one that stops goes",
  async () => {
    const { clock, client, socket, queued, handedOver, filled, close } = await endless();
    await filled();
    const seen = new Set<number>();
    for (let time = 0; time < 8; time += 1) {
      // Nothing of it at three looks of four.
      for (let look = 0; look < 3; look += 1) await clock.advance(lookMs);
      await sip(client, queued);
      await clock.advance(lookMs);
      await sendQueues();
      seen.add(handedOver());
      expect(socket.destroyed).toBe(false);
    }
    expect(seen.size).toBeLessThan(8);
    const gone = once(socket, "close");
    for (let look = 0; look < 12; look += 1) {
      await clock.advance(lookMs);
      await sendQueues();
    }
    await gone;
    close();
  },
);
