// What probes are told: whether the process runs, and whether it can serve writes.

import { expect } from "vitest";
import { Housekeeper } from "../../src/duties/housekeeper.ts";
import { Health } from "../../src/routes/operations/health-checks.ts";
import { type Stall, StallWatch } from "../../src/store/stall-watch.ts";
import { turnOnAccess } from "../support/access.ts";
import { FakeClock } from "../support/fake-clock.ts";
import type { Http } from "../support/http.ts";
import { Keeper, plain } from "../support/keeper.ts";
import { newLogPlace } from "../support/logs.ts";
import { readDocument } from "../support/markdown.ts";
import { test } from "./server-fixture.ts";

interface ShownCheck {
  readonly name: string;
  readonly status: string;
  readonly sentence: string;
  readonly cause?: string;
  readonly sinceMs: number;
}

const json = { headers: { accept: "application/json" } };

async function readiness(http: Http) {
  const answer = await http.get("/readyz", json);
  const { ready, checks } = answer.json<{ ready: boolean; checks: ShownCheck[] }>();
  const failed = checks.filter(({ status }) => status === "failed").map(({ name }) => name);
  return { status: answer.status, ready, checks, failed };
}

/** Of one check, where nothing but the store is needed. */
function statusOf(health: Health, name: string): string | undefined {
  return health.report().find((check) => check.name === name)?.status;
}

test("a disk that hangs makes the service not ready with that cause, alive all the time, and ready when it goes on", async ({
  http,
  keeper,
}) => {
  const stalls: Stall[] = [];
  const watch = new StallWatch(keeper.store, 5000, (stall) => stalls.push(stall));
  const ready = async () => {
    const { status, text } = await http.get("/readyz");
    return `${status} ${text}`;
  };
  expect(await ready()).toBe("200 ok\n");
  keeper.log.hold();
  const write = keeper.create("/a");
  const late = keeper.create("/b");
  await expect.poll(() => keeper.store.waitingCount).toBe(2);
  await keeper.clock.advance(4900);
  const before = await ready();
  await keeper.clock.advance(20_000);
  const during = [await ready(), (await http.get("/livez")).status, (await http.get("/v1/znodes")).status];
  keeper.log.release();
  await Promise.all([write, late]);
  expect(before).toBe("200 ok\n");
  const cause =
    /^503 \[\+\] log ok since [^\n]+\n\[-\] disk failed since [^ ]+: It does not answer. \(a write has waited for it for 24\d{3} ms, longer than appendMsMax \(5000\)\)\n/;
  expect(during).toEqual([expect.stringMatching(cause), 200, 200]);
  expect(await ready()).toBe("200 ok\n");
  await keeper.clock.advance(1000);
  watch.stop();
  expect(stalls.map(({ isOver }) => isOver)).toEqual([false, true]);
  expect(stalls[1]?.waitedMs).toBeGreaterThan(23_000);
});

test("a disk that answers each write in time is a slow one and no more, however long it goes on", async ({
  http,
  keeper,
}) => {
  for (const path of ["/a", "/b", "/c"]) {
    keeper.log.hold();
    const write = keeper.create(path);
    await expect.poll(() => keeper.store.oldestAppendMs + keeper.store.waitingCount).toBe(1);
    await keeper.clock.advance(4000);
    keeper.log.release();
    await write;
    expect((await http.get("/readyz")).status).toBe(200);
  }
});

test("each check is named with what it means and since when, as lines and as JSON", async ({
  http,
  keeper,
}) => {
  const names = ["log", "disk", "room", "replay", "housekeeper", "event_loop", "serving"];
  const { text } = await http.get("/readyz", { query: "verbose" });
  const lines = text.trim().split("\n");
  const start = new Date(keeper.clock.wallMs()).toISOString();
  expect(lines.map((line) => line.replace(/: .*/, ""))).toEqual(
    names.map((name) => `[+] ${name} ok since ${start}`),
  );
  const asJson = await readiness(http);
  expect(asJson).toMatchObject({ status: 200, ready: true, failed: [] });
  expect(asJson.checks.map(({ name }) => name)).toEqual(names);
  const table = readDocument("docs/operations.md").split("| check |")[1]?.split("\n\n")[0] ?? "";
  expect(Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name)).toEqual(
    // Only several servers have it.
    names.toSpliced(names.indexOf("housekeeper"), 0, "etcd"),
  );
});

test("a log without room fails two checks, says so in both forms, and since when by the clock", async ({
  http,
  keeper,
}) => {
  await keeper.clock.advance(60_000);
  keeper.log.injectFault("notAppended");
  await expect(keeper.create("/a")).rejects.toMatchObject({ code: "read_only" });
  const shortMs = keeper.clock.wallMs();
  await keeper.clock.advance(30_000);
  const short = await readiness(http);
  expect(short).toMatchObject({ status: 503, ready: false, failed: ["log", "room"] });
  const { sinceMs = 0, cause } = short.checks[2] ?? {};
  expect([sinceMs >= shortMs, sinceMs <= shortMs + 1000, cause]).toEqual([
    true,
    true,
    "The log has no room.",
  ]);
  expect((await http.get("/readyz")).text).toContain("[-] room failed since ");
});

test("where access control is on, everybody is told what fails, and nobody the figures", async ({
  http,
  keeper,
}) => {
  await turnOnAccess(keeper.store);
  keeper.log.injectFault("notAppended");
  await keeper.create("/a", plain, "", { principal: "system" }).catch(() => {});
  const { status, checks, failed } = await readiness(http);
  expect([status, failed]).toEqual([503, ["log", "room"]]);
  expect(checks.filter(({ cause }) => cause !== undefined)).toEqual([]);
  expect((await http.get("/readyz?verbose")).text).not.toContain("The log has no room");
});

test("an event loop that is late again and again fails, one pause does not, and it heals", async ({
  http,
  keeper,
}) => {
  const failed = async () => (await readiness(http)).failed;
  await keeper.clock.stall(60_000);
  await keeper.clock.advance(5000);
  expect(await failed()).toEqual([]);
  for (let pause = 0; pause < 3; pause += 1) await keeper.clock.stall(2500);
  expect(await failed()).toEqual(["event_loop"]);
  await keeper.clock.advance(1000);
  expect(await failed()).toEqual([]);
});

test("a server that stops is not ready", async ({ keeper }) => {
  let isStopping = false;
  const parts = { store: keeper.store, limits: { appendMsMax: 5000 }, isStopping: () => isStopping };
  const health = new Health(parts);
  expect(statusOf(health, "serving")).toBe("ok");
  isStopping = true;
  expect(statusOf(health, "serving")).toBe("failed");
  health.stop();
});

test("without a housekeeper it is not ready", async ({ keeper }) => {
  const housekeeper = new Housekeeper(keeper.store, []);
  const parts = { store: keeper.store, limits: { appendMsMax: 5000 }, isStopping: () => false, housekeeper };
  const health = new Health(parts);
  expect(statusOf(health, "housekeeper")).toBe("failed");
  housekeeper.start();
  await keeper.clock.advance(0);
  expect(statusOf(health, "housekeeper")).toBe("ok");
  housekeeper.stop();
  health.stop();
});

/** Each look at it takes time. */
class SlowClock extends FakeClock {
  #ms = 0;

  override monotonicMs(): number {
    this.#ms += 20;
    return super.monotonicMs() + this.#ms;
  }
}

test("a server that has much of its log to catch up with is not ready until it has", async () => {
  const place = newLogPlace();
  const first = new Keeper(new FakeClock(), await place.open("first"));
  await first.store.start();
  for (let count = 0; count < 60; count += 1) await first.create(`/a${count}`);
  const second = new Keeper(new SlowClock(), await place.open("second"));
  const parts = { store: second.store, limits: { appendMsMax: 5000 }, isStopping: () => false };
  const health = new Health(parts);
  const seen = new Set<string | undefined>();
  let isStarted = false;
  const started = second.store.start().then(() => {
    isStarted = true;
  });
  while (!isStarted) {
    seen.add(statusOf(health, "replay"));
    await new Promise(setImmediate);
  }
  await started;
  expect([...seen]).toContain("failed");
  await expect.poll(() => statusOf(health, "replay")).toBe("ok");
  health.stop();
  await Promise.all([first.store.close(), second.store.close()]);
});
