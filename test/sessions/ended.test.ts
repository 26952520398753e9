// Why sessions ended: what is remembered of them, for how long, and who is told.

import { expect } from "vitest";
import {
  EndedSessions,
  endedSession,
  endedSessionsMax,
  whyEnded,
} from "../../src/sessions/ended-sessions.ts";
import { test } from "../routes/server-fixture.ts";
import type { Http } from "../support/http.ts";

interface Opened {
  readonly id: string;
  readonly token: string;
}

async function open(http: Http, name: string, timeoutMs = 10_000): Promise<Opened> {
  return (await http.post("/v1/sessions", { json: { name, timeoutMs } })).json<Opened>();
}

async function ended(http: Http, id: string) {
  return (await http.get(`/v1/admin/ended-sessions/${id}`)).json<Record<string, unknown>>();
}

test("of one that expired it is known for how long nothing was heard of it, and what went with it", async ({
  http,
  keeper,
}) => {
  const { id, token } = await open(http, "web-1");
  const headers = { "session-token": token };
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers });
  await keeper.clock.advance(4000);
  await http.put(`/v1/sessions/${id}`, { headers });
  const lastHeardAtMs = keeper.clock.wallMs();
  await keeper.clock.advance(11_000);
  await expect.poll(() => keeper.exists("/e")).toBe(false);
  const found = await ended(http, id);
  expect(found).toMatchObject({
    ...{ id, name: "web-1", reason: "expired", timeoutMs: 10_000, ephemeralCount: 1, lastHeardAtMs },
    ...{ openedBy: "local", zxid: keeper.store.zxid },
    why: expect.stringMatching(/^Nothing was heard of it for 10(\.\d)? s, and its timeout was 10 s/),
  });
  expect(found).not.toHaveProperty("closedBy");
});

test("of one that was closed it is known who asked, and the last comes first", async ({ http }) => {
  const [first, second] = [await open(http, "first"), await open(http, "second")];
  for (const { id, token } of [first, second])
    await http.delete(`/v1/sessions/${id}`, { headers: { "session-token": token } });
  expect(await ended(http, first.id)).toMatchObject({
    ...{ reason: "closed", closedBy: null, why: "It was closed on request." },
  });
  const page = (await http.get("/v1/admin/ended-sessions", { query: "limit=1" })).json();
  expect(page).toMatchObject({ sessions: [{ id: second.id }], next: second.id });
  const rest = (await http.get("/v1/admin/ended-sessions", { query: `after=${second.id}` })).json();
  expect(rest).toMatchObject({ sessions: [{ id: first.id }] });
  expect(rest).not.toHaveProperty("next");
});

test("of one that is open, or never was, nothing is said but since when it is remembered", async ({
  http,
}) => {
  const { id } = await open(http, "web-1");
  for (const unknown of [id, "0000000000000001"]) {
    const answer = await http.get(`/v1/admin/ended-sessions/${unknown}`);
    expect([answer.status, answer.json().code]).toEqual([404, "no_route"]);
    expect(answer.json().detail).toContain("since 2023-11-14T22:13:20.000Z");
  }
});

test("the oldest are forgotten, and a page goes on behind one that was", () => {
  const remembered = new EndedSessions(0);
  const facts = { reason: "closed", endedAtMs: 5, ephemeralCount: 0, silentMs: 1 } as const;
  const whose = { openedBy: undefined, closedBy: undefined };
  const session = { tokenHash: "", timeoutMs: 1000, name: "", openedZxid: 1, openedAtMs: 0 };
  for (let count = 0; count <= endedSessionsMax; count += 1)
    remembered.add(endedSession({ ...session, id: String(count) }, { ...facts, ...whose, zxid: count }));
  expect(remembered.get("0")).toBeUndefined();
  expect(remembered.get("1")).toBeDefined();
  expect(remembered.list({ limit: 2 })).toMatchObject({
    sessions: [{ id: String(endedSessionsMax) }, { id: String(endedSessionsMax - 1) }],
    next: String(endedSessionsMax - 1),
  });
  expect(remembered.list({ after: "0", limit: 10 })).toEqual({ sessions: [], next: null });
  expect(whyEnded(remembered.list({ limit: 1 }).sessions[0] as never)).toBe(
    "It was closed at another server.",
  );
});
