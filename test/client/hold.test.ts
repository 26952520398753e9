import { expect } from "vitest";
import type { Hold, Leadership, Session } from "../../src/client/index.ts";
import { test as base } from "./fixture.ts";
import { change, type Exchange, reset, snapshot, synced, znode } from "./scripted-server.ts";

const opened = { id: "00000000000000a1", token: "secret", timeoutMs: 12_000, validForMs: 12_000 };
const claimPath = "/locks/a/x-0000000001";
const claimUrl = "/v1/locks/a/claims/x-0000000001";
const held = { id: "x-0000000001", state: "held", fence: 9, validForMs: 12_000, path: claimPath };
const waiting = { id: held.id, state: "waiting", position: 2, path: claimPath };
const candidate = { id: "c-0000000001", path: "/elections/a/c-0000000001" };
const candidateUrl = `/v1/elections/a/candidates/${candidate.id}`;

interface HoldFixture {
  session: Session;
  /** The next request, which is this one. */
  request: (asked: string) => Promise<Exchange>;
}

const test = base.extend<HoldFixture>({
  session: async ({ client, server }, use) => {
    const opening = client.openSession();
    (await server.request()).reply(201, opened);
    await use(await opening);
  },
  request: async ({ server }, use) => {
    await use(async (asked) => {
      const exchange = await server.request();
      expect(exchange.asked).toBe(asked);
      expect(exchange.headers["session-token"]).toBe(asked.includes("watch") ? undefined : "secret");
      return exchange;
    });
  },
});

/** Takes the lock and holds it until it is released, or its signal aborts. */
function takeLock(session: Session, options: Parameters<Session["withLock"]>[1] = {}) {
  const taken = Promise.withResolvers<Hold>();
  const release = Promise.withResolvers<string>();
  const done = session.withLock("a", options, async (lock) => {
    taken.resolve(lock);
    lock.signal.addEventListener("abort", () => release.reject(lock.signal.reason));
    return await release.promise;
  });
  done.catch(() => {});
  return { taken: taken.promise, release: () => release.resolve("done"), done };
}

test("a lock is claimed, held while the act lasts, and given back", async ({ session, request }) => {
  const lock = takeLock(session, { mode: "shared", metadata: "host 7" });
  const claim = await request("POST /v1/locks/a/claims");
  expect(await claim.json()).toEqual({ mode: "shared", metadata: "host 7", waitMs: 1 });
  expect(claim.headers["idempotency-key"]).toBeDefined();
  claim.reply(201, held);
  const { path, czxid, fence, signal } = await lock.taken;
  expect({ path, czxid, fence, aborted: signal.aborted }).toEqual({
    ...{ path: claimPath, czxid: 9, fence: 9, aborted: false },
  });
  const watch = await request("GET /v1/watch");
  expect([watch.query.get("path"), watch.query.get("sinceZxid"), watch.query.get("types")]).toEqual([
    ...[claimPath, "9", "deleted"],
  ]);
  lock.release();
  const release = await request(`DELETE ${claimUrl}`);
  await watch.closed;
  release.reply(200, {});
  expect(await lock.done).toBe("done");
});

test("a lock is what a write can be fenced with", async ({ session, request }) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  const writing = session.set("/b", "x", { fences: [await lock.taken] });
  await request("GET /v1/watch");
  const write = await request("PUT /v1/znodes/b");
  expect(write.headers.fence).toBe(`${encodeURIComponent(claimPath)}@9`);
  write.refuse(409, { code: "fence_stale", detail: "The znode is gone." });
  await expect(writing).rejects.toMatchObject({ code: "fence_stale", mayBeDone: false });
});

test("whoever waits is told its place, and each other one it is found to have", async ({
  session,
  request,
}) => {
  const places: number[] = [];
  const lock = takeLock(session, { waiting: (position) => places.push(position) });
  (await request("POST /v1/locks/a/claims")).reply(202, waiting);
  for (const position of [2, 1]) (await request(`GET ${claimUrl}`)).reply(200, { ...waiting, position });
  (await request(`GET ${claimUrl}`)).reply(200, held);
  await lock.taken;
  expect(places).toEqual([2, 1]);
  await request("GET /v1/watch");
  lock.release();
  (await request(`DELETE ${claimUrl}`)).reply(200, {});
  expect(await lock.done).toBe("done");
});

test("whoever waits keeps the place it has, over lost connections", async ({ session, request, clock }) => {
  const lock = takeLock(session);
  const first = await request("POST /v1/locks/a/claims");
  first.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  const again = await request("POST /v1/locks/a/claims");
  expect(again.headers["idempotency-key"]).toBe(first.headers["idempotency-key"]);
  again.reply(202, waiting);
  const polls = [() => waiting, () => held];
  for (const answer of polls) {
    const poll = await request(`GET ${claimUrl}`);
    expect(poll.query.get("waitMs")).toBe("20000");
    poll.cut();
    (await clock.timer((ms) => ms === 100)).fire();
    (await request(`GET ${claimUrl}`)).reply(200, answer());
  }
  expect((await lock.taken).fence).toBe(9);
});

test.for([
  ["another fence", { fence: 9 }, { fence: 11, session: opened.id }],
  ["another session", {}, { fence: 11, session: "00000000000000b2" }],
  ["nobody's session", {}, { fence: 11, session: null }],
])("a claim that has the same id and %s is not acted on", async ([, first, later], { session, request }) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(202, { ...waiting, ...(first as object) });
  (await request(`GET ${claimUrl}`)).reply(200, { ...held, ...(later as object) });
  await expect(lock.done).rejects.toMatchObject({ code: "no_claim", status: 404 });
  // What is not its own it does not give back either.
  const next = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(202, { ...waiting, fence: 13 });
  (await request(`GET ${claimUrl}`)).reply(200, { ...waiting, fence: 13, session: opened.id });
  (await request(`GET ${claimUrl}`)).reply(200, { ...held, fence: 13, session: opened.id });
  expect((await next.taken).fence).toBe(13);
});

test("whose place in the queue was taken away is told so, and does not stand again", async ({
  session,
  request,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(202, waiting);
  (await request(`GET ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It was released." });
  await expect(lock.done).rejects.toMatchObject({ code: "no_claim" });
  takeLock(session);
  await request("POST /v1/locks/a/claims");
});

test("a lock whose claim is another's in the end is lost, and that is no fault of giving it back", async ({
  session,
  request,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  await lock.taken;
  await request("GET /v1/watch");
  lock.release();
  (await request(`DELETE ${claimUrl}`)).refuse(409, { code: "not_holder", detail: "It is bruno's." });
  expect(await lock.done).toBe("done");
});

test("to have it now or not at all leaves nothing behind", async ({ session, request }) => {
  const lock = takeLock(session, { waitMs: 0 });
  const claim = await request("POST /v1/locks/a/claims");
  expect(await claim.json()).toEqual({ waitMs: 0 });
  claim.refuse(409, { code: "lock_held", detail: "anna has it.", holder: "anna" });
  await expect(lock.done).rejects.toMatchObject({ code: "lock_held", details: { holder: "anna" } });
});

test("to have it now or not at all never waits, not even where the session stands in line already", async ({
  session,
  request,
}) => {
  const lock = takeLock(session, { waitMs: 0 });
  (await request("POST /v1/locks/a/claims")).reply(202, waiting);
  await expect(lock.done).rejects.toMatchObject({ code: "lock_held", status: 409 });
  // It did not make that claim, and does not give it up.
  takeLock(session);
  await request("POST /v1/locks/a/claims");
});

test("who has waited long enough gives up its place", async ({ session, request, clock }) => {
  const lock = takeLock(session, { waitMs: 1500 });
  (await request("POST /v1/locks/a/claims")).reply(202, waiting);
  const poll = await request(`GET ${claimUrl}`);
  clock.advance(1500);
  await expect(lock.done).rejects.toMatchObject({ code: "lock_held", status: 409 });
  await poll.closed;
  (await request(`DELETE ${claimUrl}`)).reply(200, {});
});

test("who is aborted before there is an answer still gives back what it then gets", async ({
  session,
  request,
  abort,
  clock,
}) => {
  const reason = new Error("enough");
  const lock = takeLock(session, abort);
  const claim = await request("POST /v1/locks/a/claims");
  abort.abort(reason);
  await expect(lock.done).rejects.toBe(reason);
  claim.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  const release = await request(`DELETE ${claimUrl}`);
  release.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  (await request(`DELETE ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It is gone." });
});

test("within a session the same lock is held by one at a time", async ({ session, request }) => {
  const first = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  await first.taken;
  await request("GET /v1/watch");
  const second = takeLock(session);
  await expect(takeLock(session, { waitMs: 0 }).done).rejects.toMatchObject({ code: "lock_held" });
  const third = takeLock(session, { signal: AbortSignal.abort(new Error("enough")) });
  await expect(third.done).rejects.toThrow("enough");
  first.release();
  (await request(`DELETE ${claimUrl}`)).reply(200, {});
  (await request("POST /v1/locks/a/claims")).reply(201, { ...held, fence: 11 });
  expect((await second.taken).fence).toBe(11);
});

test("within a session nobody is given the claim that another is about to give back", async ({
  session,
  request,
  clock,
}) => {
  const first = takeLock(session, { waitMs: 1500 });
  (await request("POST /v1/locks/a/claims")).reply(202, waiting);
  await request(`GET ${claimUrl}`);
  clock.advance(1500);
  await expect(first.done).rejects.toMatchObject({ code: "lock_held" });
  const second = takeLock(session);
  (await request(`DELETE ${claimUrl}`)).reply(200, {});
  (await request("POST /v1/locks/a/claims")).reply(201, { ...held, fence: 11 });
  expect((await second.taken).fence).toBe(11);
});

test("the holder is told in time to stop, and again when the session is lost", async ({
  session,
  request,
  clock,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  const { signal } = await lock.taken;
  await request("GET /v1/watch");
  clock.pause(7999);
  expect([session.state, signal.aborted]).toEqual(["suspended", false]);
  await request(`PUT /v1/sessions/${opened.id}`);
  clock.pause(1);
  expect(session.state).toBe("expiring");
  expect(signal.reason).toMatchObject({ name: "HoldLostError", reason: "expiring" });
  clock.pause(4000);
  expect(session.isValid()).toBe(false);
  await expect(lock.done).rejects.toMatchObject({ reason: "expiring" });
});

test("a holder that slept finds its signal aborted, and gives back nothing that is not its own", async ({
  session,
  request,
  clock,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  const { signal } = await lock.taken;
  clock.move({ bootMs: 60_000 });
  expect(session.state).toBe("lost");
  expect(signal.reason).toMatchObject({ name: "SessionLostError", end: "unconfirmed" });
  await expect(lock.done).rejects.toBe(signal.reason);
});

test("the holder is told when its claim is taken away", async ({ session, request }) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  const { signal } = await lock.taken;
  const watch = (await request("GET /v1/watch")).begin();
  const deleted = { type: "deleted", path: claimPath, stat: znode(claimPath, "").stat };
  watch.send(synced(9) + change(12, deleted));
  (await request(`DELETE ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It is gone." });
  expect(signal.aborted).toBe(true);
  await expect(lock.done).rejects.toMatchObject({ name: "HoldLostError", reason: "revoked" });
});

test("a claim that is gone when the history no longer tells of it is missed all the same", async ({
  session,
  request,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  await lock.taken;
  const watch = (await request("GET /v1/watch")).begin();
  const there = snapshot(20, znode(claimPath, "", { czxid: 9 }));
  watch.send(reset("history_trimmed", 20) + there + synced(20));
  watch.send(reset("history_trimmed", 30) + snapshot(30, znode(claimPath, "", { czxid: 25 })) + synced(30));
  (await request(`DELETE ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It is gone." });
  await expect(lock.done).rejects.toMatchObject({ reason: "revoked" });
});

const dated = { ...held, fenceHeader: `${claimPath}@9.aaaaaaaaaa` };
const there = snapshot(20, znode(claimPath, "", { czxid: 9 }));

test("the fence of a hold has the epoch of its number, and is watched over from that very transaction", async ({
  session,
  request,
  client,
  server,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, dated);
  const hold = await lock.taken;
  expect(hold).toMatchObject({ path: claimPath, czxid: 9, epoch: "aaaaaaaaaa", fence: 9 });
  const { query } = await request("GET /v1/watch");
  expect([query.get("lastEventId"), query.get("sinceZxid")]).toEqual(["9.aaaaaaaaaa", null]);
  client.set("/x", "", { fences: [hold] }).catch(() => {});
  const write = await server.request();
  expect(write.headers.fence).toBe(`${encodeURIComponent(claimPath)}@9.aaaaaaaaaa`);
});

test("where the store was rolled back, what has the number of the claim is asked for, and held on to if it is the claim", async ({
  session,
  request,
}) => {
  const lock = takeLock(session);
  (await request("POST /v1/locks/a/claims")).reply(201, dated);
  const { signal } = await lock.taken;
  const watch = (await request("GET /v1/watch")).begin();
  watch.send(reset("unknown_zxid", 20) + there + synced(20));
  const look = await request(`GET ${claimUrl}`);
  expect(look.query.get("waitMs")).toBe("0");
  look.reply(200, { ...dated, session: opened.id });
  watch.send(reset("unknown_zxid", 30) + snapshot(30, znode(claimPath, "", { czxid: 9 })) + synced(30));
  const again = await request(`GET ${claimUrl}`);
  expect(signal.aborted).toBe(false);
  again.reply(200, { ...dated, session: opened.id, fenceHeader: `${claimPath}@9.bbbbbbbbbb` });
  (await request(`DELETE ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It is gone." });
  await expect(lock.done).rejects.toMatchObject({ reason: "revoked" });
});

test.for([
  ["waits there", { ...dated, state: "waiting", session: opened.id }],
  ["is another session's there", { ...dated, session: "00000000000000b2" }],
])(
  "where the store was rolled back, a claim that %s is held no longer",
  async ([, found], { session, request }) => {
    const lock = takeLock(session);
    (await request("POST /v1/locks/a/claims")).reply(201, dated);
    await lock.taken;
    (await request("GET /v1/watch")).begin().send(reset("unknown_zxid", 20) + there + synced(20));
    (await request(`GET ${claimUrl}`)).reply(200, found as object);
    (await request(`DELETE ${claimUrl}`)).refuse(404, { code: "no_claim", detail: "It is gone." });
    await expect(lock.done).rejects.toMatchObject({ reason: "revoked" });
  },
);

test("a lock that comes when the session is about to be lost is not acted on", async ({
  session,
  server,
  request,
  clock,
}) => {
  const lock = takeLock(session);
  const claim = await request("POST /v1/locks/a/claims");
  clock.pause(8500);
  claim.reply(201, held);
  const two = [await server.request(), await server.request()];
  const release = two.find(({ asked }) => asked === `DELETE ${claimUrl}`);
  release?.reply(200, {});
  await expect(lock.done).rejects.toMatchObject({ name: "HoldLostError", reason: "expiring" });
});

test("what goes wrong in the act goes to the caller, after the lock was given back", async ({
  session,
  request,
}) => {
  const act = Promise.withResolvers<void>();
  const acting = session.withLock("a", {}, () => act.promise);
  acting.catch(() => {});
  (await request("POST /v1/locks/a/claims")).reply(201, held);
  await request("GET /v1/watch");
  act.reject(new RangeError("of the act"));
  (await request(`DELETE ${claimUrl}`)).reply(200, {});
  await expect(acting).rejects.toThrow("of the act");
});

test("a leader is elected, says what it is, and resigns when it has led", async ({ session, request }) => {
  const leading = Promise.withResolvers<Leadership>();
  const { promise: enough, resolve: resign } = Promise.withResolvers<string>();
  const electing = session.elect("a", { value: "host 7" }, (term) => {
    leading.resolve(term);
    return enough;
  });
  const standing = await request("POST /v1/elections/a/candidates");
  expect(await standing.json()).toEqual({ value: "host 7" });
  standing.reply(202, { ...candidate, state: "waiting", position: 1 });
  (await request(`GET ${candidateUrl}`)).reply(200, { ...candidate, state: "leading", term: 4 });
  const term = await leading.promise;
  expect([term.fence, term.path, term.signal.aborted]).toEqual([4, candidate.path, false]);
  await request("GET /v1/watch");
  const changing = term.setValue("host 8");
  const put = await request(`PUT ${candidateUrl}`);
  expect(await put.json()).toEqual({ value: "host 8" });
  put.reply(200, {});
  await changing;
  resign("done");
  (await request(`DELETE ${candidateUrl}`)).reply(200, {});
  expect(await electing).toBe("done");
});

test("a candidate that gives up resigns", async ({ session, request, abort }) => {
  const reason = new Error("enough");
  const electing = session.elect("a", { value: "", signal: abort.signal }, () => {});
  electing.catch(() => {});
  (await request("POST /v1/elections/a/candidates")).reply(202, { ...candidate, state: "waiting" });
  const waits = await request(`GET ${candidateUrl}`);
  abort.abort(reason);
  await expect(electing).rejects.toBe(reason);
  await waits.closed;
  (await request(`DELETE ${candidateUrl}`)).reply(200, {});
});

test("an instance is registered as a whole, changed as a whole, and removed once", async ({
  session,
  request,
  clock,
}) => {
  const url = `/v1/services/web/instances/${opened.id}`;
  const registering = session.register("web", { address: "10.0.0.1", port: 80, tags: ["eu"] });
  const put = await request(`PUT ${url}`);
  expect(await put.json()).toEqual({ address: "10.0.0.1", port: 80, tags: ["eu"] });
  put.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  (await request(`PUT ${url}`)).reply(201, {});
  const registration = await registering;
  const updating = registration.update({ state: "draining" });
  const change = await request(`PUT ${url}`);
  expect(await change.json()).toEqual({ address: "10.0.0.1", port: 80, tags: ["eu"], state: "draining" });
  change.reply(200, {});
  await updating;
  expect(registration.instance.state).toBe("draining");
  const removing = registration.remove();
  (await request(`DELETE ${url}`)).refuse(404, { code: "no_instance", detail: "It is gone." });
  await removing;

  const taken = session.register("web", { address: "10.0.0.1", port: 80 }, { id: "a/b" });
  const refused = { code: "not_holder", detail: "Another session has it." };
  (await request("PUT /v1/services/web/instances/a%2Fb")).refuse(409, refused);
  await expect(taken).rejects.toMatchObject({ code: "not_holder" });
});
