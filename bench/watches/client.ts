// A process that holds streams and does with them what the driver of the benchmark asks.

import { answerCalls } from "../support/command-process.ts";
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

answerCalls(commands);
