// Waiting for a lock over HTTP, with a clock that the test moves: who is answered and when, what keeps a session alive
// meanwhile, and what becomes of the place of who goes away.

import { expect } from "vitest";
import { Coordination } from "../../src/coordination/coordination.ts";
import { systemContext } from "../../src/core/reader.ts";
import { test as serverTest } from "../routes/server-fixture.ts";
import type { Answer, EventStream, Http } from "../support/http.ts";
import { bytes, test as keeperTest, refusal } from "../support/keeper.ts";

interface Session {
  readonly id: string;
  readonly token: string;
}

interface Claim {
  readonly id: string;
  readonly state: string;
  readonly fence: number;
  readonly validForMs: number;
}

interface WaitingFixture {
  openSession: (timeoutMs?: number) => Promise<Session>;
  /** Everything that happens to the lock's children from now on. */
  changes: EventStream;
}

const claimsUrl = "/v1/locks/a/claims";
const hour = 3_600_000;

const test = serverTest.extend<WaitingFixture>({
  openSession: async ({ http }, use) => {
    await use(async (timeoutMs = hour) =>
      (await http.post("/v1/sessions", { json: { timeoutMs } })).json<never>(),
    );
  },
  changes: async ({ http }, use) => {
    const stream = await http.stream("/v1/watch", { query: { path: "/locks/a", scope: "children" } });
    await stream.untilEvent("synced");
    await use(stream);
    stream.close();
  },
});

function claim(http: Http, { token }: Session, json: object = {}): Promise<Answer> {
  return http.post(claimsUrl, { json, headers: { "session-token": token } });
}

function release(http: Http, { token }: Session, id: string): Promise<Answer> {
  return http.delete(`${claimsUrl}/${id}`, { headers: { "session-token": token } });
}

async function isQueue(http: Http, ids: readonly string[]): Promise<void> {
  const { holders, queue } = (await http.get("/v1/locks/a")).json<{ holders: Claim[]; queue: Claim[] }>();
  expect([...holders, ...queue].map(({ id }) => id)).toEqual(ids);
}

test("of a hundred who wait each release answers exactly one, in the order they came", async ({
  http,
  openSession,
  changes,
}) => {
  const holder = await openSession();
  const first = (await claim(http, holder)).json<never>() as Claim;
  const sessions: Session[] = [];
  const answered: { session: Session; claim: Claim; status: number }[] = [];
  const answers: Promise<void>[] = [];
  for (let count = 0; count < 100; count += 1) {
    const session = await openSession();
    sessions.push(session);
    const answer = claim(http, session, { waitMs: 60_000 });
    answers.push(
      answer.then(({ status, ...rest }) => {
        answered.push({ session, status, claim: JSON.parse(Buffer.from(rest.bytes).toString()) });
      }),
    );
    await changes.untilChanges(3 + count);
  }
  expect(answered).toEqual([]);
  let last = { session: holder, claim: first };
  for (const [index, session] of sessions.entries()) {
    await release(http, last.session, last.claim.id);
    await answers[index];
    const { holders, waitingCount } = (await http.get("/v1/locks/a")).json<never>();
    expect(answered).toHaveLength(index + 1);
    const next = answered[index] as (typeof answered)[0];
    expect([next.session, next.status, next.claim.state]).toEqual([session, 201, "held"]);
    expect(holders).toMatchObject([{ id: next.claim.id }]);
    expect(waitingCount).toBe(99 - index);
    expect(next.claim.fence).toBeGreaterThan(last.claim.fence);
    last = next;
  }
});

test("a release wakes the next group of readers at once, and not those behind the next writer", async ({
  http,
  openSession,
  changes,
}) => {
  const sessions: Session[] = [];
  for (let count = 0; count < 5; count += 1) sessions.push(await openSession());
  const [holder, one, two, writer, late] = sessions as [Session, Session, Session, Session, Session];
  const { id } = (await claim(http, holder)).json<never>() as Claim;
  const answers: Promise<Answer>[] = [];
  for (const [index, session] of [one, two, writer, late].entries()) {
    const mode = session === writer ? "exclusive" : "shared";
    answers.push(claim(http, session, { mode, waitMs: 60_000 }));
    await changes.untilChanges(3 + index);
  }
  await release(http, holder, id);
  for (const [index, session] of [one, two].entries()) {
    const answer = (await answers[index]) as Answer;
    expect(answer.status).toBe(201);
    expect((await http.get("/v1/locks/a")).json()).toMatchObject({ holderCount: 2 - index, waitingCount: 2 });
    await release(http, session, (answer.json<never>() as Claim).id);
  }
  const third = ((await answers[2]) as Answer).json<never>() as Claim;
  expect((await http.get("/v1/locks/a")).json()).toMatchObject({ holderCount: 1, waitingCount: 1 });
  await release(http, writer, third.id);
  expect((await answers[3])?.status).toBe(201);
});

test("who waits longer than its session may be silent is kept alive, and is told for how long it still is [N7]", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const holder = await openSession();
  const { id } = (await claim(http, holder)).json<never>() as Claim;
  const waiter = await openSession(1000);
  const answer = claim(http, waiter, { waitMs: 60_000 });
  await changes.untilChanges(3);
  await keeper.clock.advance(20_000);
  await isQueue(http, [id, "x-0000000001"]);
  await release(http, holder, id);
  expect((await answer).status).toBe(201);
  expect((await answer).json()).toMatchObject({ state: "held", validForMs: 21_000 });
  await keeper.clock.advance(2000);
  await isQueue(http, []);
});

test("when the time is up the place is kept, and asking for the claim goes on waiting there", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const [holder, waiter] = [await openSession(), await openSession(1000)];
  const { id } = (await claim(http, holder)).json<never>() as Claim;
  const queued = claim(http, waiter, { waitMs: 700 });
  await changes.untilChanges(3);
  await keeper.clock.advance(700);
  expect((await queued).status).toBe(202);
  expect((await queued).json()).toMatchObject({ id: "x-0000000001", state: "waiting", position: 1 });
  const headers = { "session-token": waiter.token };
  const again = http.get(`${claimsUrl}/x-0000000001`, { headers, query: { waitMs: 60_000 } });
  await http.get("/livez");
  await keeper.clock.advance(10_000);
  await release(http, holder, id);
  expect((await again).json()).toMatchObject({ id: "x-0000000001", state: "held" });
  expect((await again).json().validForMs).toBeGreaterThanOrEqual(1000);
});

test("who goes away while it waits loses its place, unless it said that it will come back", async ({
  http,
  openSession,
  changes,
}) => {
  const [holder, fickle, patient] = [await openSession(), await openSession(), await openSession()];
  const { id } = (await claim(http, holder)).json<never>() as Claim;
  const begin = async ({ token }: Session, headers = "") => {
    const socket = await http.connect();
    const body = '{"waitMs":60000}';
    socket.write(
      `POST ${claimsUrl} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${token}\r\n${headers}` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    return socket;
  };
  const first = await begin(patient, "Idempotency-Key: mine\r\n");
  await changes.untilChanges(3);
  const second = await begin(fickle);
  await changes.untilChanges(4);
  first.destroy();
  second.destroy();
  expect((await changes.untilChanges(5)).at(-1)).toBe("deleted /locks/a/x-0000000002");
  await isQueue(http, [id, "x-0000000001"]);
  const again = claim(http, patient, { waitMs: 60_000 });
  await release(http, holder, id);
  expect((await again).json()).toMatchObject({ id: "x-0000000001", state: "held" });
  expect((await changes.untilChanges(6)).slice(4)).toEqual([
    "deleted /locks/a/x-0000000002",
    "deleted /locks/a/x-0000000000",
  ]);
});

test("a client that asked twice keeps its place when the first of its connections is lost", async ({
  http,
  openSession,
  changes,
}) => {
  const [holder, waiter] = [await openSession(), await openSession()];
  const { id } = (await claim(http, holder)).json<never>() as Claim;
  const body = '{"waitMs":60000}';
  const socket = await http.connect();
  socket.write(
    `POST ${claimsUrl} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${waiter.token}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  await changes.untilChanges(3);
  const headers = { "session-token": waiter.token };
  const asked = http.get(`${claimsUrl}/x-0000000001`, { headers, query: { waitMs: 60_000 } });
  await http.get("/livez");
  await http.get("/v1/locks/a");
  socket.destroy();
  await http.get("/v1/locks/a");
  await release(http, holder, id);
  expect((await asked).json()).toMatchObject({ id: "x-0000000001", state: "held" });
});

test("who waits is told when its claim goes, and when its session does", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  const [holder, one, two] = [await openSession(), await openSession(), await openSession()];
  await claim(http, holder);
  const forced = claim(http, one, { waitMs: 60_000 });
  await changes.untilChanges(3);
  const closed = claim(http, two, { waitMs: 60_000 });
  await changes.untilChanges(4);
  expect((await http.delete(`${claimsUrl}/x-0000000001`, { query: "force=true" })).status).toBe(204);
  expect((await forced).code).toBe("no_claim");
  await keeper.closeSession(two.id);
  expect((await closed).code).toBe("session_expired");
});

test("after a holder's expiry nobody is granted the lock before its delay is over", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  await http.put("/v1/locks/a", { json: { lockDelayMs: 5000 } });
  const [holder, waiter] = [await openSession(1000), await openSession()];
  await claim(http, holder);
  let isAnswered = false;
  const answer = claim(http, waiter, { waitMs: 60_000 });
  void answer.then(() => {
    isAnswered = true;
  });
  await changes.untilEvent("change", 3);
  await keeper.clock.advance(1300);
  const delayed = (await http.get("/v1/locks/a")).json();
  expect(delayed).toMatchObject({ holders: [], holderCount: 0, waitingCount: 1 });
  expect(delayed.delayUntilMs).toBeGreaterThan(keeper.clock.wallMs() + 4500);
  const late = await openSession();
  const refused = await claim(http, late);
  expect([refused.code, refused.json().delayUntilMs]).toEqual(["lock_held", delayed.delayUntilMs]);
  await keeper.clock.advance(4600);
  await http.get("/v1/locks/a");
  expect(isAnswered).toBe(false);
  keeper.clock.jumpWallClock(-hour);
  await keeper.clock.advance(400);
  expect((await answer).status).toBe(201);
  expect((await http.get("/v1/locks/a")).json()).not.toHaveProperty("delayUntilMs");
});

test("no clock that is set ends a lock delay early, and another length counts from its beginning", async ({
  http,
  keeper,
  openSession,
  changes,
}) => {
  await http.put("/v1/locks/a", { json: { lockDelayMs: 5000 } });
  const [holder, waiter] = [await openSession(1000), await openSession()];
  await claim(http, holder);
  const answer = claim(http, waiter, { waitMs: 60_000 });
  await changes.untilEvent("change", 3);
  await keeper.closeSession(holder.id, "session_expired");
  await keeper.clock.advance(2000);
  for (const ms of [5 * hour, -10 * hour]) keeper.clock.jumpWallClock(ms);
  await http.put("/v1/locks/a", { json: { lockDelayMs: 4000 } });
  await keeper.clock.advance(1999);
  expect((await http.get("/v1/locks/a")).json()).toMatchObject({ holderCount: 0, waitingCount: 1 });
  await keeper.clock.advance(1);
  expect((await answer).status).toBe(201);
});

test("streams of holders are told who holds at once, and each change of it, and goodbye", async ({
  server,
  http,
  openSession,
  changes,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const stream = await http.stream("/v1/locks/a/events");
  expect((await stream.untilEvent("holders")).data).toMatchObject({ holders: [], holderCount: 0 });
  const first = (await claim(http, one, { metadata: "h" })).json<never>() as Claim;
  const told = await stream.untilEvent("holders", 2);
  expect(told.data).toMatchObject({ holders: [{ id: first.id, metadata: "h", session: one.id }] });
  expect(told.id).toBe(String(told.data.zxid));
  const waiting = claim(http, two, { waitMs: 60_000 });
  await changes.untilChanges(3);
  await release(http, one, first.id);
  expect((await waiting).status).toBe(201);
  await stream.untilEvent("holders", 3);
  await server.close();
  await stream.untilEnd();
  expect(stream.events.map(({ event }) => event)).toEqual(["holders", "holders", "holders", "bye"]);
});

keeperTest(
  "more requests than may wait, and more streams, are refused before they take a place",
  async ({ keeper }) => {
    const coordination = new Coordination(keeper.store, { claimWaitersMax: 1 });
    const sessionId = await keeper.openSession();
    const other = await keeper.openSession();
    for (const owner of [sessionId, other]) {
      const standing = { type: "standForElection", name: "m", value: bytes(""), sessionId: owner } as const;
      await keeper.store.submit(standing);
    }
    const place = coordination.queues.place(systemContext, "/elections/m", "c-0000000001");
    if (place === undefined) throw new Error("the candidate does not stand");
    const leave = coordination.admitWaiter();
    const wait = coordination.queues.wait("/elections/m", place.claim);
    expect(await refusal(Promise.resolve().then(() => coordination.admitWaiter()))).toBe("throttled");
    await keeper.closeSession(sessionId);
    expect(await wait.end).toBe("held");
    wait.leave();
    leave();
    leave();
    coordination.admitWaiter();
    expect(() => coordination.admitWaiter()).toThrow(/1 waiting requests/);
    const stop = coordination.observe("/elections/m", () => {});
    expect(() => coordination.observe("/elections/m", () => {})).toThrow(/streams of holders/);
    stop();
    stop();
    coordination.observe("/elections/m", () => {})();
    coordination.stop();
  },
);
