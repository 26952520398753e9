// Clients that come and are cut off, ten thousand times: nothing of them may stay behind.

import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { expect } from "vitest";
import { ServerProcess, test } from "../support/process.ts";

const cycles = 10_000;
const atOnce = 100;
/** A stream costs some 7 KiB of heap: ten thousand of them, if they stayed, would not fit beside the service. */
const smallHeap = "--max-old-space-size=64";

test("ten thousand watches opened and cut off leave no stream, no open file and no memory behind [W24]", {
  timeout: 300_000,
}, async ({ dataDir }) => {
  const server = await ServerProcess.start({ dataDir, env: { NODE_OPTIONS: smallHeap } });
  try {
    await fetch(`${server.url}/v1/znodes/watched`, { method: "POST" });
    await churn(server, atOnce);
    const before = openFilesOf(server.pid);
    await churn(server, cycles);
    expect(openFilesOf(server.pid)).toBeLessThanOrEqual(before);
  } finally {
    await server.kill();
  }
});

/** Resolves when the server has noticed that every one of them is gone. */
async function churn(server: ServerProcess, count: number): Promise<void> {
  let left = count;
  const openInTurn = async () => {
    while (left > 0) {
      left -= 1;
      await openAndCutOff(server.url, left);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openInTurn));
  await expect.poll(() => openWatches(server), { timeout: 20_000 }).toEqual([]);
}

/** Each path is watched by somebody else, so that what is kept by path is churned too. */
function openAndCutOff(url: string, cycle: number): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const target = `/v1/watch?path=/watched&path=/other/${cycle}&scope=subtree&initial=true`;
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\nAccept: text/event-stream\r\n\r\n`);
    socket.once("data", () => socket.resetAndDestroy());
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
}

async function openWatches(server: ServerProcess): Promise<unknown> {
  const answer = await fetch(`${server.url}/v1/admin/watches`);
  return ((await answer.json()) as { watches: unknown }).watches;
}

/** Always 0 where the system does not say. */
function openFilesOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return existsSync(folder) ? readdirSync(folder).length : 0;
}
