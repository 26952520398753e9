// A process that holds streams and does with them what the driver of the benchmark asks, one thing at a time. It ends
// with its driver.

import { Deliveries } from "./deliveries.ts";
import { SlowReaders } from "./slow-readers.ts";
import { type StreamsToOpen, WatchStreams } from "./streams.ts";

const streams = new WatchStreams();
const slowReaders = new SlowReaders();
const deliveries = new Deliveries(streams);

const commands = {
  /** Adds streams to those that are open; resolves when all are synced. */
  async open(request: StreamsToOpen) {
    const startedMs = performance.now();
    await streams.open(request);
    return { ms: performance.now() - startedMs, lastId: streams.lastId };
  },
  openSlow: (request: StreamsToOpen) => slowReaders.open(request),
  fanOut: (request: Parameters<Deliveries["fanOut"]>[0]) => deliveries.fanOut(request),
  pace: (request: Parameters<Deliveries["pace"]>[0]) => deliveries.pace(request),
  async close() {
    streams.close();
    slowReaders.close();
  },
};

export type Commands = typeof commands;

/** What the driver sends; it is answered with `{result}` or `{error}`. */
export interface Call {
  readonly command: keyof Commands;
  readonly argument: never;
}

process.on("message", ({ command, argument }: Call) => {
  commands[command](argument).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on("disconnect", () => process.exit());
