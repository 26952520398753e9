// A backup as programs take it: from a server that sends all of it, breaks off, says nothing of its length, or refuses.

import { createHash } from "node:crypto";
import { expect } from "vitest";
import { Client, ConnectionError, RequestError } from "../../src/client/index.ts";
import { test } from "../routes/server-fixture.ts";

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Whose answers are as the server's, but for what is changed of them. */
function clientOf(url: string, change: (response: Response) => Response = (response) => response): Client {
  const changed: typeof fetch = async (input, init) => change(await fetch(input, init));
  return new Client({ endpoint: url, fetch: changed });
}

test("it says what it is, and brings all of it", async ({ http, backups, keeper }) => {
  await keeper.create("/a");
  backups.content = Buffer.alloc(200_000, "0123456789");
  const backup = await clientOf(http.url).backup();
  expect(backup).toMatchObject({ zxid: 1, bytes: 200_000, fileName: "treekeeper-20231114T221320Z-1.db" });
  const content = await bytesOf(backup.content);
  expect(content).toEqual(backups.content);
  expect(createHash("sha256").update(content).digest("base64")).toBe(backup.sha256);
});

test("a refusal is one, and is not asked for again", async ({ http, backups }) => {
  backups.hasRoom = false;
  let asked = 0;
  const client = clientOf(http.url, (response) => {
    asked += 1;
    return response;
  });
  const refusal = await client.backup().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RequestError);
  expect([(refusal as RequestError).code, asked]).toEqual(["no_room", 1]);
});

test("one that ends too soon throws", async ({ http, backups }) => {
  backups.content = Buffer.alloc(5_000_000);
  const shorter = clientOf(http.url, ({ headers, status, body }) => {
    void body?.cancel();
    return new Response("half of it", { headers, status });
  });
  const short = await shorter.backup();
  await expect(bytesOf(short.content)).rejects.toThrow(/broke off: 4999990 of 5000000 bytes are missing/);
});

test("without a length it is not begun", async ({ http }) => {
  const client = clientOf(http.url, (response) => {
    const headers = new Headers(response.headers);
    headers.delete("content-length");
    return new Response(response.body, { headers });
  });
  await expect(client.backup()).rejects.toThrow(ConnectionError);
});

test("whoever gives up leaves nothing open", async ({ http, backups }) => {
  backups.content = Buffer.alloc(20_000_000);
  const giving = new AbortController();
  const backup = await clientOf(http.url).backup({ signal: giving.signal });
  const reading = bytesOf(backup.content);
  giving.abort(new Error("enough"));
  await expect(reading).rejects.toThrow("enough");
  await expect.poll(() => backups.openCount).toBe(0);
  // Leaving the loop is giving up, too.
  const next = await clientOf(http.url).backup();
  for await (const _ of next.content) break;
  await expect.poll(() => backups.openCount).toBe(0);
});
