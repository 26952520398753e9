// What every log keeps for those who follow it, of one that is another server's.

import { expect } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { NotAppendedError } from "../../src/store/commit-log.ts";
import { Upstream } from "../../src/store/upstream/upstream.ts";
import { UpstreamLog } from "../../src/store/upstream/upstream-log.ts";
import { test as serverTest } from "../routes/server-fixture.ts";

const test = serverTest.extend<{ log: UpstreamLog }>({
  log: async ({ http }, use) => {
    const upstream = new Upstream({ follow: http.url, followTokenFile: "", followCa: "" });
    const paces = { suspendAfterMs: 60_000, probeEveryMs: 1000, retryMs: 20 };
    const log = new UpstreamLog(upstream, { clock: systemClock, paces }, await upstream.end());
    await use(log);
    await log.close();
    upstream.close();
  },
});

/** Resolves with the positions and lengths that are handed over, up to the last. */
function handed(log: UpstreamLog, after: number, last: number): Promise<(readonly [number, number])[]> {
  const { promise, resolve } = Promise.withResolvers<(readonly [number, number])[]>();
  const told: (readonly [number, number])[] = [];
  log.follow(after, (entries) => {
    told.push(...entries.map(({ lsn, body }) => [lsn, body.byteLength] as const));
    if (told.at(-1)?.[0] === last) resolve(told);
  });
  return promise;
}

test("gives every follower the same entries, dense and in order, from any position and of any size [Z1]", async ({
  keeper,
  log,
}) => {
  const first = handed(log, 0, 60);
  for (let index = 1; index <= 60; index += 1)
    await keeper.create(`/n${index}`, undefined, "x".repeat(index === 30 ? 500_000 : index));
  const all = await first;
  expect(all.map(([lsn]) => lsn)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  expect(Math.max(...all.map(([, bytes]) => bytes))).toBeGreaterThan(500_000);
  for (const after of [0, 1, 29, 30, 59]) expect(await handed(log, after, 60)).toEqual(all.slice(after));
  expect(await log.tail()).toBe(60);
});

test("hands over nothing more while what it handed over is worked off, and then the rest [G4]", async ({
  keeper,
  log,
}) => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const told: number[] = [];
  log.follow(0, (entries) => {
    told.push(...entries.map(({ lsn }) => lsn));
    begun.resolve();
    if (told.at(-1) === 40) done.resolve();
    return gate.promise;
  });
  await keeper.create("/n1");
  await begun.promise;
  const other = handed(log, 0, 40);
  for (let index = 2; index <= 40; index += 1) await keeper.create(`/n${index}`);
  await other;
  expect(told).toEqual([1]);
  gate.resolve();
  await done.promise;
  expect(told).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
});

test("takes nothing, and fails rather than skip entries that are gone", async ({ keeper, log }) => {
  await expect(log.append()).rejects.toThrow(NotAppendedError);
  // The fixture keeps a mebibyte.
  for (let index = 1; index <= 4; index += 1)
    await keeper.create(`/n${index}`, undefined, "x".repeat(600_000));
  const failed = new Promise((resolve) => log.onState(resolve));
  log.follow(0, () => {});
  expect(await failed).toMatchObject({ state: "failed" });
});
