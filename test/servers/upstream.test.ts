// How a server is asked that another follows: who does not answer makes room for the next, and nobody is waited for too long.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test as base, expect, vi } from "vitest";
import { Upstream } from "../../src/store/upstream/upstream.ts";

const test = base.extend<{ silent: Server; upstream: Upstream }>({
  /** It takes connections, and says nothing. */
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  silent: async ({}, use) => {
    const server = createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await use(server);
    server.close();
  },
  upstream: async ({ silent }, use) => {
    const { port } = silent.address() as AddressInfo;
    const follow = `http://127.0.0.1:${port},http://localhost:${port}`;
    const upstream = new Upstream({ follow, followTokenFile: "", followCa: "" });
    await use(upstream);
    upstream.close();
  },
});

test("gives up on a host that does not even connect, whatever the system thinks of it", async ({
  upstream,
}) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    // Its connection has not begun: of the system's own timers none counts yet.
    const answer = upstream.end().then(
      () => "answered",
      (error: Error) => error.message,
    );
    vi.advanceTimersByTime(5001);
    expect(await answer).toMatch(/does not answer/);
  } finally {
    vi.useRealTimers();
  }
});

test("gives up on one that takes the question and says nothing", async ({ silent, upstream }) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const answer = upstream.backup(new AbortController().signal).catch((error: Error) => error.message);
    const [socket] = await once(silent, "connection");
    await once(socket, "data");
    vi.advanceTimersByTime(5001);
    expect(await Promise.race([answer, new Promise((resolve) => setImmediate(resolve))])).toBe(undefined);
    vi.advanceTimersByTime(600_000);
    expect(await answer).toMatch(/does not answer/);
  } finally {
    vi.useRealTimers();
  }
});

test("goes to the next address once, however many find that one does not answer", async ({ upstream }) => {
  const [first, second] = upstream.urls as [URL, URL];
  upstream.moveOn(first);
  upstream.moveOn(first);
  expect(upstream.url).toBe(second);
  upstream.moveOn(second);
  expect(upstream.url).toBe(first);
});
