// Waiting for a znode to come, also where the history no longer tells what was.

import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { test as serverTest } from "../routes/server-fixture.ts";
import { watchesOf } from "./fixture.ts";

const test = serverTest.extend<{ watches: Watches }>({
  watches: async ({ keeper }, use) => {
    await use(watchesOf(keeper, { history: { ...defaultWatchLimits.history, messagesMax: 1 } }));
  },
});

test("a znode that is yet to come is waited for, however old what its client has seen [W4]", async ({
  http,
  keeper,
  watches,
}) => {
  await keeper.create("/p");
  const { zxid } = keeper.store;
  for (let count = 0; count < 5; count += 1) await keeper.set("/p", `${count}`);
  expect(watches.history.floorZxid).toBeGreaterThan(zxid);
  const paths = ["znodes/p/new", "children/p/new", "znodes/p/new/deeper"];
  const waits = [...paths.map((path) => [path, zxid]), ["znodes/p/new", 0]].map(([path, waitAfterZxid]) =>
    http.get(`/v1/${path}`, { query: { waitAfterZxid: Number(waitAfterZxid) } }),
  );
  while (watches.streamCount < waits.length) await setImmediate();
  await keeper.create("/p/new");
  await keeper.create("/p/new/deeper");
  expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test("a znode that may have gone since is told of at once", async ({ http, keeper, watches }) => {
  await keeper.create("/p");
  await keeper.create("/p/old");
  const { zxid } = keeper.store;
  await keeper.delete("/p/old");
  for (let count = 0; count < 5; count += 1) await keeper.set("/p", `${count}`);
  expect(watches.history.floorZxid).toBeGreaterThan(zxid);
  const answer = await http.get("/v1/znodes/p/old", { query: { waitAfterZxid: zxid } });
  expect(answer.code).toBe("no_node");
});
