// Double barriers: so many enter together and leave together, and nobody who was in misses the opening (API section 6).

import { randomBytes } from "node:crypto";
import type { Answer, RequestOptions } from "../support/http.ts";
import {
  test as base,
  encodeSegments,
  expect,
  expectProblem,
  expectStatus,
  type Session,
  tokenOf,
  urlOf,
} from "./fixture.ts";

const test = base.extend<{ barrier: Barrier; sessions: Session[] }>({
  barrier: async ({ http }, use) => {
    const name = `barrier ${randomBytes(8).toString("hex")}`;
    await use(new Barrier((method, path, options) => http.request(method, path, options), name));
    await http.delete(urlOf(`/barriers/${name}`), { query: "recursive=true" });
  },
  sessions: async ({ openSession }, use) => {
    await use([await openSession({ name: "web-1" }), await openSession(), await openSession()]);
  },
});

interface View {
  readonly count: number | null;
  readonly open: boolean;
  readonly participants: readonly { participant: string }[];
  readonly participantCount: number;
}

/** Short ways to ask one barrier. */
class Barrier {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly #request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;

  constructor(
    request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>,
    name: string,
  ) {
    this.name = name;
    this.url = `/v1/barriers${encodeSegments(`/${name}`)}`;
    this.path = `/barriers/${name}`;
    this.#request = request;
  }

  ask(json: object, options: RequestOptions = {}): Promise<Answer> {
    return this.#request("POST", this.url, { json, ...options });
  }

  enter(session: Session, json: object = {}): Promise<Answer> {
    return this.ask({ action: "enter", count: 3, ...json }, tokenOf(session));
  }

  leave(session: Session, json: object = {}): Promise<Answer> {
    return this.ask({ action: "leave", ...json }, tokenOf(session));
  }

  async view(query = ""): Promise<View> {
    return expectStatus(await this.#request("GET", this.url, { query }), 200).json<never>();
  }
}

const first = ([session]: readonly Session[]) => session as Session;
const longest = { waitMs: 60_000 };

test("a barrier opens when so many are in, and answers all who wait for it", async ({
  znodes,
  watch,
  barrier,
  sessions: [one, two, three],
}) => {
  if (one === undefined || two === undefined || three === undefined) throw new Error("three sessions");
  const changes = await watch({ path: barrier.path, scope: "children" });
  const waiting = [barrier.enter(one, longest), barrier.enter(two, longest)];
  await changes.untilChanges(3);
  const { path } = barrier;
  expect(await barrier.view()).toMatchObject({ path, count: 3, open: false, participantCount: 2 });
  const last = expectStatus(await barrier.enter(three), 201);
  expect(last.json()).toEqual({
    ...{ participant: three.id, state: "open", path: `${path}/${three.id}`, count: 3, participantCount: 3 },
    validForMs: last.json().validForMs,
  });
  expect(last.json().validForMs).toBeGreaterThanOrEqual(three.timeoutMs);
  for (const answer of await Promise.all(waiting)) {
    expect(expectStatus(answer, 201).json()).toMatchObject({ state: "open", participantCount: 3 });
  }
  expect(await znodes.children(path)).toEqual([...[one.id, two.id, three.id].sort(), "ready"].sort());
  expect((await znodes.stat(`${path}/${one.id}`)).ephemeralOwner).toBe(one.id);
  expect(await barrier.view()).toMatchObject({ open: true, participantCount: 3 });
  await changes.untilChanges(5);
  expect(changes.named("change").map(({ data }) => (data.events as unknown[]).length)).toEqual([2, 1, 2]);
});

test("who leaves waits until all have left, and the barrier can be used again", async ({
  znodes,
  watch,
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  for (const round of [1, 2]) {
    expectStatus(await barrier.enter(one, { count: 2 }), 202);
    expectStatus(await barrier.enter(two, { count: 2 }), 201);
    expectStatus(await barrier.enter(one, { count: 2 }), 201);
    const changes = await watch({ path: barrier.path, scope: "children" });
    const leaving = barrier.leave(one, longest);
    await changes.untilChanges(1);
    const early = expectStatus(await barrier.leave(one, { waitMs: 1 }), 202);
    expect(early.json(), `round ${round}`).toEqual({
      participant: one.id,
      state: "leaving",
      participantCount: 1,
    });
    const last = expectStatus(await barrier.leave(two), 200);
    expect(last.json()).toEqual({ participant: two.id, state: "left" });
    expect(expectStatus(await leaving, 200).json()).toEqual({ participant: one.id, state: "left" });
    expect(await znodes.children(barrier.path)).toEqual([]);
    expect(await barrier.view()).toMatchObject({
      count: 2,
      open: false,
      participants: [],
      participantCount: 0,
    });
    expectStatus(await barrier.leave(one, longest), 200);
  }
});

test("who was in when it opened gets in, even if all others have left before it looks", async ({
  barrier,
  sessions: [slow, fast],
}) => {
  if (slow === undefined || fast === undefined) throw new Error("two sessions");
  expectStatus(await barrier.enter(slow, { count: 2 }), 202);
  expectStatus(await barrier.enter(fast, { count: 2 }), 201);
  expectStatus(await barrier.leave(fast), 202);
  expect(await barrier.view()).toMatchObject({ open: true, participantCount: 1 });
  expect(expectStatus(await barrier.enter(slow, { count: 2 }), 201).json()).toMatchObject({
    participantCount: 1,
  });
  expectStatus(await barrier.leave(slow), 200);
  expectStatus(await barrier.leave(fast), 200);
});

test("entering without waiting keeps the place, and entering again finds it", async ({
  barrier,
  sessions,
}) => {
  const session = first(sessions);
  const answer = expectStatus(await barrier.enter(session), 202).json();
  const { participant, path } = { participant: session.id, path: `${barrier.path}/${session.id}` };
  expect(answer).toEqual({ participant, state: "waiting", path, count: 3, participantCount: 1 });
  expect((await barrier.enter(session, { waitMs: 1 })).json()).toEqual(answer);
  expect((await barrier.view()).participants).toEqual([
    { participant, path, session: session.id, sessionName: "web-1" },
  ]);
});

test("who leaves a barrier that is not open yet waits for nobody", async ({
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  await barrier.enter(one);
  await barrier.enter(two);
  expectStatus(await barrier.leave(one, longest), 200);
  expect(await barrier.view()).toMatchObject({ open: false, participantCount: 1 });
});

test("one session may speak for several participants, and for no other session's", async ({
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  expectStatus(await barrier.enter(one, { count: 2, participant: "a" }), 202);
  expectProblem(await barrier.enter(two, { count: 2, participant: "a" }), 409, "not_holder");
  expectProblem(await barrier.leave(two, { participant: "a" }), 409, "not_holder");
  expectStatus(await barrier.enter(one, { count: 2, participant: "b" }), 201);
  expect((await barrier.view("limit=1")).participants).toMatchObject([{ participant: "a", session: one.id }]);
  expect(await barrier.view()).toMatchObject({ open: true, participantCount: 2 });
});

test("all who are in agree on the count; with nobody in it may change", async ({
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  await barrier.enter(one);
  expectProblem(await barrier.enter(two, { count: 2 }), 409, "count_differs");
  expectProblem(await barrier.enter(one, { count: 2 }), 409, "count_differs");
  expectProblem(await barrier.leave(one, { count: 2 }), 409, "count_differs");
  expect(await barrier.view()).toMatchObject({ count: 3, participantCount: 1 });
  expectStatus(await barrier.leave(one, { count: 3 }), 200);
  expectStatus(await barrier.enter(two, { count: 1 }), 201);
  expect(await barrier.view()).toMatchObject({ count: 1, open: true });
});

test("the end of a participant's session lets those who leave go, and ends the round", async ({
  http,
  znodes,
  watch,
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  await barrier.enter(one, { count: 2 });
  expectStatus(await barrier.enter(two, { count: 2 }), 201);
  const changes = await watch({ path: barrier.path, scope: "children" });
  const leaving = barrier.leave(one, longest);
  await changes.untilChanges(1);
  expectStatus(await http.delete(`/v1/sessions/${two.id}`, tokenOf(two)), 204);
  expectStatus(await leaving, 200);
  expect(await znodes.children(barrier.path)).toEqual([]);
  expectStatus(await barrier.enter(one, { count: 2 }), 202);
});

test("who waits to enter and whose session ends, or who is taken out, is told", async ({
  http,
  znodes,
  watch,
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  const changes = await watch({ path: barrier.path, scope: "children" });
  const waiting = [barrier.enter(one, longest), barrier.enter(two, longest)];
  await changes.untilChanges(3);
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  await znodes.delete(`${barrier.path}/${two.id}`);
  const [ended, removed] = await Promise.all(waiting);
  if (ended === undefined || removed === undefined) throw new Error("two answers");
  expectProblem(ended, 410, "session_expired");
  expectProblem(removed, 404, "no_claim");
});

test("clients of the znode recipe take part in the same barrier", async ({
  znodes,
  watch,
  barrier,
  sessions: [ours, theirs],
}) => {
  if (ours === undefined || theirs === undefined) throw new Error("two sessions");
  const { path } = barrier;
  const changes = await watch({ path, scope: "children" });
  // They fill it and so they make the mark; ours hears of it.
  const waiting = barrier.enter(ours, { count: 2, ...longest });
  await changes.untilChanges(2);
  await znodes.create(`${path}/theirs`, "", { query: "ephemeral=true", ...tokenOf(theirs) });
  await znodes.create(`${path}/ready`);
  expectStatus(await waiting, 201);
  const leaving = barrier.leave(ours, longest);
  await changes.untilChanges(5);
  await znodes.delete(`${path}/theirs`);
  expectStatus(await leaving, 200);
  // The mark they leave behind is of the round that is over.
  expect(await znodes.children(path)).toEqual(["ready"]);
  expect(await barrier.view()).toMatchObject({ open: false, participantCount: 0 });
  // Ours fills it, and so the mark they wait for comes with it.
  expectStatus(await barrier.enter(ours, { count: 2 }), 202);
  expect(await znodes.children(path)).toEqual([ours.id]);
  await barrier.leave(ours);
  await znodes.create(`${path}/theirs`, "", { query: "ephemeral=true", ...tokenOf(theirs) });
  expectStatus(await barrier.enter(ours, { count: 2 }), 201);
  expect(await znodes.exists(`${path}/ready`)).toBe(true);
});

test("data that says no count means none, and the next who enters says it", async ({
  znodes,
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  for (const data of ["ten", "{}", '{"count":0}', '{"count":"3"}', "[3]", "null", " ".repeat(2000)]) {
    await znodes.create(barrier.path, data, { query: "parents=true" });
    await znodes.create(`${barrier.path}/theirs`, "", { query: "ephemeral=true", ...tokenOf(two) });
    expect(await barrier.view(), data).toMatchObject({ count: null, open: false, participantCount: 1 });
    expectStatus(await barrier.enter(one, { count: 2 }), 201);
    expect((await znodes.read(barrier.path)).data).toBe('{"count":2}');
    await znodes.delete(barrier.path, { query: "recursive=true" });
  }
});

test("a mark that somebody gave children keeps nobody in, and nobody passes by it", async ({
  znodes,
  barrier,
  sessions,
}) => {
  const session = first(sessions);
  expectStatus(await barrier.enter(session, { count: 1 }), 201);
  await znodes.create(`${barrier.path}/ready/x`);
  expectStatus(await barrier.leave(session), 200);
  const problem = expectProblem(await barrier.enter(session, { count: 1 }), 409, "not_empty");
  expect(problem).toMatchObject({ path: `${barrier.path}/ready` });
  expect(await znodes.children(barrier.path)).toEqual(["ready"]);
});

test("an Idempotency-Key finds the participant it made, and answers where that is now [D19]", async ({
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  const headers = { ...tokenOf(one).headers, "idempotency-key": randomBytes(8).toString("hex") };
  const enter = () => barrier.ask({ action: "enter", count: 2 }, { headers });
  expectStatus(await enter(), 202);
  expectStatus(await barrier.enter(two, { count: 2 }), 201);
  const again = expectStatus(await enter(), 201);
  expect(again.header("idempotency-replayed")).toBe("true");
  const leaveHeaders = { ...headers, "idempotency-key": randomBytes(8).toString("hex") };
  const leave = () => barrier.ask({ action: "leave" }, { headers: leaveHeaders });
  expectStatus(await leave(), 202);
  expectProblem(await enter(), 404, "no_claim");
  expectStatus(await barrier.leave(two), 200);
  // A round of others is none that it has left.
  expectStatus(await barrier.enter(two, { count: 1 }), 201);
  expectStatus(await leave(), 200);
  expectProblem(await barrier.ask({ action: "leave", count: 1 }, { headers }), 422, "idempotency_key_reused");
});

test("who wants in must be somebody, and say for how many", async ({ http, barrier, sessions }) => {
  const session = first(sessions);
  expectProblem(await barrier.ask({ action: "enter", count: 2 }), 400, "session_required");
  expectProblem(await barrier.ask({ action: "leave" }), 400, "session_required");
  const stranger = { headers: { "session-token": "none" } };
  expectProblem(await barrier.ask({ action: "enter", count: 2 }, stranger), 410, "session_expired");
  expectProblem(await http.get(barrier.url, stranger), 410, "session_expired");
  const bounds = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>().bounds;
  const above = (bounds.barrierCountMax as number) + 1;
  for (const count of [undefined, 0, -1, 1.5, "3", null, above]) {
    expectProblem(await barrier.enter(session, { count }), 400, "bad_request");
  }
  const tooMany = expectProblem(await barrier.enter(session, { count: above }), 400, "bad_request");
  expect(tooMany).toMatchObject({ limit: "barrierCountMax", limitValue: above - 1, size: above });
  for (const waitMs of [-1, 60_001, 0.5, "1"]) {
    expectProblem(await barrier.enter(session, { waitMs }), 400, "bad_request");
    expectProblem(await barrier.leave(session, { waitMs }), 400, "bad_request");
  }
  for (const action of ["open", "", null]) {
    expectProblem(await barrier.enter(session, { action }), 400, "bad_request");
  }
  expectProblem(await barrier.enter(session, { action: undefined }), 400, "bad_request");
  expectProblem(await barrier.enter(session, { what: 1 }), 400, "bad_request");
  expect(await barrier.view()).toMatchObject({
    count: null,
    open: false,
    participants: [],
    participantCount: 0,
  });
});

test("names are one path segment, and the mark's name is nobody's", async ({ http, barrier, sessions }) => {
  const session = first(sessions);
  for (const participant of ["", "a/b", ".", "..", "\u0001", "x".repeat(256)]) {
    expectProblem(await barrier.enter(session, { participant }), 400, "bad_path");
    expectProblem(await barrier.leave(session, { participant }), 400, "bad_path");
  }
  expectProblem(await barrier.enter(session, { participant: "ready" }), 403, "reserved_path");
  expectProblem(await barrier.leave(session, { participant: "ready" }), 403, "reserved_path");
  for (const name of ["a%2Fb", "%01", ".", "x".repeat(256)]) {
    const answer = await http.rawRequest("GET", `/v1/barriers/${name}`);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "bad_path"]);
  }
  expectStatus(await barrier.enter(session, { participant: "x".repeat(255), count: 1 }), 201);
});

test("a barrier counts in the quota over it, and a refused entry changes nothing", async ({
  http,
  znodes,
  barrier,
  sessions: [one, two],
}) => {
  if (one === undefined || two === undefined) throw new Error("two sessions");
  await barrier.enter(one, { count: 2 });
  const url = `/v1/quotas/barriers/${encodeURIComponent(barrier.name)}`;
  expectStatus(await http.put(url, { json: { countHard: 3 } }), 201);
  // The participant would be the third znode, and the mark the fourth.
  expectProblem(await barrier.enter(two, { count: 2 }), 403, "quota_exceeded");
  expect(await znodes.children(barrier.path)).toEqual([one.id]);
});
