import { expect } from "vitest";
import type { ChangeMessage } from "../../src/client/watches/messages.ts";
import { Http } from "../support/http.ts";
import { brief, Pull } from "./fixture.ts";
import { test } from "./proxied.ts";

test("a watch tells what is there, then what happens [W20]", async ({ serve, abort }) => {
  const { server, client } = await serve();
  const http = new Http(server.url);
  await http.post("/v1/znodes/a", { body: "one" });
  const pull = new Pull(client.watch({ paths: ["/a"], scope: "subtree", initial: true }, abort));
  expect((await pull.take(2)).map(brief)).toEqual(["snapshot /a", "synced 1"]);
  await http.put("/v1/znodes/a", { body: "two" });
  await http.post("/v1/znodes/a/b", { body: Uint8Array.of(255) });
  await http.delete("/v1/znodes/a", { query: "recursive=true" });
  const messages = (await pull.take(3)) as ChangeMessage[];
  expect(messages.map(({ zxid, cause }) => [zxid, cause])).toEqual([
    [2, "request"],
    [3, "request"],
    [4, "request"],
  ]);
  expect(messages[1]?.events[0]?.data?.bytes()).toEqual(Uint8Array.of(255));
  expect(messages[2]?.events.map(({ type, path, data }) => [type, path, data])).toEqual([
    ["deleted", "/a/b", undefined],
    ["deleted", "/a", undefined],
  ]);
});

test("the server's refusal of a path reaches the caller", async ({ serve }) => {
  const { client } = await serve();
  await expect(new Pull(client.watch({ paths: ["/a/"] })).next()).rejects.toMatchObject({
    ...{ name: "RequestError", code: "bad_path", status: 400 },
  });
  await expect(client.tree("/a//b").ready).rejects.toMatchObject({ code: "bad_path" });
});

test("a watch that resumes from before the history is reset and given all there is [W28]", async ({
  serve,
  abort,
}) => {
  const { server, proxy, client } = await serve("--history-messages-max", "2");
  const http = new Http(server.url);
  await http.post("/v1/znodes/a", { body: "0" });
  const pull = new Pull(client.watch({ paths: ["/a"] }, abort));
  expect(brief(await pull.next())).toBe("synced 1");
  proxy.cut();
  for (const body of ["1", "2", "3", "4"]) await http.put("/v1/znodes/a", { body });
  const told = await pull.take(3);
  expect(told.map(brief)).toEqual(["reset history_trimmed", "snapshot /a", "synced 5"]);
});

test("a planned stop and start loses nothing and tells nothing twice [W28]", async ({
  serve,
  start,
  abort,
}) => {
  const { server, proxy, client } = await serve();
  await new Http(server.url).post("/v1/znodes/a", { body: "1" });
  const pull = new Pull(client.watch({ paths: ["/a"], initial: true }, abort));
  await pull.take(2);
  const pending = pull.take(2);
  await server.terminate();
  const next = await start();
  await new Http(next.url).put("/v1/znodes/a", { body: "2" });
  proxy.leadTo(next.url);
  const told = (await pending).map(brief).filter((line) => !line.startsWith("synced"));
  expect(told.at(0)).toBe("2 2");
});

test("over kill -9 and restart every acknowledged write is told once and in order [W23, W28]", async ({
  serve,
  start,
  abort,
}) => {
  const { server, proxy, client } = await serve();
  await new Http(server.url).post("/v1/znodes/a", { body: "0" });
  const pull = new Pull(client.watch({ paths: ["/a"] }, abort));
  expect(brief(await pull.next())).toBe("synced 1");
  const told: ChangeMessage[] = [];
  const reading = (async () => {
    for (let isLast = false; !isLast; ) {
      const message = await pull.next();
      if (message.type === "reset") throw new Error("the history was lost");
      if (message.type === "change") told.push(message);
      isLast = message.type === "change" && message.events[0]?.data?.text() === "last";
    }
  })();
  const acknowledged: string[] = [];
  let running = server;
  for (let round = 1; round <= 3; round += 1) {
    await writeUntilKilled(running, round, acknowledged);
    running = await start();
    proxy.leadTo(running.url);
  }
  await new Http(running.url).put("/v1/znodes/a", { body: "last" });
  await reading;
  const values = told.map(({ events }) => events[0]?.data?.text());
  expect(values.filter((value) => value !== undefined && acknowledged.includes(value))).toEqual(acknowledged);
  // Each set moves the version on by one, whoever was told of it: so none is missing and none is there twice.
  const versions = told.map(({ events }) => events[0]?.stat.version);
  expect(versions).toEqual(Array.from({ length: told.length }, (_, index) => index + 1));
}, 60_000);

/** One write after the other; in the middle of one the process is killed. */
async function writeUntilKilled(
  server: { readonly url: string; kill(): Promise<unknown> },
  round: number,
  acknowledged: string[],
): Promise<void> {
  const http = new Http(server.url);
  for (let count = 0; ; count += 1) {
    const value = `${round}.${count}`;
    const write = http.put("/v1/znodes/a", { body: value });
    if (count === 40) {
      await Promise.all([write.catch(() => {}), server.kill()]);
      return;
    }
    await write;
    acknowledged.push(value);
  }
}
