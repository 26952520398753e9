// Waiting at a barrier, with a clock that the test moves: who is answered and when, what keeps a session alive meanwhile,
// and what becomes of who goes away.

import { expect } from "vitest";
import { Coordination } from "../../src/coordination/coordination.ts";
import type { EnterBarrier } from "../../src/core/coordination/coordination-command.ts";
import { test as serverTest } from "../routes/server-fixture.ts";
import { type Answer, type EventStream, Http } from "../support/http.ts";
import { type Keeper, test as keeperTest } from "../support/keeper.ts";
import { test as processTest } from "../support/process.ts";

interface Session {
  readonly id: string;
  readonly token: string;
}

const url = "/v1/barriers/b";
const hour = 3_600_000;
const longest = { waitMs: 60_000 };

const test = serverTest.extend<{ changes: EventStream }>({
  /** Everything that happens to the barrier's children from now on. */
  changes: async ({ http }, use) => {
    const stream = await http.stream("/v1/watch", { query: { path: "/barriers/b", scope: "children" } });
    await stream.untilEvent("synced");
    await use(stream);
    stream.close();
  },
});

async function open(http: Http, timeoutMs = hour): Promise<Session> {
  return (await http.post("/v1/sessions", { json: { timeoutMs } })).json<never>();
}

function enter(http: Http, { token }: Session, json: object = {}): Promise<Answer> {
  return http.post(url, {
    json: { action: "enter", count: 2, ...json },
    headers: { "session-token": token },
  });
}

function leave(http: Http, { token }: Session, json: object = {}): Promise<Answer> {
  return http.post(url, { json: { action: "leave", ...json }, headers: { "session-token": token } });
}

async function countIn(http: Http): Promise<unknown> {
  return (await http.get(url)).json().participantCount;
}

/** A request on a connection of its own, which can be lost. */
async function begin(http: Http, { token }: Session, headers = "") {
  const socket = await http.connect();
  const body = '{"action":"enter","count":3,"waitMs":60000}';
  socket.write(
    `POST ${url} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${token}\r\n${headers}` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

test("the one that fills a barrier answers all who wait there, and nobody at another", async ({
  http,
  changes,
}) => {
  const count = 50;
  const elsewhere = await open(http);
  const other = http.post("/v1/barriers/other", {
    json: { action: "enter", count: 2, ...longest },
    headers: { "session-token": elsewhere.token },
  });
  let isOtherAnswered = false;
  void other.then(() => {
    isOtherAnswered = true;
  });
  const answered: number[] = [];
  const waiting: Promise<number>[] = [];
  for (let index = 1; index < count; index += 1) {
    const answer = enter(http, await open(http), { count, ...longest });
    waiting.push(answer.then(({ status }) => answered.push(status)));
    await changes.untilChanges(index + 1);
  }
  expect(answered).toEqual([]);
  const last = await enter(http, await open(http), { count });
  expect([last.status, last.json().participantCount]).toEqual([201, count]);
  await Promise.all(waiting);
  expect(answered).toEqual(Array.from({ length: count - 1 }, () => 201));
  await http.get(url);
  expect(isOtherAnswered).toBe(false);
  await http.post("/v1/barriers/other", {
    json: { action: "leave" },
    headers: { "session-token": elsewhere.token },
  });
  expect((await other).code).toBe("no_claim");
});

test("who waits longer than its session may be silent is kept alive, on the way in and out [N7]", async ({
  http,
  keeper,
  changes,
}) => {
  const [one, two] = [await open(http, 1000), await open(http)];
  const entering = enter(http, one, longest);
  await changes.untilChanges(2);
  await keeper.clock.advance(20_000);
  await enter(http, two);
  expect((await entering).json()).toMatchObject({ state: "open", validForMs: 21_000 });
  const leaving = leave(http, one, longest);
  await changes.untilEvent("change", 3);
  await keeper.clock.advance(20_000);
  await leave(http, two);
  expect((await leaving).json()).toMatchObject({ state: "left" });
  expect((await http.get(`/v1/sessions/${one.id}`)).status).toBe(200);
  await keeper.clock.advance(2000);
  expect((await http.get(`/v1/sessions/${one.id}`)).status).toBe(410);
});

test("when the time is up the place is kept, and asking again goes on waiting there", async ({
  http,
  keeper,
  changes,
}) => {
  const [one, two] = [await open(http), await open(http)];
  const entering = enter(http, one, { waitMs: 700 });
  await changes.untilChanges(2);
  await keeper.clock.advance(700);
  expect((await entering).json()).toMatchObject({ state: "waiting", participantCount: 1 });
  const again = enter(http, one, longest);
  await http.get("/livez");
  await enter(http, two);
  expect((await again).status).toBe(201);
  const leaving = leave(http, one, { waitMs: 700 });
  await changes.untilEvent("change", 3);
  await keeper.clock.advance(700);
  expect((await leaving).json()).toMatchObject({ state: "leaving", participantCount: 1 });
});

test("who goes away while it waits to enter is in no more, unless it said that it will come back", async ({
  http,
  changes,
}) => {
  const [fickle, patient, third] = [await open(http), await open(http), await open(http)];
  const first = await begin(http, patient, "Idempotency-Key: mine\r\n");
  await changes.untilChanges(2);
  const second = await begin(http, fickle);
  await changes.untilChanges(3);
  first.destroy();
  second.destroy();
  expect((await changes.untilChanges(4)).at(-1)).toBe(`deleted /barriers/b/${fickle.id}`);
  expect((await enter(http, third, { count: 3 })).json()).toMatchObject({
    state: "waiting",
    participantCount: 2,
  });
  expect((await enter(http, fickle, { count: 3 })).status).toBe(201);
  expect((await enter(http, patient, { count: 3 })).status).toBe(201);
});

test("a client that asked twice stays in when the first of its connections is lost", async ({
  http,
  changes,
}) => {
  const [one, two, three] = [await open(http), await open(http), await open(http)];
  const socket = await begin(http, one);
  await changes.untilChanges(2);
  const asked = enter(http, one, { count: 3, ...longest });
  await http.get("/livez");
  await http.get(url);
  socket.destroy();
  await enter(http, two, { count: 3 });
  await enter(http, three, { count: 3 });
  expect((await asked).status).toBe(201);
});

test("who is gone when it was let in is out again, so that nobody waits for it on the way out", async ({
  http,
  changes,
}) => {
  const [one, two] = [await open(http), await open(http)];
  const socket = await http.connect();
  const body = '{"action":"enter","count":2,"waitMs":60000}';
  const length = `Content-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(`POST ${url} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${one.token}\r\n${length}`);
  await changes.untilChanges(2);
  socket.destroy();
  await changes.untilChanges(3);
  expect((await enter(http, two)).json()).toMatchObject({ state: "waiting", participantCount: 1 });
  expect(await countIn(http)).toBe(1);
});

function entering(sessionId: string, count = 2): EnterBarrier {
  return { type: "enterBarrier", name: "b", count, sessionId };
}

async function waitsAt(keeper: Keeper) {
  const coordination = new Coordination(keeper.store, { claimWaitersMax: 1 });
  const sessions = [await keeper.openSession(), await keeper.openSession()] as const;
  const { outcome } = await keeper.store.submit(entering(sessions[0]));
  return { coordination, sessions, ...outcome };
}

keeperTest(
  "what opened and emptied before anybody looked has let in whoever was waiting",
  async ({ keeper }) => {
    const { coordination, sessions, path } = await waitsAt(keeper);
    const [slow, fast] = sessions;
    const wait = coordination.barriers.untilOpen(path);
    await keeper.store.submitAll([
      entering(fast),
      { type: "leaveBarrier", name: "b", sessionId: fast },
      { type: "leaveBarrier", name: "b", sessionId: slow },
    ]);
    expect(await wait.end).toBe("open");
    expect(keeper.children("/barriers/b")).toEqual([]);
    coordination.stop();
  },
);

keeperTest(
  "what emptied and opened again before anybody looked has let out whoever was leaving",
  async ({ keeper }) => {
    const { coordination, sessions } = await waitsAt(keeper);
    const [one, two] = sessions;
    await keeper.store.submit(entering(two));
    const { round } = (await keeper.store.submit({ type: "leaveBarrier", name: "b", sessionId: one }))
      .outcome;
    if (round === null) throw new Error("nobody is in");
    const wait = coordination.barriers.untilOver("/barriers/b", round);
    await keeper.store.submitAll([
      { type: "closeSession", sessionId: two, reason: "session_expired" },
      entering(one, 1),
    ]);
    expect(await wait.end).toBe("over");
    expect(keeper.children("/barriers/b")).toContain("ready");
    coordination.stop();
  },
);

keeperTest("who waits may leave twice, and a stop ends every wait", async ({ keeper }) => {
  const { coordination, path } = await waitsAt(keeper);
  const wait = coordination.barriers.untilOpen(path);
  for (const leave of [wait.leave, wait.leave]) leave();
  const last = coordination.barriers.untilOver("/barriers/b", 1);
  coordination.stop();
  expect(await last.end).toBe("stopping");
});

processTest(
  "a planned stop answers those who wait, and who is in stays in over it and over a kill",
  async ({ start }) => {
    let server = await start();
    let http = new Http(server.url);
    const [one, two] = [await open(http), await open(http)];
    const changes = await http.stream("/v1/watch", { query: { path: "/barriers/b", scope: "children" } });
    const waiting = enter(http, one, longest);
    await changes.untilChanges(1);
    const ended = server.terminate();
    expect((await waiting).json()).toMatchObject({ state: "waiting", participantCount: 1 });
    expect(await ended).toMatchObject({ code: 0 });
    server = await start();
    http = new Http(server.url);
    expect((await enter(http, two)).status).toBe(201);
    await server.kill();
    http = new Http((await start()).url);
    expect((await enter(http, one)).status).toBe(201);
    const leaving = leave(http, one, longest);
    await http.get(url);
    await leave(http, two);
    expect((await leaving).status).toBe(200);
    expect(await countIn(http)).toBe(0);
  },
);
