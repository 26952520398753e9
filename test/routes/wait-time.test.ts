// Answers that are held back come before the time is up: a proxy that waits no longer than its client asked for still
// passes them on.

import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { heldBackMs } from "../../src/routes/wire/wait-time.ts";
import type { Answer, Http } from "../support/http.ts";
import { test } from "./server-fixture.ts";

const waitMs = 60_000;
const timeoutMs = 3_600_000;

async function openSession(http: Http) {
  const { token } = (await http.post("/v1/sessions", { json: { timeoutMs } })).json<{ token: string }>();
  return { headers: { "session-token": token } };
}

test("a wait ends early by a sixteenth at most, and never by less than a sixty-fourth", () => {
  for (let count = 0; count < 1000; count += 1) {
    expect(heldBackMs(waitMs)).toBeGreaterThanOrEqual((waitMs * 15) / 16);
    expect(heldBackMs(waitMs)).toBeLessThanOrEqual((waitMs * 63) / 64);
  }
});

test("whatever waits is answered before its time is up", async ({ http, keeper }) => {
  const [holder, one, two] = [await openSession(http), await openSession(http), await openSession(http)];
  const enter = { action: "enter", count: 2 };
  await http.post("/v1/locks/a/claims", { json: {}, ...holder });
  await http.post("/v1/elections/a/candidates", { json: {}, ...holder });
  for (const session of [holder, one]) await http.post("/v1/barriers/open", { json: enter, ...session });
  const unchanged = () => ({ query: { waitAfterZxid: keeper.store.zxid, waitMs } });
  const asks: readonly [status: number, ask: () => Promise<Answer>][] = [
    [202, () => http.post("/v1/locks/a/claims", { json: { waitMs }, ...one })],
    [200, () => http.get("/v1/locks/a/claims/x-0000000001", { query: { waitMs } })],
    [202, () => http.post("/v1/elections/a/candidates", { json: { waitMs }, ...one })],
    [200, () => http.get("/v1/elections/a/candidates/c-0000000001", { query: { waitMs } })],
    [202, () => http.post("/v1/barriers/b", { json: { ...enter, waitMs }, ...two })],
    [202, () => http.post("/v1/barriers/open", { json: { action: "leave", waitMs }, ...one })],
    [200, () => http.get("/v1/znodes/locks/a", unchanged())],
    [200, () => http.get("/v1/children/locks", unchanged())],
  ];
  for (const [status, ask] of asks) {
    const answer = ask();
    while (!keeper.clock.hasTimerIn((waitMs * 15) / 16, waitMs)) await setImmediate();
    await keeper.clock.advance((waitMs * 63) / 64);
    expect((await answer).status).toBe(status);
  }
});
