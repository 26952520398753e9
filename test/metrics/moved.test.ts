// Every metric of the table is moved by what it tells of: whoever adds one says here how.

import { afterAll, beforeAll, describe, expect } from "vitest";
import { metrics } from "../../src/metrics/metrics.ts";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";
import type { Mover, Movers, Moves, SetAtStart } from "./mover.ts";
import { etcdMovers } from "./movers/etcd.ts";
import { fileMovers } from "./movers/file.ts";
import { httpMovers } from "./movers/http.ts";
import { processMovers } from "./movers/process.ts";
import { sessionMovers } from "./movers/sessions.ts";
import { storeMovers } from "./movers/store.ts";
import { watchMovers } from "./movers/watches.ts";
import { valueIn } from "./reading.ts";
import { makeWorld, otherSettings, type World } from "./world.ts";

const movers: Movers = {
  ...{ ...httpMovers, ...storeMovers, ...fileMovers },
  ...{ ...sessionMovers, ...watchMovers, ...processMovers, ...etcdMovers },
};

/** In which those metrics are moved, one after the other, that need no service of their own. */
let usual: World;
let other: World;
const shared = new Map<string, World>();

beforeAll(async () => {
  usual = await makeWorld({ sqlite: {}, hasEtcd: true });
  other = await makeWorld({ sqlite: {}, hasEtcd: true, settings: otherSettings });
});

afterAll(async () => {
  await usual.close();
  await other.close();
  for (const world of shared.values()) await world.close();
});

test("every metric of the table is moved here, and nothing else is", () => {
  expect(Object.keys(movers).sort()).toEqual(Object.keys(metrics).sort());
});

describe.for(Object.entries(movers))("%s", ([name, mover]) => {
  for (const each of [mover].flat() as Mover[]) {
    const label = "move" in each ? (each.label ?? "") : "";
    if ("move" in each) test(`moves ${label}`, async () => await expectMoved(name, each));
    else if ("shows" in each) test("shows what is set at the start", () => expectShown(name, each));
    else if ("ask" in each)
      test("moves in a service as it is started", async ({ start }) => {
        const http = new Http((await start()).url);
        const read = async () => valueIn((await http.get("/metrics")).text, name);
        const before = await read();
        await each.ask(http);
        expect(await read()).toBeGreaterThan(before);
      });
    else test("is that of the process", () => expect(valueIn(usual.server.metrics(), name)).toBe(each.is()));
  }
});

async function expectMoved(name: string, moves: Moves): Promise<void> {
  const { options, shared: sharedName } = moves;
  if (options === undefined) return await moveIn(usual, name, moves);
  if (sharedName !== undefined) return await moveIn(await sharedWorld(sharedName, moves), name, moves);
  const world = await makeWorld(typeof options === "function" ? await options() : options);
  await moveIn(world, name, moves).finally(async () => await world.close());
}

async function sharedWorld(sharedName: string, { options = {} }: Moves): Promise<World> {
  const world =
    shared.get(sharedName) ?? (await makeWorld(typeof options === "function" ? await options() : options));
  shared.set(sharedName, world);
  return world;
}

async function moveIn(world: World, name: string, { label = "", by, atLeast, move }: Moves): Promise<void> {
  const read = () => valueIn(world.server.metrics(), name, label);
  const before = isFromTheStart(name) ? 0 : read();
  const undo = await move(world);
  try {
    const moved = () => read() - before;
    const patience = { timeout: 10_000, interval: 2 };
    if (atLeast !== undefined) await expect.poll(moved, patience).toBeGreaterThanOrEqual(atLeast);
    else if (by === undefined) await expect.poll(moved, patience).not.toBe(0);
    else await expect.poll(moved, patience).toBeCloseTo(by, 6);
  } finally {
    await undo?.();
  }
}

/** It differs from a service that has nothing. */
function isFromTheStart(name: string): boolean {
  return name === "treekeeper_build_info" || name === "treekeeper_sessions_restored";
}

function expectShown(name: string, { shows: value }: SetAtStart): void {
  for (const world of [usual, other]) {
    expect(valueIn(world.server.metrics(), name)).toBe(value(world.settings));
  }
  expect(value(usual.settings)).not.toBe(value(other.settings));
}
