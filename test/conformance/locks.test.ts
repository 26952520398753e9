// Locks: claims in order, visible as znodes, shared with recipes that know nothing but znodes (API section 6).

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
  withEpoch,
} from "./fixture.ts";

interface Claimed {
  readonly id: string;
  readonly state: string;
  readonly path: string;
  readonly fence: number;
  readonly validForMs: number;
  readonly position: number;
  readonly session?: string | null;
}

const test = base.extend<{ lock: Lock }>({
  lock: async ({ http }, use) => {
    const name = `lock-${randomBytes(8).toString("hex")}`;
    await use(new Lock((method, path, options) => http.request(method, path, options), name));
    await http.delete(urlOf(`/locks/${name}`), { query: "recursive=true" });
  },
});

/** Short ways to ask one lock. */
class Lock {
  readonly url: string;
  readonly path: string;
  readonly #request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;

  constructor(request: Lock["ask"], name: string) {
    this.url = `/v1/locks${encodeSegments(`/${name}`)}`;
    this.path = `/locks/${name}`;
    this.#request = request;
  }

  ask(method: string, path: string, options?: RequestOptions): Promise<Answer> {
    return this.#request(method, path, options);
  }

  claim(session: Session, json: object = {}): Promise<Answer> {
    return this.#request("POST", `${this.url}/claims`, { json, ...tokenOf(session) });
  }

  async held(session: Session, json: object = {}): Promise<Claimed> {
    return expectStatus(await this.claim(session, json), 201).json<never>();
  }

  async queued(session: Session, json: object = {}): Promise<Claimed> {
    return expectStatus(await this.claim(session, { waitMs: 1, ...json }), 202).json<never>();
  }

  release(id: string, options: RequestOptions = {}): Promise<Answer> {
    return this.#request("DELETE", `${this.url}/claims/${id}`, options);
  }

  async view(query = ""): Promise<Record<string, unknown> & { holders: Claimed[]; queue: Claimed[] }> {
    return expectStatus(await this.#request("GET", this.url, { query }), 200).json<never>();
  }
}

test("a free lock is held at once, and its claim is an ephemeral znode of the session", async ({
  http,
  znodes,
  lock,
  openSession,
}) => {
  const session = await openSession({ name: "web-1" });
  const answer = expectStatus(await lock.claim(session, { metadata: { host: "h", ports: [1, 2] } }), 201);
  const claimed = answer.json<never>() as Claimed;
  expect(answer.header("location")).toBe(`${lock.url}/claims/${claimed.id}`);
  expect(claimed).toEqual({
    ...{ id: "x-0000000000", state: "held", path: `${lock.path}/x-0000000000` },
    ...{ fence: claimed.fence, validForMs: claimed.validForMs },
    fenceHeader: withEpoch(`${lock.path}/x-0000000000@${claimed.fence}`),
  });
  expect(claimed.validForMs).toBeGreaterThanOrEqual(session.timeoutMs);
  const znode = await znodes.read(claimed.path);
  expect(znode.data).toBe('{"host":"h","ports":[1,2]}');
  expect(znode.stat).toMatchObject({ czxid: claimed.fence, ephemeralOwner: session.id, sequence: 0 });
  expect(await lock.view()).toEqual({
    ...{ name: lock.path.slice(7), path: lock.path, permits: 1, lockDelayMs: 0 },
    holders: [
      {
        ...{ id: claimed.id, path: claimed.path, mode: "exclusive", fence: claimed.fence },
        fenceHeader: withEpoch(`${claimed.path}@${claimed.fence}`),
        ...{ session: session.id, sessionName: "web-1", metadata: { host: "h", ports: [1, 2] } },
      },
    ],
    ...{ holderCount: 1, queue: [], waitingCount: 0 },
  });
  const seen = expectStatus(await http.get(`${lock.url}/claims/${claimed.id}`), 200).json();
  expect(seen).toMatchObject({ id: claimed.id, state: "held", fence: claimed.fence, session: session.id });
  expect(seen).not.toHaveProperty("validForMs");
});

test("a lock that nobody ever claimed is free, and asking makes no znode", async ({ znodes, lock }) => {
  expect(await lock.view()).toMatchObject({ permits: 1, lockDelayMs: 0, holders: [], queue: [] });
  expect(await znodes.exists(lock.path)).toBe(false);
});

test("who does not wait is refused and told who holds, and stands nowhere", async ({
  znodes,
  lock,
  openSession,
}) => {
  const [one, two] = [await openSession({ name: "first" }), await openSession()];
  const { id, fence } = await lock.held(one, { metadata: "there" });
  const problem = expectProblem(await lock.claim(two), 409, "lock_held");
  expect(problem).toMatchObject({
    path: lock.path,
    holder: { id, fence, session: one.id, sessionName: "first", metadata: "there" },
  });
  expect(await znodes.children(lock.path)).toEqual([id]);
});

test("who waits in vain keeps its place, and claiming again gives it back", async ({
  http,
  lock,
  openSession,
}) => {
  const [one, two, three] = [await openSession(), await openSession(), await openSession()];
  const { id } = await lock.held(one);
  const second = await lock.queued(two);
  const third = await lock.queued(three);
  expect(second).toEqual({
    id: "x-0000000001",
    state: "waiting",
    position: 1,
    fence: second.fence,
    fenceHeader: withEpoch(`${second.path}@${second.fence}`),
    path: second.path,
  });
  expect(third).toMatchObject({ position: 2 });
  expect(await lock.queued(three)).toEqual(third);
  expectStatus(await lock.claim(three), 202);
  expect((await lock.held(one)).id).toBe(id);
  expect((await lock.view()).queue.map(({ id: each }) => each)).toEqual([second.id, third.id]);
  expect(await lock.view("limit=1")).toMatchObject({
    queue: [{ id: second.id, position: 1 }],
    waitingCount: 2,
  });
  const url = `${lock.url}/claims/${third.id}`;
  const waiting = expectStatus(await http.get(url, { query: "waitMs=1", ...tokenOf(three) }), 200).json();
  expect(waiting).toMatchObject({ state: "waiting", position: 2 });
  expect(waiting.validForMs).toBeGreaterThanOrEqual(three.timeoutMs);
  await lock.release(id, tokenOf(one));
  await lock.release(second.id, tokenOf(two));
  expect((await http.get(url)).json()).toMatchObject({ state: "held" });
  expect((await lock.held(three)).fence).toBeGreaterThan(0);
});

test("a waiting request is answered by the release it waited for, and its fence is the greater one", async ({
  lock,
  watch,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const first = await lock.held(one);
  const changes = await watch({ path: lock.path, scope: "children" });
  const waiting = lock.claim(two, { waitMs: 60_000 });
  await changes.untilChanges(1);
  expectStatus(await lock.release(first.id, tokenOf(one)), 204);
  const second = expectStatus(await waiting, 201).json<never>() as Claimed;
  expect(second).toMatchObject({ id: "x-0000000001", state: "held" });
  expect(second.fence).toBeGreaterThan(first.fence);
});

test("readers share, and a waiting writer is not overtaken by readers", async ({ lock, openSession }) => {
  const [one, two, writer, late] = [
    await openSession(),
    await openSession(),
    await openSession(),
    await openSession(),
  ];
  const shared = { mode: "shared" };
  const first = await lock.held(one, shared);
  expect(first.id).toBe("s-0000000000");
  const second = await lock.held(two, shared);
  expect(await lock.queued(writer)).toMatchObject({ position: 1 });
  expectProblem(await lock.claim(late, shared), 409, "lock_held");
  expect(await lock.queued(late, shared)).toMatchObject({ position: 2 });
  await lock.release(first.id, tokenOf(one));
  await lock.release(second.id, tokenOf(two));
  const { holders, queue } = await lock.view();
  expect([holders[0]?.session, queue[0]?.session]).toEqual([writer.id, late.id]);
});

test("a lock with permits is held by so many, and its claims must agree on how many", async ({
  http,
  znodes,
  lock,
  openSession,
}) => {
  const [one, two, three] = [await openSession(), await openSession(), await openSession()];
  await lock.held(one, { permits: 2 });
  await lock.held(two);
  expectProblem(await lock.claim(three, { permits: 2 }), 409, "lock_held");
  expectProblem(await lock.claim(three, { permits: 3 }), 409, "permits_differ");
  expectProblem(await lock.claim(three, { mode: "shared" }), 409, "permits_differ");
  expectProblem(await lock.claim(three, { mode: "shared", permits: 2 }), 400, "bad_request");
  expectProblem(await http.put(lock.url, { json: { permits: 5 } }), 409, "permits_differ");
  expect((await znodes.read(lock.path)).data).toBe('{"permits":2,"lockDelayMs":0}');
});

test("a session claims a lock in one mode at a time", async ({ lock, openSession }) => {
  const session = await openSession();
  await lock.held(session);
  expectProblem(await lock.claim(session, { mode: "shared" }), 409, "mode_differs");
});

test("settings are what was last said of each, and can be read in the znode", async ({
  http,
  znodes,
  lock,
}) => {
  const put = async (json: object) => expectStatus(await http.put(lock.url, { json }), 200).json();
  expect(await put({ permits: 3 })).toMatchObject({ path: lock.path, permits: 3, lockDelayMs: 0 });
  expect(await put({ lockDelayMs: 2000 })).toMatchObject({ permits: 3, lockDelayMs: 2000 });
  expect(await put({})).toMatchObject({ permits: 3, lockDelayMs: 2000 });
  expect((await znodes.read(lock.path)).data).toBe('{"permits":3,"lockDelayMs":2000}');
  await znodes.set(lock.path, "no settings at all");
  expect(await lock.view()).toMatchObject({ permits: 1, lockDelayMs: 0 });
});

test("somebody else's claim is not released, and one's own is, as often as one likes", async ({
  http,
  lock,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const { id } = await lock.held(one);
  const { id: waiting } = await lock.queued(two);
  expectProblem(await lock.release(id, tokenOf(two)), 409, "not_holder");
  expectProblem(await lock.release(id), 400, "session_required");
  expectProblem(await lock.release(id, { headers: { "session-token": "guessed" } }), 410, "session_expired");
  expect((await lock.view()).holders).toMatchObject([{ id }]);
  for (let times = 0; times < 3; times += 1) expectStatus(await lock.release(id, tokenOf(one)), 204);
  expectStatus(await lock.release(id, tokenOf(two)), 204);
  expectProblem(await http.get(`${lock.url}/claims/${id}`), 404, "no_claim");
  for (const never of ["x-0000000009", "s-0000000002", "x", "x-1"]) {
    expectProblem(await lock.release(never, tokenOf(two)), 404, "no_claim");
  }
  expectStatus(await lock.release(waiting, { query: "force=true" }), 204);
  expect(await lock.view()).toMatchObject({ holderCount: 0, waitingCount: 0 });
});

test("the end of a session takes its claims, those that wait and those that hold", async ({
  http,
  lock,
  openSession,
}) => {
  const [one, two, three] = [await openSession(), await openSession(), await openSession()];
  await lock.held(one);
  await lock.queued(two);
  const { id } = await lock.queued(three);
  for (const { id: sessionId, token } of [two, one]) {
    await http.delete(`/v1/sessions/${sessionId}`, { headers: { "session-token": token } });
  }
  expect(await lock.view()).toMatchObject({ holders: [{ id }], queue: [] });
  expectProblem(await lock.claim(one), 410, "session_expired");
});

test("znodes made by hand and claims stand in one queue, as a recipe for znodes has it", async ({
  http,
  znodes,
  lock,
  openSession,
}) => {
  const [byHand, byClaim, last] = [await openSession(), await openSession(), await openSession()];
  await znodes.create(lock.path, "", { query: "parents=true" });
  const ephemeral = { query: "ephemeral=true&sequential=true" };
  const { path } = await znodes.create(`${lock.path}/lock-`, "me", { ...ephemeral, ...tokenOf(byHand) });
  const claimed = await lock.queued(byClaim);
  const { path: third } = await znodes.create(`${lock.path}/lock-`, "", { ...ephemeral, ...tokenOf(last) });
  expect(await lock.view()).toMatchObject({
    holders: [{ path, session: byHand.id, metadata: "me", mode: "exclusive" }],
    queue: [{ id: claimed.id }, { path: third }],
  });
  const bySequence = (await znodes.children(lock.path)).toSorted((a, b) =>
    a.slice(-10) < b.slice(-10) ? -1 : 1,
  );
  expect(bySequence[0]).toBe("lock-0000000000");
  const waiting = http.get(`${lock.url}/claims/${claimed.id}`, {
    query: "waitMs=60000",
    ...tokenOf(byClaim),
  });
  await znodes.delete(path);
  expect((await waiting).json()).toMatchObject({ state: "held" });
  await lock.release(claimed.id, tokenOf(byClaim));
  expect((await lock.view()).holders).toMatchObject([{ path: third }]);
});

test("a holder that was deposed writes no more, if it sends its fence along", async ({
  http,
  root,
  znodes,
  lock,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const fenceOf = ({ path, fence }: Claimed) => ({ headers: { fence: `${encodeURI(path)}@${fence}` } });
  const first = await lock.held(one);
  await znodes.create(`${root}/result`, "first", fenceOf(first));
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  const second = await lock.held(two);
  expectProblem(
    await http.put(urlOf(`${root}/result`), { body: "late", ...fenceOf(first) }),
    409,
    "fence_stale",
  );
  await znodes.set(`${root}/result`, "second", fenceOf(second));
  const stale = { fence: fenceOf(first).headers.fence, "session-token": two.token };
  expectProblem(await lock.release(second.id, { headers: stale }), 409, "fence_stale");
  expect((await lock.view()).holderCount).toBe(1);
});

test("malformed claims are refused before anything is done", async ({ http, znodes, lock, openSession }) => {
  const session = await openSession();
  const refused: [object, number, string][] = [
    [{ waitMs: -1 }, 400, "bad_request"],
    [{ waitMs: 60_001 }, 400, "bad_request"],
    [{ waitMs: 0.5 }, 400, "bad_request"],
    [{ waitMs: "1" }, 400, "bad_request"],
    [{ mode: "both" }, 400, "bad_request"],
    [{ permits: 0 }, 400, "bad_request"],
    [{ permits: 1_000_001 }, 400, "bad_request"],
    [{ wait: 1 }, 400, "bad_request"],
    [{ metadata: "x".repeat(4095) }, 413, "too_large"],
  ];
  for (const [json, status, code] of refused) expectProblem(await lock.claim(session, json), status, code);
  const tooLarge = expectProblem(await lock.claim(session, { metadata: "x".repeat(5000) }), 413, "too_large");
  expect(tooLarge).toMatchObject({ limit: "metadataBytesMax", limitValue: 4096, size: 5002 });
  expect((await http.get("/v1/limits")).json()).toMatchObject({ bounds: { metadataBytesMax: 4096 } });
  expectProblem(await http.post(`${lock.url}/claims`), 400, "session_required");
  expectProblem(
    await http.post(`${lock.url}/claims`, { headers: { "session-token": "guessed" } }),
    410,
    "session_expired",
  );
  for (const json of [{ permits: 0 }, { lockDelayMs: -1 }, { lockDelayMs: 3_600_001 }, { delay: 1 }]) {
    expectProblem(await http.put(lock.url, { json }), 400, "bad_request");
  }
  expectProblem(await http.get(lock.url, { query: "limit=0" }), 400, "bad_request");
  expectProblem(await http.get(`${lock.url}/claims/x-0000000000`), 404, "no_claim");
  expect(await znodes.exists(lock.path)).toBe(false);
});

test("a name is one segment of a path, of 255 characters at most", async ({ http, openSession }) => {
  const session = await openSession();
  for (const name of ["..", "a%2Fb", "a%01b", "x".repeat(256), "%F0%9F%8E%89"]) {
    for (const [method, url] of [
      ["POST", `/v1/locks/${name}/claims`],
      ["GET", `/v1/locks/${name}`],
      ["PUT", `/v1/locks/${name}`],
      ["GET", `/v1/locks/${name}/claims/x-0000000000`],
      ["DELETE", `/v1/locks/${name}/claims/x-0000000000`],
      ["GET", `/v1/locks/${name}/events`],
    ] as const) {
      const answer = await http.rawRequest(method, url, `Session-Token: ${session.token}\r\n`);
      expect([name.slice(0, 9), method, answer.status]).toEqual([name.slice(0, 9), method, 400]);
      expect(JSON.parse(answer.body).code).toBe("bad_path");
    }
  }
});

test("the methods of each URL are those it has", async ({ http }) => {
  const allowed = async (url: string) =>
    expectStatus(await http.request("OPTIONS", url), 204).header("allow");
  expect(await allowed("/v1/locks/a")).toBe("GET, HEAD, PUT, OPTIONS");
  expect(await allowed("/v1/locks/a/claims")).toBe("POST, OPTIONS");
  expect(await allowed("/v1/locks/a/claims/x-0000000000")).toBe("GET, HEAD, DELETE, OPTIONS");
  expectProblem(await http.get("/v1/locks/a/claims"), 405, "method_not_allowed");
});

test("a claim that is sent again with its key finds the claim it made, as it stands now [D19]", async ({
  http,
  lock,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const { id } = await lock.held(one);
  const again = (json: object) => {
    const headers = { ...tokenOf(two).headers, "idempotency-key": lock.path };
    return http.post(`${lock.url}/claims`, { json, headers });
  };
  const first = expectStatus(await again({ waitMs: 1 }), 202);
  expectProblem(await again({ waitMs: 2 }), 422, "idempotency_key_reused");
  expect(expectStatus(await again({ waitMs: 1 }), 202).text).toBe(first.text);
  expectStatus(await lock.release(id, tokenOf(one)), 204);
  const held = expectStatus(await again({ waitMs: 1 }), 201);
  expect(held.json()).toMatchObject({ id: first.json().id, state: "held" });
  expect([first, held].map((answer) => answer.header("idempotency-replayed"))).toEqual([null, "true"]);
  expect(await lock.view()).toMatchObject({ holderCount: 1, waitingCount: 0 });
});

test("a claim that was released or lost its session is not answered as if it stood, whatever its key [D19]", async ({
  http,
  lock,
  openSession,
}) => {
  const session = await openSession();
  const headers = { ...tokenOf(session).headers, "idempotency-key": lock.path };
  const claim = () => http.post(`${lock.url}/claims`, { headers });
  const { id } = expectStatus(await claim(), 201).json<{ id: string }>();
  expectStatus(await lock.release(id, tokenOf(session)), 204);
  expectProblem(await claim(), 404, "no_claim");
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expectProblem(await claim(), 410, "session_expired");
  expect(await lock.view()).toMatchObject({ holderCount: 0, waitingCount: 0 });
});

test("a session shows its claims, and where each stands [O10]", async ({ http, lock, openSession }) => {
  const [one, two] = [await openSession(), await openSession()];
  const held = await lock.held(one);
  const queued = await lock.queued(two);
  const claimsOf = async ({ id }: Session) => (await http.get(`/v1/sessions/${id}`)).json().claims;
  const { id, path, fence } = held;
  expect(await claimsOf(one)).toEqual([
    { id, path, state: "held", fence, fenceHeader: withEpoch(`${path}@${fence}`) },
  ]);
  expect(await claimsOf(two)).toMatchObject([
    { id: queued.id, path: queued.path, state: "waiting", position: 1 },
  ]);
});

test("data that nests deeper than any answer can is shown as the text it is", async ({
  znodes,
  lock,
  http,
}) => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  await znodes.create(`${lock.path}/lock-`, deep, { query: "sequential=true&parents=true" });
  const { holders } = await lock.view();
  expect(holders).toMatchObject([{ id: "lock-0000000000", metadata: deep }]);
  const stream = await http.stream(`${lock.url}/events`);
  await stream.untilEvent("holders");
  stream.close();
});

test("names, numbers and waits out of their bounds are refused, and the limit is named", async ({
  http,
  lock,
  openSession,
}) => {
  const session = await openSession();
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  const above = (limit: string) => (bounds[limit] as number) + 1;
  const expectRefused = (answer: Answer, limit: string, code = "bad_request", status = 400) => {
    expect(expectProblem(answer, status, code)).toMatchObject({ limit, limitValue: bounds[limit] });
  };
  const metadata = "x".repeat(above("metadataBytesMax"));
  expectRefused(await lock.claim(session, { metadata }), "metadataBytesMax", "too_large", 413);
  const name = "x".repeat(above("nameLengthMax"));
  expectRefused(await http.get(`/v1/locks/${name}`), "nameLengthMax", "bad_path");
  expectRefused(await lock.claim(session, { permits: above("permitsMax") }), "permitsMax");
  expectRefused(await lock.claim(session, { waitMs: above("waitMsMax") }), "waitMsMax");
  const lockDelayMs = above("lockDelayMsMax");
  expectRefused(await http.put(lock.url, { json: { lockDelayMs } }), "lockDelayMsMax");
  expectRefused(await http.get(lock.url, { query: { limit: above("pageEntriesMax") } }), "pageEntriesMax");
  const id = "x".repeat(above("cursorLengthMax"));
  expectRefused(await http.get(`${lock.url}/claims/${id}`), "cursorLengthMax");
  expect(await lock.view()).toMatchObject({ holderCount: 0, waitingCount: 0 });
});
