// GET /v1/admin/backup over HTTP: what its headers say of its content, who may have it, and what becomes of readers that
// are gone, slow or no longer allowed.

import { createHash } from "node:crypto";
import { expect } from "vitest";
import { fixedLimits } from "../../src/routes/http/fixed-limits.ts";
import { addTokenWith, turnOnAccess } from "../support/access.ts";
import { test } from "./server-fixture.ts";

const url = "/v1/admin/backup";

test("the answer says how long it is, what its digest is, and of which transaction", async ({
  http,
  backups,
  keeper,
}) => {
  await keeper.create("/a");
  backups.content = Buffer.alloc(300_000, "0123456789");
  const response = await http.fetch("GET", url);
  const body = Buffer.from(await response.arrayBuffer());
  const { headers } = response;
  expect(response.status).toBe(200);
  expect(body).toEqual(backups.content);
  const sha256 = createHash("sha256").update(body).digest("base64");
  expect(headers.get("repr-digest")).toBe(`sha-256=:${sha256}:`);
  expect(headers.get("content-length")).toBe(String(body.byteLength));
  expect(headers.get("content-type")).toBe("application/octet-stream");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("backup-zxid")).toBe(String(keeper.store.zxid));
  expect(headers.get("content-disposition")).toBe('attachment; filename="treekeeper-20231114T221320Z-1.db"');
  await expect.poll(() => backups.openCount).toBe(0);
});

test("only an admin of the whole tree may have it", async ({ http, keeper }) => {
  const { authorization } = await turnOnAccess(keeper.store);
  expect((await http.get(url)).status).toBe(401);
  const partly = await addTokenWith(keeper.store, "partly", [{ prefix: "/a", allow: ["admin"] }]);
  expect((await http.get(url, { headers: { ...partly } })).code).toBe("forbidden");
  expect((await http.get(url, { headers: { authorization } })).status).toBe(200);
});

test("another one meanwhile is refused with 429, one without room with 507; both say what to do", async ({
  http,
  backups,
}) => {
  backups.openCount = 1;
  const busy = await http.get(url);
  expect([busy.status, busy.code, busy.header("retry-after")]).toEqual([429, "throttled", "10"]);
  backups.openCount = 0;
  backups.hasRoom = false;
  const full = await http.get(url);
  expect([full.status, full.code]).toEqual([507, "no_room"]);
});

test("who has read all of one may ask for the next at once", async ({ http, backups }) => {
  backups.content = Buffer.alloc(200_000);
  for (let count = 0; count < 20; count += 1) expect((await http.get(url)).status).toBe(200);
});

test("a reader that is gone gives it back", async ({ http, backups }) => {
  backups.content = Buffer.alloc(20_000_000);
  const leaving = new AbortController();
  const response = await http.fetch("GET", url, {}, leaving.signal);
  await response.body?.getReader().read();
  expect(backups.openCount).toBe(1);
  leaving.abort();
  await expect.poll(() => backups.openCount).toBe(0);
});

test("a reader that is too slow is cut off, and sees that it has not all of it", async ({
  http,
  backups,
  keeper,
}) => {
  backups.content = Buffer.alloc(20_000_000);
  const response = await http.fetch("GET", url);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  const { backupGraceMs, backupBytesPerSecondMin } = fixedLimits;
  await keeper.clock.advance(backupGraceMs + (20_000_000 / backupBytesPerSecondMin) * 1000 + 1);
  await expect.poll(() => backups.openCount).toBe(0);
  const readOn = async () => {
    while (!(await reader.read()).done);
  };
  await expect(readOn()).rejects.toThrow();
});

test("a reader whose rights go gets no more of it", async ({ http, backups, keeper }) => {
  await turnOnAccess(keeper.store);
  const { authorization } = await addTokenWith(keeper.store, "steward", [{ prefix: "/", allow: ["admin"] }]);
  backups.content = Buffer.alloc(20_000_000);
  const response = await http.fetch("GET", url, { headers: { authorization } });
  await keeper.store.submit({ type: "revokeToken", name: "steward", principal: "system" });
  await expect.poll(() => backups.openCount).toBe(0);
  await expect(response.arrayBuffer()).rejects.toThrow();
});

test("there is no HEAD, which would take one for its headers alone", async ({ http, backups }) => {
  const answer = await http.request("HEAD", url);
  expect([answer.status, backups.openCount]).toEqual([405, 0]);
});
