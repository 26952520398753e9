// The writing thread. It takes everything that waits in its port at once, so that batches which arrived while
// the disk was busy share the next commit.

import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { ToWriter, WriterData } from "./messages.ts";
import { Writer } from "./writer.ts";

const tickMs = 1_000;

const port = parentPort as NonNullable<typeof parentPort>;
const writer = new Writer(workerData as WriterData, (message) => port.postMessage(message));
const ticks = setInterval(() => writer.tick(), tickMs);

port.on("message", (first: ToWriter) => {
  const messages = [first];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    messages.push(next.message as ToWriter);
  }
  writer.receive(messages);
  if (messages.at(-1)?.type === "close") void close();
});

async function close(): Promise<void> {
  clearInterval(ticks);
  await writer.close();
  port.close();
}
