// What a write answers is what it did itself, also where others share its entry of the log: all of an entry is done
// before the first of it is answered.

import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import type { Answer, Http } from "../support/http.ts";
import type { Keeper } from "../support/keeper.ts";
import { test } from "./server-fixture.ts";

/** Sends all, lets none of them into the log before the last has arrived, and gives their answers. */
async function atOnce(keeper: Keeper, sends: readonly (() => Promise<Answer>)[]) {
  keeper.log.hold();
  const answers = sends.map((send) => send());
  while (keeper.store.waitingCount < sends.length) await setImmediate();
  keeper.log.release();
  return (await Promise.all(answers)).map((answer) => ({ status: answer.status, json: answer.json() }));
}

async function tokens(http: Http, count: number): Promise<string[]> {
  const opened = Array.from({ length: count }, () => http.post("/v1/sessions", { json: {} }));
  return (await Promise.all(opened)).map((answer) => String(answer.json().token));
}

const numbers = [1, 2, 3, 4, 5, 6, 7, 8];

test("whoever sets a lock, a quota, a candidate or an instance is answered with what was set", async ({
  http,
  keeper,
}) => {
  await keeper.create("/q");
  const [token = ""] = await tokens(http, 1);
  const own = { headers: { "session-token": token } };
  await http.post("/v1/elections/e/candidates", { json: {}, ...own });
  const sets: readonly [url: string, json: (number: number) => object][] = [
    ["/v1/locks/a", (lockDelayMs) => ({ permits: 10 + lockDelayMs, lockDelayMs })],
    ["/v1/quotas/q", (countHard) => ({ countHard })],
    ["/v1/elections/e/candidates/c-0000000000", (number) => ({ value: `v${number}` })],
    ["/v1/services/s/instances/i", (port) => ({ address: "a", port, tags: [`t${port}`] })],
  ];
  for (const [url, json] of sets) {
    const sends = numbers.map((number) => () => http.put(url, { json: json(number), ...own }));
    const answers = await atOnce(keeper, sends);
    expect(answers.map((answer) => answer.json)).toMatchObject(numbers.map(json));
  }
});

test("whoever adds to a counter is told of its own addition", async ({ http, keeper }) => {
  const add = (by: number) => () => http.post("/v1/counters/c", { json: { by } });
  const answers = await atOnce(keeper, numbers.map(add));
  for (const [index, { json }] of answers.entries()) {
    expect(Number(json.value) - Number(json.previous)).toBe(numbers[index]);
  }
  expect(new Set(answers.map(({ json }) => json.zxid)).size).toBe(numbers.length);
});

test("whoever enters a barrier, or leaves it, is told of those who were in with it", async ({
  http,
  keeper,
}) => {
  const sessions = await tokens(http, numbers.length);
  const pass = (json: object) =>
    atOnce(
      keeper,
      sessions.map(
        (token) => () => http.post("/v1/barriers/b", { json, headers: { "session-token": token } }),
      ),
    );
  const entered = (await pass({ action: "enter", count: 6 })).map(({ status, json }) => [
    json.participantCount,
    json.state,
    status,
  ]);
  expect(entered.sort()).toEqual(
    numbers.map((count) => (count < 6 ? [count, "waiting", 202] : [count, "open", 201])),
  );
  const left = (await pass({ action: "leave" })).map(({ status, json }) => [
    json.participantCount ?? 0,
    json.state,
    status,
  ]);
  expect(left.sort()).toEqual([
    [0, "left", 200],
    ...numbers.slice(0, -1).map((count) => [count, "leaving", 202]),
  ]);
});
