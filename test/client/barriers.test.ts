// Counters and barriers of the client against a real server: what is lost on the way is done once, and nobody stays in
// who gave up.

import { expect } from "vitest";
import { systemClock } from "../../src/client/calls/clock.ts";
import { Client } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";
import { random } from "../support/random.ts";
import { test } from "./proxied.ts";

/** Between attempts it does not wait; answers have their time. */
const impatient = {
  ...systemClock,
  setTimer: (ms: number, callback: () => void) => systemClock.setTimer(ms < 5000 ? 1 : ms, callback),
};

test("whatever answers are lost, each addition is counted once and told what it came to [D19]", async ({
  serve,
}) => {
  const { server, proxy } = await serve();
  const counter = new Client({ endpoint: proxy.url, clock: impatient, attemptsMax: 50 }).counter("a b");
  const chance = random(11);
  const rounds = 40;
  for (let round = 1; round <= rounds; round += 1) {
    proxy.cutAfter(Math.floor(chance() * 300));
    expect(await counter.add(2)).toBe(2 * round);
  }
  expect(proxy.cutCount).toBeGreaterThan(rounds / 2);
  const client = new Client({ endpoint: server.url });
  expect(await client.counter("a b").get()).toBe(2 * rounds);
  expect((await client.get("/counters/a b")).data.text()).toBe(String(2 * rounds));
});

test("a counter refuses what is no number, and an addition whose fence is stale", async ({ serve }) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  await expect(client.counter("c").get()).rejects.toMatchObject({ code: "no_node" });
  const session = await client.openSession();
  expect(await session.counter("c").add(-3)).toBe(-3);
  const fences = [{ path: "/gone", czxid: 1 }];
  await expect(client.counter("c").add(1, { fences })).rejects.toMatchObject({ code: "fence_stale" });
  await expect(client.counter("c").add(0.5)).rejects.toMatchObject({ code: "bad_request" });
  await client.set("/counters/c", "many");
  await expect(client.counter("c").add()).rejects.toMatchObject({ code: "not_a_counter" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(client.counter("c").add(1, { signal })).rejects.toThrow("enough");
  await session.close();
});

test("three go through round after round together, whatever connections are lost", async ({ serve }) => {
  const { server, proxy } = await serve();
  const direct = new Client({ endpoint: server.url });
  const client = new Client({ endpoint: proxy.url, clock: impatient });
  const sessions = await Promise.all(
    [client, client, direct].map((each) => each.openSession({ timeoutMs: 60_000 })),
  );
  const rounds = 8;
  const seen: number[] = [];
  const chance = random(5);
  await Promise.all(
    sessions.map(async (session, index) => {
      const barrier = session.barrier("b", { count: 3 });
      for (let round = 0; round < rounds; round += 1) {
        if (index === 0) proxy.cutAfter(Math.floor(chance() * 400));
        await barrier.enter();
        // Nobody is in a round while another is still in the last one.
        seen.push(round);
        if (index === 1) proxy.cutAfter(Math.floor(chance() * 400));
        await barrier.leave();
      }
    }),
  );
  expect(proxy.cutCount).toBeGreaterThan(rounds / 2);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect((await new Http(server.url).get("/v1/barriers/b")).json()).toMatchObject({
    open: false,
    participants: [],
  });
  for (const session of sessions) await session.close();
});

test("who gives up entering is in no more, and may enter again at once", async ({ serve }) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const http = new Http(server.url);
  const [one, two] = [await client.openSession(), await client.openSession()];
  const changes = await http.stream("/v1/watch", { query: { path: "/barriers/b", scope: "children" } });
  const barrier = one.barrier("b", { count: 2, participant: "one" });
  const giving = new AbortController();
  const given = barrier.enter({ signal: giving.signal });
  await changes.untilChanges(1);
  giving.abort(new Error("enough"));
  await expect(given).rejects.toThrow("enough");
  const again = barrier.enter();
  await changes.untilChanges(4);
  expect((await http.get("/v1/barriers/b")).json()).toMatchObject({ participants: [{ participant: "one" }] });
  await two.barrier("b", { count: 2 }).enter();
  await again;
  const never = barrier.enter({ signal: AbortSignal.abort(new Error("no")) });
  await expect(never).rejects.toThrow("no");
  const alone = barrier.leave({ signal: AbortSignal.abort(new Error("no wait")) });
  await expect(alone).rejects.toThrow("no wait");
  await two.barrier("b", { count: 2 }).leave();
  await barrier.leave();
  await one.close();
  await two.close();
});

test("who waits at a barrier is told when the session is lost, and when the count is another", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const [one, two] = [await client.openSession(), await client.openSession()];
  const changes = await new Http(server.url).stream("/v1/watch", {
    query: { path: "/barriers/b", scope: "children" },
  });
  const waiting = one.barrier("b", { count: 3 }).enter();
  await changes.untilChanges(1);
  const other = two.barrier("b", { count: 2 });
  await expect(other.enter()).rejects.toMatchObject({ code: "count_differs" });
  const headers = { "session-token": one.token };
  await new Http(server.url).delete(`/v1/sessions/${one.id}`, { headers });
  await expect(waiting).rejects.toMatchObject({ name: "SessionLostError" });
  await two.close();
});
