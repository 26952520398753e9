// A database that may grow no further, or whose disk is full: writes are refused in good order, reads and keepalives go on, nothing that was
// acknowledged is lost, and with more room everything goes on.

import { expect } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { direct, ServerProcess, test } from "../support/process.ts";
import { canMount, onSmallDisk } from "../support/small-disk.ts";

const settings = [
  ...["--database-bytes-max", "2MiB", "--free-bytes-min", "0", "--ballast-bytes", "1MiB"],
  ...["--checkpoint-bytes", "1MiB", "--wal-bytes-max", "1MiB", "--history-bytes-max", "1MiB"],
];

/** Writes 50 kB at a time until the server refuses; answers the names of the znodes that were acknowledged. */
async function fill(http: Http, together = 1): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let round = 0; round < 400; round += 1) {
    const names = Array.from({ length: together }, (_, index) => `n${round}-${index}`);
    const isTaken = await Promise.all(names.map((name) => write(http, name, 50_000 / together)));
    acknowledged.push(...names.filter((_, index) => isTaken[index]));
    if (isTaken.includes(false)) return acknowledged;
  }
  throw new Error("the database was never full");
}

/** False when it was refused for want of room. */
async function write(http: Http, name: string, bytes: number): Promise<boolean> {
  const answer = await http.post(`/v1/znodes/full/${name}`, { body: `${name}.`.padEnd(bytes, ".") });
  if (answer.status === 503) return false;
  expect(`${answer.status} ${answer.text.slice(0, 200)}`).toMatch(/^201/);
  return true;
}

test("a full database refuses writes with 503 read_only, reads and keepalives go on, and nothing is lost [G4, L2]", {
  timeout: 180_000,
}, async ({ start }) => {
  const server = await start(...settings);
  const http = new Http(server.url);
  await http.post("/v1/znodes/full");
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const headers = { "session-token": token };
  await http.post("/v1/znodes/full/member", { query: "ephemeral=true", headers });
  const names = await fill(http);
  expect(names.length).toBeGreaterThan(5);

  const refused = await http.put("/v1/znodes/full", { body: "x" });
  expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "read_only", "5"]);
  expect((await http.post("/v1/sessions")).status).toBe(503);
  expect((await http.get("/readyz")).status).toBe(503);
  expect((await http.get("/livez")).status).toBe(200);
  expect((await http.put(`/v1/sessions/${id}`, { headers })).status).toBe(200);
  for (const name of names) {
    const read = await http.get(`/v1/znodes/full/${name}`, { query: "raw=true" });
    expect(read.text.startsWith(`${name}.`), name).toBe(true);
  }

  await server.kill();
  const next = await start(...settings, "--database-bytes-max", "32MiB");
  const again = new Http(next.url);
  const listed = (await again.get("/v1/children/full", { query: "limit=10000" })).json<{
    children: string[];
  }>();
  expect(listed.children.filter((name) => name !== "member").toSorted()).toEqual(names.toSorted());
  expect((await again.put("/v1/znodes/full", { body: "x" })).status).toBe(200);
  for (const name of names) expect((await again.delete(`/v1/znodes/full/${name}`)).status).toBe(204);
  expect((await again.delete(`/v1/sessions/${id}`, { headers })).status).toBe(204);
  expect((await again.get("/v1/znodes/full/member")).status).toBe(404);
});

/** Deletes each, waiting where the server asks for it. */
async function deleteAll(http: Http, names: readonly string[]): Promise<void> {
  for (const name of names)
    expect(`${name} ${(await http.delete(`/v1/znodes/full/${name}`)).status}`).toBe(`${name} 204`);
}

/** Resolves when the server takes writes. */
async function untilReady(http: Http): Promise<void> {
  await expect.poll(async () => (await http.get("/readyz")).status, { timeout: 10_000 }).toBe(200);
}

test("a database that was filled, killed and opened within the same bound is emptied by deletes and filled again [G4, L2]", {
  timeout: 300_000,
}, async ({ start }) => {
  const filledBytes: number[] = [];
  await (await start(...settings)).kill();
  for (let round = 0; round < rounds({ usual: 2, full: 4 }); round += 1) {
    const together = round % 2 === 0 ? 1 : 10;
    const server = await start(...settings);
    const http = new Http(server.url);
    await untilReady(http);
    await http.post("/v1/znodes/full");
    const names = await fill(http, together);
    filledBytes.push((names.length * 50_000) / together);
    await server.kill();

    const next = await start(...settings);
    const again = new Http(next.url);
    for (const name of names) {
      const read = await again.get(`/v1/znodes/full/${name}`, { query: "raw=true" });
      expect(read.text.startsWith(`${name}.`), name).toBe(true);
    }
    await deleteAll(again, names);
    await untilReady(again);
    expect((await again.put("/v1/znodes/full", { body: "x" })).status).toBe(200);
    await next.kill();
  }
  expect(Math.min(...filledBytes)).toBeGreaterThan(500_000);
});

test("small znodes by the thousand are deleted from a full database, though each deletion makes history [G4, L2]", {
  timeout: 300_000,
}, async ({ start }) => {
  const server = await start(...settings);
  const http = new Http(server.url);
  await http.post("/v1/znodes/full");
  const names: string[] = [];
  for (let isFull = false; !isFull; ) {
    const batch = Array.from({ length: 100 }, (_, index) => `s${names.length + index}`);
    const operations = batch.map((name) => ({ op: "create", path: `/full/${name}`, data: "x".repeat(50) }));
    const { status } = await http.post("/v1/transactions", { json: { operations } });
    isFull = status === 503;
    if (!isFull) names.push(...batch);
    expect(names.length).toBeLessThan(50_000);
  }
  await server.kill();
  const again = new Http((await start(...settings)).url);
  expect(names.length).toBeGreaterThan(500);
  for (let first = 0; first < names.length; first += 10) {
    await Promise.all(names.slice(first, first + 10).map((name) => deleteAll(again, [name])));
  }
  await untilReady(again);
  expect((await again.put("/v1/znodes/full", { body: "x" })).status).toBe(200);
});

test.runIf(canMount)(
  "a disk that clients filled takes writes again once they have deleted it all [G4, L2]",
  {
    timeout: 300_000,
  },
  async ({ dataDir }) => {
    const args = [
      ...["--free-bytes-min", "8MiB", "--ballast-bytes", "2MiB", "--history-bytes-max", "1MiB"],
      ...["--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB"],
    ];
    const command: [string, ...string[]] = [...onSmallDisk(dataDir, 24), ...direct];
    const server = await ServerProcess.start({ dataDir, args, command });
    try {
      const http = new Http(server.url);
      await http.post("/v1/znodes/full");
      const names = await fill(http);
      expect(names.length * 50_000).toBeGreaterThan(1_500_000);
      expect((await http.get("/readyz")).status).toBe(503);
      await deleteAll(http, names);
      await untilReady(http);
      expect((await http.put("/v1/znodes/full", { body: "x" })).status).toBe(200);
    } finally {
      await server.kill();
    }
  },
);
