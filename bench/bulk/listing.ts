// What it costs in memory to list very many children: as lines, read as fast as they come, and as slowly as nobody reads.

import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { residentBytes, settledBytes } from "../support/process-figures.ts";
import { withService } from "../support/service-under-test.ts";

export interface ListingResults {
  readonly children: number;
  readonly lines: number;
  readonly seconds: number;
  /** Memory of the process in RAM before, at most during, and after. */
  readonly idleBytes: number;
  readonly mostBytes: number;
  readonly settledBytes: number;
}

const watchEveryMs = 20;

export function measureListing(directory: string, count: number): Promise<ListingResults> {
  return withService({ directory, count, settleMs: 2_000 }, async ({ baseUrl, pid, parent }) => {
    // The first listing warms up what every later one finds warm.
    await countLines(`${baseUrl}/v1/children${parent}?limit=1`, "application/json");
    const idleBytes = await settledBytes(pid);
    let mostBytes = idleBytes;
    let isListing = true;
    const watching = (async () => {
      while (isListing) {
        mostBytes = Math.max(mostBytes, residentBytes(pid));
        await wait(watchEveryMs);
      }
    })();
    const startedMs = performance.now();
    const lines = await countLines(
      `${baseUrl}/v1/children${parent}?include=stat,data`,
      "application/x-ndjson",
    );
    const seconds = (performance.now() - startedMs) / 1000;
    isListing = false;
    await watching;
    return { children: count, lines, seconds, idleBytes, mostBytes, settledBytes: await settledBytes(pid) };
  });
}

async function countLines(url: string, accept: string): Promise<number> {
  const [answer] = (await once(get(url, { headers: { accept } }), "response")) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`${url} was answered with ${answer.statusCode}`);
  let lines = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    for (const byte of piece) if (byte === 0x0a) lines += 1;
  }
  return lines;
}
