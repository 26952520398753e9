// What counting adds to a request and to a write, in nanoseconds: the very steps of the service, over and over, on requests
// of several routes. A request takes microseconds, so what is looked for would be lost in how much two runs of a service differ.

import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { byteBounds, countBounds, Histogram, timeBoundsMs } from "../../src/histogram.ts";
import { RequestCounts } from "../../src/routes/http/request-counts.ts";
import { Runtime } from "../../src/runtime.ts";
import { eventLoopMs } from "../support/process-figures.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";

export interface Added {
  readonly requestNs: Spread;
  /** Of a write that is alone in its entry, beside what its request adds. */
  readonly writeNs: Spread;
  /** Share of a busy event loop's time that looking at it and at the collector takes. */
  readonly runtimeShare: Spread;
}

export interface AddedPace {
  readonly rounds: number;
  readonly repeats: number;
  readonly busyMs: number;
}

interface Pair {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export async function measureAdded({ rounds, repeats, busyMs }: AddedPace): Promise<Added> {
  const { counts, pairs } = await requestsOf([
    "/v1/znodes/*",
    "/v1/children/*",
    "/v1/locks/:name",
    "/v1/sessions/:id",
  ]);
  const request = () => {
    for (let index = 0; index < repeats; index += 1) {
      const { request, reply } = pairs[index % pairs.length] as Pair;
      counts.hear(request, reply);
      counts.answer(request, reply, "");
    }
  };
  const write = writer(repeats);
  let last: Pair | undefined;
  const nothing = () => {
    for (let index = 0; index < repeats; index += 1) last = pairs[index % pairs.length];
  };
  for (const work of [request, write, nothing]) for (let warmUp = 0; warmUp < 3; warmUp += 1) work();
  const added = { request: [] as number[], write: [] as number[], runtime: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const emptyNs = nsOf(nothing, repeats);
    added.request.push(nsOf(request, repeats) - emptyNs);
    added.write.push(nsOf(write, repeats) - emptyNs);
    added.runtime.push(await shareOfRuntime(busyMs));
  }
  if (last === undefined) throw new Error("the empty loop did nothing");
  return {
    requestNs: spreadOf(added.request),
    writeNs: spreadOf(added.write),
    runtimeShare: spreadOf(added.runtime),
  };
}

/** Requests and replies as routes have them, with a handler behind them. */
async function requestsOf(urls: readonly string[]): Promise<{ counts: RequestCounts; pairs: Pair[] }> {
  const app = Fastify();
  const counts = new RequestCounts();
  counts.follow(app);
  const pairs: Pair[] = [];
  for (const url of urls) {
    app.get(url, async (request, reply) => {
      pairs.push({ request, reply });
      return "";
    });
  }
  for (const url of urls) await app.inject(url.replace("*", "a").replace(/:\w+/, "a"));
  return { counts, pairs };
}

/** What proposer and replica count of an entry of one command. */
function writer(repeats: number): () => void {
  const [entryMs, applyMs] = [new Histogram(timeBoundsMs), new Histogram(timeBoundsMs)];
  const [entryCommands, txnChanges] = [new Histogram(countBounds), new Histogram(countBounds)];
  const entryBytes = new Histogram(byteBounds);
  return () => {
    for (let index = 0; index < repeats; index += 1) {
      entryCommands.observe(1);
      entryBytes.observe(300 + (index & 63));
      const startedMs = performance.now();
      txnChanges.observe(1 + (index & 1));
      const endedMs = performance.now();
      applyMs.observe(endedMs - startedMs);
      entryMs.observe(endedMs - startedMs + (index & 7));
    }
  };
}

/** By the time that this thread was on a processor, whoever else wanted it. */
function nsOf(work: () => void, repeats: number): number {
  const beforeMs = eventLoopMs(process.pid);
  work();
  return ((eventLoopMs(process.pid) - beforeMs) * 1e6) / repeats;
}

/** One is hardly to be seen: as many look at once, and each has its part of what they take together. */
const lookers = 50;

async function shareOfRuntime(busyMs: number): Promise<number> {
  const alone = await turnMicroseconds(busyMs);
  const runtimes = Array.from({ length: lookers }, () => new Runtime());
  const watched = await turnMicroseconds(busyMs);
  for (const runtime of runtimes) runtime.stop();
  return (watched - alone) / alone / lookers;
}

/** Time of the event loop by its turns, each of which leaves as much to the collector as a request does. */
async function turnMicroseconds(busyMs: number): Promise<number> {
  const beforeMs = eventLoopMs(process.pid);
  const untilMs = performance.now() + busyMs;
  let turns = 0;
  while (performance.now() < untilMs) {
    await new Promise((resolve) =>
      setImmediate(
        resolve,
        Array.from({ length: 500 }, (_, index) => ({ index })),
      ),
    );
    turns += 1;
  }
  return ((eventLoopMs(process.pid) - beforeMs) * 1000) / turns;
}
