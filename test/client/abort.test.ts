import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Pull, test } from "./fixture.ts";
import { setTo, synced } from "./scripted-server.ts";

const script = fileURLToPath(new URL("./abort-and-end.ts", import.meta.url));
const watchA = { paths: ["/a"] };
const reason = new Error("enough");

test("aborting ends a wait for the next message at once, with the signal's reason", async ({
  client,
  server,
  clock,
  abort,
}) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  const exchange = (await server.request()).begin().send(synced(1));
  await first;
  const pending = pull.next();
  abort.abort(reason);
  await expect(pending).rejects.toBe(reason);
  await exchange.closed;
  expect(clock.timers.size).toBe(0);
  expect(await pull.isOver()).toBe(true);
});

test("aborting ends a wait for the server's answer", async ({ client, server, clock, abort }) => {
  const pending = new Pull(client.watch(watchA, abort)).next();
  const exchange = await server.request();
  abort.abort(reason);
  await expect(pending).rejects.toBe(reason);
  await exchange.closed;
  expect(clock.timers.size).toBe(0);
});

test("aborting ends a wait to reconnect", async ({ client, server, clock, reconnect, abort }) => {
  const pending = new Pull(client.watch(watchA, abort)).next();
  (await server.request()).cut();
  await reconnect();
  abort.abort(reason);
  await expect(pending).rejects.toBe(reason);
  expect(clock.timers.size).toBe(0);
});

test("aborting closes the connection under a consumer that is busy, and tells it nothing more", async ({
  client,
  server,
  abort,
}) => {
  const pull = new Pull(client.watch(watchA, abort));
  const first = pull.next();
  const exchange = (await server.request()).begin().send(synced(1) + setTo(2, "two"));
  await first;
  abort.abort(reason);
  await exchange.closed;
  await expect(pull.next()).rejects.toBe(reason);
});

test("aborted before it begins, a watch makes no request", async ({ client, server, clock, abort }) => {
  abort.abort(reason);
  await expect(new Pull(client.watch(watchA, abort)).next()).rejects.toBe(reason);
  expect([await server.connectionCount(), clock.timers.size]).toEqual([0, 0]);
});

test("a tree that is aborted can still be read, and nobody has to catch anything", async ({
  client,
  server,
  abort,
}) => {
  const copy = client.tree("/a", abort);
  (await server.request()).begin().send(synced(4));
  await copy.ready;
  abort.abort(reason);
  await copy.closed;
  expect([copy.state, copy.zxid]).toEqual(["closed", 4]);

  const never = client.tree("/a", { signal: AbortSignal.abort(reason) });
  await never.closed;
  await expect(never.ready).rejects.toBe(reason);
});

test("nothing is left of watches and trees that were aborted: no socket, no timer, and the process ends", async ({
  server,
}) => {
  const child = spawn(process.execPath, [script, server.url], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "close");
  for (let count = 0; count < 3; count += 1) (await server.request()).begin().send(synced(1));
  expect(await text(child.stdout)).toBe("[]");
  expect(await exit).toEqual([0, null]);
});
