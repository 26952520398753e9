// Paths that are longer than what stands between takes in a URL: the client names them in bodies by itself.

import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { Client } from "../../src/client/index.ts";
import { test as processTest } from "../support/process.ts";

/** A client behind a proxy with nginx's defaults: eight KiB of URL and headers, four of an answer's headers. */
const test = processTest.extend<{ client: Client }>({
  client: async ({ start }, use) => {
    const { hostname, port } = new URL((await start()).url);
    const proxy = createServer({ maxHeaderSize: 8192 }, (asked, answered) => {
      const { method, url, headers } = asked;
      const options = { hostname, port, method, path: url, headers, maxHeaderSize: 4096 };
      const forwarded = httpRequest(options, (answer) => {
        answered.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(answered);
      });
      forwarded.on("error", () => answered.writeHead(502).end());
      answered.on("close", () => forwarded.destroy());
      asked.pipe(forwarded);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    await use(new Client({ endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }));
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  },
});

const long = `/${"路".repeat(3500)}`;

test("what has the longest path is made, read, listed, changed under conditions and deleted", async ({
  client,
}) => {
  const made = await client.create(long, "ein ä");
  expect([made.path, made.stat.czxid, made.zxid]).toEqual([long, 1, 1]);
  const znode = await client.get(long);
  expect([znode.path, znode.data.text(), znode.stat, znode.zxid]).toEqual([long, "ein ä", made.stat, 1]);
  expect(await client.exists(long)).toEqual(made.stat);
  expect(await client.exists(`${long}x`)).toBeUndefined();
  await expect(client.get(`${long}x`)).rejects.toMatchObject({
    code: "no_node",
    details: { path: `${long}x` },
  });
  await expect(client.create(long)).rejects.toMatchObject({ code: "node_exists" });

  const set = await client.set(long, Uint8Array.of(0, 255), { ifMatch: made.stat });
  expect([set.path, set.stat.version, set.zxid]).toEqual([long, 1, 2]);
  expect((await client.get(long)).data.bytes()).toEqual(Uint8Array.of(0, 255));
  await expect(client.set(long, "x", { ifMatch: made.stat })).rejects.toMatchObject({ code: "bad_version" });
  await expect(client.set(long, "x", { version: 7 })).rejects.toMatchObject({ code: "bad_version" });
  expect((await client.set(`${long}y`, "y", { create: "upsert" })).stat.version).toBe(0);

  await client.create(`${long}/a/b`, "", { parents: true });
  const numbered = await client.create(`${long}/n-`, "", { mode: { sequential: true } });
  expect(numbered.path).toBe(`${long}/n-0000000001`);
  expect(await client.childrenPage(long, { limit: 1 })).toMatchObject({ children: ["a"], next: "a" });
  await expect(client.delete(long)).rejects.toMatchObject({ code: "not_empty" });
  await expect(client.delete(`${long}y`, { ifMatch: made.stat })).rejects.toMatchObject({
    code: "bad_version",
  });
  await client.delete(long, { recursive: true });
  expect(await client.exists(long)).toBeUndefined();
});

test("a session makes its ephemerals there, and a watch tells of them", async ({ client }) => {
  const session = await client.openSession();
  const messages = client.watch({ paths: [long], initial: true })[Symbol.asyncIterator]();
  await messages.next();
  const made = await session.create(long, "here", { mode: { kind: "ephemeral" } });
  expect(made.stat.ephemeralOwner).toBe(session.id);
  const types: string[] = [];
  for (let { value } = await messages.next(); types.push(value.type); { value } = await messages.next()) {
    if (value.type !== "change") continue;
    expect(value.events).toMatchObject([{ type: "created", path: long }]);
    break;
  }
  await messages.return?.();
  await session.close();
  expect(await client.exists(long)).toBeUndefined();
});
