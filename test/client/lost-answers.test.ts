// Answers that get lost on the way: what was asked is done all the same, and the client asks again. It must be done
// once.

import { expect } from "vitest";
import { systemClock } from "../../src/client/calls/clock.ts";
import { Client, RequestError } from "../../src/client/index.ts";
import { random } from "../support/random.ts";
import { test } from "./proxied.ts";

/** Between attempts it does not wait; answers have their time. */
const impatient = {
  ...systemClock,
  setTimer: (ms: number, callback: () => void) => systemClock.setTimer(ms < 5000 ? 1 : ms, callback),
};

test("whatever answers are lost, what is created, counted and opened is so once [D19, Q4]", async ({
  serve,
}) => {
  const { server, proxy } = await serve();
  const direct = new Client({ endpoint: server.url });
  const client = new Client({ endpoint: proxy.url, clock: impatient, attemptsMax: 50 });
  await direct.create("/q");
  await direct.create("/count", "0");
  const chance = random(7);
  const rounds = 40;
  for (let round = 0; round < rounds; round += 1) {
    proxy.cutAfter(Math.floor(chance() * 300));
    await client.create("/q/n-", "", { mode: { sequential: true } });
    proxy.cutAfter(Math.floor(chance() * 300));
    const { results } = await client.transaction([{ op: "increment", path: "/count", by: 1 }]);
    expect(results[0].value).toBe(String(2 * round + 1));
    proxy.cutAfter(Math.floor(chance() * 300));
    await client.batch([{ op: "increment", path: "/count", by: 1 }]);
    if (round % 10 > 0) continue;
    proxy.cutAfter(Math.floor(chance() * 100));
    const session = await client.openSession({ timeoutMs: 60_000 });
    await session.create("/q/e-", "", { mode: { kind: "ephemeral", sequential: true } });
    await session.close();
  }
  expect(proxy.cutCount).toBeGreaterThan(rounds);
  const { children, stat } = await direct.childrenPage("/q", { limit: 1000 });
  expect([children.length, stat.cversion]).toEqual([rounds, rounds + 2 * (rounds / 10)]);
  expect((await direct.get("/count")).data.text()).toBe(String(2 * rounds));
});

test("a set whose answer is lost was done once, and the caller is told that it may be", async ({ serve }) => {
  const { server, proxy } = await serve();
  const client = new Client({ endpoint: proxy.url, clock: impatient });
  await client.create("/a", "0");
  proxy.cutAfter(0);
  await expect(client.set("/a", "1", { version: 0 })).rejects.toMatchObject({ mayBeDone: true });
  const { data, stat } = await new Client({ endpoint: server.url }).get("/a");
  expect([data.text(), stat.version]).toEqual(["1", 1]);
  const late = client.set("/a", "2", { version: 0 });
  await expect(late).rejects.toBeInstanceOf(RequestError);
});
