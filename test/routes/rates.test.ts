// How fast one client may ask: by what asking costs, whoever else asks how much, and never so that a session is lost.

import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import { Buckets } from "../../src/routes/http/buckets.ts";
import { ClientAt } from "../support/client-at.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Keeper } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";
import { serveFor, test } from "./server-fixture.ts";

interface Scene {
  readonly one: ClientAt;
  readonly other: ClientAt;
  readonly keeper: Keeper;
  readonly clock: FakeClock;
}

/** Ten units a second, twenty at once: a read costs 1 and a write 2. */
const rate = { ratePerSecond: 10, rateBurst: 20 };

async function withClients(play: (scene: Scene) => Promise<void>, limits = rate): Promise<void> {
  const clock = new FakeClock();
  const keeper = new Keeper(clock);
  await keeper.store.start();
  const { http, close } = await serveFor(keeper, watchesOf(keeper), { limits });
  try {
    const [one, other] = [new ClientAt(http.url, "127.0.0.1"), new ClientAt(http.url, "127.0.0.2")];
    await play({ one, other, keeper, clock });
    checkState(keeper.state);
  } finally {
    await close();
  }
}

type Asked = Parameters<ClientAt["ask"]>[2];

/** How many units the client has left: so many reads it gets. It has none afterwards. */
async function unitsLeft(client: ClientAt): Promise<number> {
  for (let count = 0; ; count += 1) {
    const { status } = await client.ask("GET", "/v1/znodes");
    if (status === 429) return count;
  }
}

function childCountOf(keeper: Keeper): number {
  return [...keeper.reader.childNames("/")].length;
}

/** What a request costs a client that has rested. */
async function unitsOf({ one, clock }: Scene, method: string, path: string, asked?: Asked): Promise<number> {
  await clock.advance(60_000);
  const { status } = await one.ask(method, path, asked);
  expect(status, `${method} ${path}`).toBeLessThan(300);
  return rate.rateBurst - (await unitsLeft(one));
}

async function openSession(client: ClientAt) {
  const opened = await client.ask("POST", "/v1/sessions", {
    headers: { "content-type": "application/json" },
    body: '{"timeoutMs":3600000}',
  });
  const { id, token } = opened.json<{ id: string; token: string }>();
  return { id, headers: { "session-token": token } };
}

test("who asks faster than it may is refused by name, is let in again as time passes, and others are not touched", async () => {
  await withClients(async ({ one, other, clock, keeper }) => {
    expect(await unitsLeft(one)).toBe(20);
    const refused = await one.ask("PUT", "/v1/znodes/a?upsert=true", { body: "x" });
    expect(refused.status).toBe(429);
    expect(refused.json()).toMatchObject({ code: "throttled", limit: "ratePerSecond", limitValue: 10 });
    expect(refused.headers["retry-after"]).toBe("1");
    expect(keeper.reader.get("/a")).toBeUndefined();
    expect((await other.ask("GET", "/v1/znodes")).status).toBe(200);

    await clock.advance(1000);
    expect(await unitsLeft(one)).toBe(10);
    await clock.advance(100);
    expect(await unitsLeft(one)).toBe(1);
    await clock.advance(3_600_000);
    expect(await unitsLeft(one)).toBe(20);
  });
});

test("with nothing left sessions are kept and closed, claims are released, and probes, bounds and documents are served [L2]", async () => {
  await withClients(async ({ one, clock }) => {
    const [first, second] = [await openSession(one), await openSession(one)];
    const json = { "content-type": "application/json" };
    const claim = await one.ask("POST", "/v1/locks/a/claims", { headers: { ...first.headers, ...json } });
    const candidate = await one.ask("POST", "/v1/elections/a/candidates", {
      headers: { ...first.headers, ...json },
      body: '{"value":"x"}',
    });
    const instance = "/v1/services/a/instances/i";
    await one.ask("PUT", instance, {
      headers: { ...first.headers, ...json },
      body: '{"address":"10.0.0.1","port":80}',
    });
    await clock.advance(60_000);
    await unitsLeft(one);
    const { token } = { token: first.headers["session-token"] };
    const free = [
      ["GET", "/livez"],
      ["GET", "/readyz"],
      ["GET", "/v1/limits"],
      ["GET", "/openapi.json"],
      ["GET", "/llms.txt"],
      ["GET", "/docs/"],
      ["OPTIONS", "/v1/znodes/a"],
      ["PUT", `/v1/sessions/${first.id}`, { headers: first.headers }],
      ["POST", "/v1/sessions/keepalive", { headers: json, body: JSON.stringify({ tokens: [token] }) }],
      ["DELETE", `/v1/sessions/${second.id}`, { headers: second.headers }],
      ["DELETE", String(claim.headers.location), { headers: first.headers }],
      ["DELETE", String(candidate.headers.location), { headers: first.headers }],
      ["DELETE", instance, { headers: first.headers }],
    ] as const;
    for (const [method, path, asked] of free) {
      const { status, text } = await one.ask(method, path, asked);
      expect([status < 300, text], `${method} ${path}`).toEqual([true, text]);
    }
    expect((await one.ask("GET", "/v1/znodes")).status).toBe(429);
  });
});

test("releases are paid for, and who does nothing else is refused when its debt is the deepest", async () => {
  await withClients(async ({ one, clock }) => {
    const { headers } = await openSession(one);
    await unitsLeft(one);
    const statuses: number[] = [];
    for (let count = 0; count < 12; count += 1)
      statuses.push((await one.ask("DELETE", "/v1/locks/none/claims/x-0000000001", { headers })).status);
    expect(statuses).toEqual([...Array(10).fill(404), 429, 429]);
    await clock.advance(2000);
    expect(await unitsLeft(one)).toBe(0);
    await clock.advance(1000);
    expect(await unitsLeft(one)).toBe(10);
  });
});

test("what takes more work costs more: writes, pages, streams, subtrees, operations, and bytes in and out", async () => {
  await withClients(async (scene) => {
    const { one, keeper } = scene;
    const json = { "content-type": "application/json" };
    const large = "x".repeat(100_000);
    expect(await unitsOf(scene, "GET", "/v1/znodes")).toBe(1);
    expect(await unitsOf(scene, "HEAD", "/v1/znodes")).toBe(1);
    expect(await unitsOf(scene, "POST", "/v1/znodes/a")).toBe(2);
    expect(await unitsOf(scene, "PUT", "/v1/znodes/a", { body: large })).toBe(2 + 6);
    expect(await unitsOf(scene, "GET", "/v1/znodes/a")).toBe(1 + 6);
    expect(await unitsOf(scene, "GET", "/v1/children")).toBe(5);
    expect(await unitsOf(scene, "GET", "/v1/tree")).toBe(20);
    const operations = Array.from({ length: 8 }, (_, index) => ({ op: "create", path: `/b${index}` }));
    const body = JSON.stringify({ operations });
    expect(await unitsOf(scene, "POST", "/v1/transactions", { headers: json, body })).toBe(2 + 8);
    const reads = JSON.stringify({ operations: operations.map(({ path }) => ({ op: "get", path })) });
    expect(await unitsOf(scene, "POST", "/v1/batch", { headers: json, body: reads })).toBe(2 + 8);
    await scene.clock.advance(60_000);
    const stream = await one.open("GET", "/v1/watch?path=/");
    expect(await unitsLeft(one)).toBe(15);
    stream.destroy();
    expect(await unitsOf(scene, "DELETE", "/v1/znodes/b1")).toBe(2);
    expect(await unitsOf(scene, "DELETE", "/v1/znodes/b2?recursive=true")).toBe(20);
    expect(await unitsOf(scene, "DELETE", "/v1/tree/b3")).toBe(20);
    expect(await unitsOf(scene, "GET", "/v1/export/b4")).toBe(20);
    expect(keeper.reader.get("/b4")).toBeDefined();
    await scene.clock.advance(60_000);
    expect((await one.ask("GET", "/v1/nothing")).status).toBe(404);
    expect(await unitsLeft(one)).toBe(19);
  });
});

test("an import goes on as fast as its client may ask, and others are served meanwhile", async () => {
  await withClients(
    async ({ one, other, clock, keeper }) => {
      const lines = Array.from({ length: 1500 }, (_, index) => `{"path":"/i${index}","data":""}\n`);
      const answer = one.ask("POST", "/v1/import", { body: lines.join("") });
      // 500 znodes are a part, and 50 units; 20 were paid before.
      await expect.poll(() => childCountOf(keeper), patience).toBe(500);
      await expect.poll(() => clock.hasTimerIn(900, 1000), patience).toBe(true);
      expect((await one.ask("GET", "/v1/znodes")).status).toBe(429);
      expect((await other.ask("GET", "/v1/znodes")).status).toBe(200);
      expect(childCountOf(keeper)).toBe(500);
      let isAnswered = false;
      const imported = answer.finally(() => {
        isAnswered = true;
      });
      const begunMs = clock.monotonicMs();
      await expect.poll(() => clock.advance(100).then(() => isAnswered), patience).toBe(true);
      expect((await imported).json()).toMatchObject({ created: 1500 });
      // The second part had to wait for 11 units, and the third for 50 more.
      expect(clock.monotonicMs() - begunMs).toBeGreaterThanOrEqual(6000);
    },
    { ratePerSecond: 10, rateBurst: 60 },
  );
});

test("a delete in parts goes on as fast as its client may ask", async () => {
  await withClients(
    async ({ one, clock, keeper }) => {
      await keeper.create("/d");
      const writes = Array.from({ length: 1500 }, (_, index) => keeper.create(`/d/${index}`));
      await Promise.all(writes);
      const answer = one.ask("DELETE", "/v1/tree/d");
      // 1000 znodes are a part, and 100 units; 20 were paid before, and no debt is deeper than 60.
      await expect.poll(() => keeper.state.tree.size, patience).toBe(502);
      await clock.advance(5000);
      expect(keeper.state.tree.size).toBe(502);
      await expect.poll(() => clock.advance(100).then(() => keeper.state.tree.size), patience).toBe(1);
      expect((await answer).json()).toMatchObject({ deleted: 1501, remaining: 0 });
    },
    { ratePerSecond: 10, rateBurst: 60 },
  );
});

test("without a rate nothing is counted", async () => {
  await withClients(
    async ({ one }) => {
      for (let count = 0; count < 50; count += 1)
        expect((await one.ask("GET", "/v1/znodes")).status).toBe(200);
    },
    { ratePerSecond: 0, rateBurst: 0 },
  );
});

const patience = { timeout: 10_000, interval: 5 };

test("clients that rest are forgotten, and a flood of them shares one bucket while those who were there keep theirs", async () => {
  const clock = new FakeClock();
  const buckets = new Buckets({ perSecond: 10, burst: 20, holdersMax: 100 }, clock);
  expect(buckets.take("known", 15)).toBe(0);
  for (let index = 0; index < 10_000; index += 1) buckets.take(`flood-${index}`, 1);
  expect(buckets.count).toBe(100);
  expect(buckets.take("one more", 1)).toBeGreaterThan(0);
  expect([buckets.take("known", 5), buckets.take("known", 1)]).toEqual([0, 1]);
  // Twice the time in which the emptiest is full again: all others have rested.
  await clock.advance(4000);
  buckets.take("known", 1);
  await clock.advance(4000);
  buckets.take("known", 1);
  expect(buckets.count).toBe(1);
  expect(buckets.take("one more", 1)).toBe(0);
});

test("a debt is never deeper than what a full bucket has, and what is forgotten was full", async () => {
  const clock = new FakeClock();
  const buckets = new Buckets({ perSecond: 10, burst: 20, holdersMax: 100 }, clock);
  expect(buckets.take("a", 1_000_000)).toBe(0);
  expect(buckets.debtMs("a")).toBe(2100);
  buckets.charge("a", 1_000_000);
  expect(buckets.take("a", 1)).toBe(3);
  await clock.advance(3999);
  expect(buckets.take("b", 1)).toBe(0);
  expect(buckets.take("a", 20)).toBe(0);
  expect(buckets.take("a", 1)).toBe(1);
});
