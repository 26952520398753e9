// Teams beside each other, each in a namespace of its own, as they meet the service: by HTTP.

import { expect } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { memoryOf } from "../../src/core/memory.ts";
import { excessOf } from "../../src/store/memory-room.ts";
import type { Applied } from "../../src/store/replica.ts";
import { test as serverTest } from "../routes/server-fixture.ts";
import { addToken, addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import type { Answer, EventStream, Exchange, Http, RequestOptions } from "../support/http.ts";
import { type Keeper, plain, refusal } from "../support/keeper.ts";

/** Somebody with a token, and with what they have opened. */
class Team {
  readonly headers: Bearer;
  readonly #http: Http;

  constructor(http: Http, headers: Bearer) {
    this.#http = http;
    this.headers = headers;
  }

  async ask(method: string, path: string, json?: object, session?: Session): Promise<Answer> {
    const headers = { ...this.headers, ...(session !== undefined && { "session-token": session.token }) };
    return await this.#http.request(method, path, {
      headers,
      ...(json !== undefined && { json }),
    } as RequestOptions);
  }

  async send(method: string, path: string, body: string, extra: Record<string, string> = {}) {
    return await this.#http.request(method, path, { headers: { ...this.headers, ...extra }, body });
  }

  async stream(path: string): Promise<EventStream> {
    return await this.#http.stream(path, { headers: this.headers });
  }

  async openSession(timeoutMs = 3_600_000): Promise<Session> {
    return (await this.ask("POST", "/v1/sessions", { timeoutMs })).json<never>();
  }
}

interface Session {
  readonly id: string;
  readonly token: string;
}

interface Claim {
  readonly id: string;
  readonly path: string;
  readonly fenceHeader: string;
  readonly state: string;
}

interface Teams {
  admin: Team;
  a: Team;
  b: Team;
}

/** Whatever a team is answered, it has nothing of where its tree is. */
const test = serverTest.extend<{ teams: Teams }>({
  teams: async ({ http, keeper }, use) => {
    const admin = new Team(http, await turnOnAccess(keeper.store));
    const [a, b] = [
      new Team(http, await addToken(keeper.store, { name: "a", policies: ["admin"], root: "/teams/a" })),
      new Team(http, await addToken(keeper.store, { name: "b", policies: ["admin"], root: "/teams/b" })),
    ];
    const told: Exchange[] = [];
    http.answered = (exchange) => told.push(exchange);
    await use({ admin, a, b });
    const names = [a, b].map(({ headers }) => headers.authorization);
    const toTeams = told.filter(({ headers }) => names.includes(headers.authorization ?? ""));
    for (const { answer, answerHeaders } of toTeams)
      expect(answer + JSON.stringify(answerHeaders)).not.toContain("/teams");
  },
});

/** Resolves when it is so, after this transaction or a later one. */
async function until(keeper: Keeper, isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  await new Promise<void>((resolve) => {
    const stop = keeper.store.onApplied((_: readonly Applied[]) => {
      if (!isSo()) return;
      stop();
      resolve();
    });
  });
}

/** A request that its client may give up. */
async function beginWaiting(http: Http, team: Team, session: Session, url: string, json: object) {
  const socket = await http.connect();
  const body = JSON.stringify(json);
  socket.write(
    `POST ${url} HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${session.token}\r\n` +
      `Authorization: ${team.headers.authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

const sizeOf = (keeper: Keeper, path: string) => keeper.reader.queue(path)?.size ?? 0;

test("two teams hold the lock of one name at once, and each waits in its own queue", async ({
  keeper,
  teams: { admin, a, b },
}) => {
  const url = "/v1/locks/db/claims";
  const [one, two, other] = [await a.openSession(), await a.openSession(), await b.openSession()];
  const held = await a.ask("POST", url, { metadata: { who: "one" } }, one);
  expect([held.status, held.header("location")]).toEqual([201, `${url}/x-0000000000`]);
  const { id, path, fenceHeader } = held.json<never>() as Claim;
  expect(path).toBe("/locks/db/x-0000000000");
  expect((await b.ask("POST", url, {}, other)).status).toBe(201);
  const refused = await a.ask("POST", url, {}, two);
  expect([refused.code, (refused.json().holder as Claim).path]).toEqual(["lock_held", path]);
  const waiting = a.ask("POST", url, { waitMs: 60_000 }, two);
  await until(keeper, () => sizeOf(keeper, "/teams/a/locks/db") === 2);
  expect((await a.ask("GET", "/v1/locks/db")).json()).toMatchObject({
    holders: [{ path, metadata: { who: "one" } }],
    queue: [{ path: "/locks/db/x-0000000001", position: 1 }],
  });
  expect((await a.ask("GET", "/v1/locks")).json()).toMatchObject({
    locks: [{ name: "db", waitingCount: 1 }],
  });
  expect((await admin.ask("GET", "/v1/locks")).json()).toEqual({ locks: [] });
  const fenced = { fence: fenceHeader };
  expect((await a.send("PUT", "/v1/znodes/out", "1", { ...fenced, "if-none-match": "*" })).status).toBe(201);
  expect((await b.send("PUT", "/v1/znodes/out", "1", { ...fenced, "if-none-match": "*" })).code).toBe(
    "fence_stale",
  );
  expect((await a.ask("DELETE", `${url}/${id}`, undefined, one)).status).toBe(204);
  expect((await waiting).json()).toMatchObject({ id: "x-0000000001", state: "held" });
  expect((await b.ask("GET", "/v1/locks/db")).json()).toMatchObject({ holderCount: 1, waitingCount: 0 });
});

test("a lock delay of a namespace keeps its lock, and no other, and ends", async ({
  keeper,
  teams: { admin, a },
}) => {
  const [one, two] = [await a.openSession(1000), await a.openSession()];
  await a.ask("PUT", "/v1/locks/db", { lockDelayMs: 5000 });
  await admin.ask("PUT", "/v1/locks/db", { lockDelayMs: 5000 });
  await a.ask("POST", "/v1/locks/db/claims", {}, one);
  const waiting = a.ask("POST", "/v1/locks/db/claims", { waitMs: 60_000 }, two);
  await until(keeper, () => sizeOf(keeper, "/teams/a/locks/db") === 2);
  await keeper.clock.advance(1300);
  expect((await a.ask("GET", "/v1/locks/db")).json()).toMatchObject({ holderCount: 0, waitingCount: 1 });
  expect((await a.ask("GET", "/v1/locks/db")).json()).toHaveProperty("delayUntilMs");
  expect((await admin.ask("GET", "/v1/locks/db")).json()).not.toHaveProperty("delayUntilMs");
  await keeper.clock.advance(5000);
  expect((await waiting).json()).toMatchObject({ state: "held", path: "/locks/db/x-0000000001" });
});

test("who goes away while it waits in a namespace loses its place there, and nobody else theirs", async ({
  http,
  keeper,
  teams: { admin, a },
}) => {
  const [one, two, above] = [await a.openSession(), await a.openSession(), await admin.openSession()];
  await a.ask("POST", "/v1/locks/db/claims", {}, one);
  await admin.ask("POST", "/v1/locks/db/claims", {}, above);
  const second = admin.ask("POST", "/v1/locks/db/claims", { waitMs: 60_000 }, await admin.openSession());
  await until(keeper, () => sizeOf(keeper, "/locks/db") === 2);
  const socket = await beginWaiting(http, a, two, "/v1/locks/db/claims", { waitMs: 60_000 });
  await until(keeper, () => sizeOf(keeper, "/teams/a/locks/db") === 2);
  socket.destroy();
  await until(keeper, () => sizeOf(keeper, "/teams/a/locks/db") === 1);
  await admin.ask("DELETE", `/v1/sessions/${above.id}`, undefined, above);
  expect((await second).json()).toMatchObject({ id: "x-0000000001", state: "held" });
  expect((await a.ask("GET", "/v1/locks/db")).json()).toMatchObject({ holderCount: 1, waitingCount: 0 });
});

test("who asks for its place in a namespace keeps it when the request that took it is lost", async ({
  http,
  keeper,
  teams: { a },
}) => {
  const [one, two] = [await a.openSession(), await a.openSession()];
  await a.ask("POST", "/v1/locks/db/claims", {}, one);
  const socket = await beginWaiting(http, a, two, "/v1/locks/db/claims", { waitMs: 60_000 });
  const path = "/teams/a/locks/db/x-0000000001";
  await until(keeper, () => keeper.exists(path));
  expect(keeper.state.get(path)?.attempts).toHaveLength(1);
  const found = await a.ask("GET", "/v1/locks/db/claims/x-0000000001", undefined, two);
  expect(found.json()).toMatchObject({ state: "waiting", path: "/locks/db/x-0000000001" });
  expect(keeper.state.get(path)?.attempts).toBeNull();
  socket.destroy();
  await a.ask("DELETE", "/v1/locks/db/claims/x-0000000000", undefined, one);
  expect((await a.ask("GET", "/v1/locks/db/claims/x-0000000001", undefined, two)).json()).toMatchObject({
    state: "held",
  });
});

test("who goes away while it waits at a barrier of a namespace is in it no more", async ({
  http,
  keeper,
  teams: { a },
}) => {
  const enter = { action: "enter", count: 2, participant: "p", waitMs: 60_000 };
  const socket = await beginWaiting(http, a, await a.openSession(), "/v1/barriers/go", enter);
  await until(keeper, () => keeper.exists("/teams/a/barriers/go/p"));
  socket.destroy();
  await until(keeper, () => !keeper.exists("/teams/a/barriers/go/p"));
  expect((await a.ask("GET", "/v1/barriers/go")).json()).toMatchObject({ participantCount: 0 });
});

test("an election of a namespace has a leader of its own, and the next one is told", async ({
  keeper,
  teams: { a, b },
}) => {
  const url = "/v1/elections/boss/candidates";
  const [one, two, other] = [await a.openSession(), await a.openSession(), await b.openSession()];
  const first = (await a.ask("POST", url, { value: "one" }, one)).json<never>() as Claim;
  expect(first).toMatchObject({ state: "leading", path: "/elections/boss/c-0000000000" });
  expect((await b.ask("POST", url, { value: "other" }, other)).json()).toMatchObject({ state: "leading" });
  const waiting = a.ask("POST", url, { value: "two", waitMs: 60_000 }, two);
  await until(keeper, () => sizeOf(keeper, "/teams/a/elections/boss") === 2);
  const found = a.ask("GET", `${url}/c-0000000001?waitMs=60000`, undefined, two);
  const stream = await a.stream("/v1/elections/boss/events");
  expect((await stream.untilEvent("leader")).data).toMatchObject({ leader: { path: first.path } });
  await a.ask("DELETE", `/v1/sessions/${one.id}`, undefined, one);
  expect((await waiting).json()).toMatchObject({ state: "leading", path: "/elections/boss/c-0000000001" });
  expect((await found).json()).toMatchObject({ state: "leading" });
  const next = await stream.untilEvent("leader", 2);
  expect(next.data).toMatchObject({ leader: { path: "/elections/boss/c-0000000001", value: "two" } });
  expect(JSON.stringify(stream.events)).not.toContain("/teams");
  stream.close();
});

test("streams of one lock in two namespaces tell of two locks", async ({ teams: { admin, a, b } }) => {
  const url = "/v1/locks/db/events";
  const streams = [await a.stream(url), await b.stream(url), await admin.stream(url)] as const;
  for (const stream of streams) await stream.untilEvent("holders");
  await a.ask("POST", "/v1/locks/db/claims", { metadata: "mine" }, await a.openSession());
  expect((await streams[0].untilEvent("holders", 2)).data).toMatchObject({ holders: [{ metadata: "mine" }] });
  await b.ask("POST", "/v1/locks/db/claims", { metadata: "theirs" }, await b.openSession());
  expect((await streams[1].untilEvent("holders", 2)).data).toMatchObject({
    holders: [{ metadata: "theirs" }],
  });
  expect(streams.map(({ events }) => events.length)).toEqual([2, 2, 1]);
  for (const stream of streams) stream.close();
});

test("streams of a service in a namespace tell of its instances, as those name them who are confined to it", async ({
  teams: { a, b },
}) => {
  const url = "/v1/services/web/instances";
  const session = await a.openSession();
  await a.ask("PUT", `${url}/i`, { address: "10.0.0.1", port: 80 }, session);
  const [stream, other] = [
    await a.stream("/v1/services/web/events"),
    await b.stream("/v1/services/web/events"),
  ];
  const instance = { id: "i", path: "/services/web/i" };
  expect((await stream.untilEvent("snapshot")).data).toMatchObject({ instances: [instance] });
  await a.ask("PATCH", `${url}/i`, { state: "draining" }, session);
  expect((await stream.untilEvent("updated")).data).toMatchObject({
    instance: { ...instance, state: "draining" },
  });
  await a.ask("DELETE", `${url}/i`, undefined, session);
  expect((await stream.untilEvent("removed")).data).toMatchObject({
    instance: { ...instance, state: "draining" },
  });
  await b.ask("PUT", `${url}/j`, { address: "10.0.0.1", port: 80 }, await b.openSession());
  expect((await other.untilEvent("added")).data).toMatchObject({ instance: { path: "/services/web/j" } });
  expect(other.events.map(({ event }) => event)).toEqual(["snapshot", "synced", "added"]);
  for (const each of [stream, other]) {
    expect(JSON.stringify(each.events)).not.toContain("/teams");
    each.close();
  }
});

test("a barrier of a namespace opens by those who are in it alone, and all leave it together", async ({
  keeper,
  teams: { admin, a, b },
}) => {
  const url = "/v1/barriers/start";
  const [one, two] = [await a.openSession(), await a.openSession()];
  const enter = { action: "enter", count: 2, waitMs: 60_000 };
  const first = a.ask("POST", url, { ...enter, participant: "p" }, one);
  await until(keeper, () => keeper.exists("/teams/a/barriers/start/p"));
  for (const team of [admin, b]) {
    const alone = await team.ask("POST", url, { ...enter, waitMs: 0 }, await team.openSession());
    expect([alone.status, alone.json().participantCount]).toEqual([202, 1]);
  }
  expect((await a.ask("POST", url, { ...enter, participant: "q" }, two)).status).toBe(201);
  expect((await first).json()).toMatchObject({ state: "open", path: "/barriers/start/p" });
  expect((await a.ask("GET", url)).json()).toMatchObject({ open: true, path: "/barriers/start" });
  expect((await a.ask("GET", "/v1/barriers")).json()).toMatchObject({ barriers: [{ participantCount: 2 }] });
  const left = a.ask("POST", url, { action: "leave", participant: "p", waitMs: 60_000 }, one);
  await until(keeper, () => !keeper.exists("/teams/a/barriers/start/p"));
  await a.ask("DELETE", `/v1/sessions/${two.id}`, undefined, two);
  expect((await left).json()).toMatchObject({ state: "left" });
  expect(keeper.exists("/teams/a/barriers/start/ready")).toBe(false);
});

test("services and counters of a namespace are its own, as its sessions are and what they hold", async ({
  teams: { admin, a, b },
}) => {
  const session = await a.openSession();
  const url = "/v1/services/web/instances/i";
  const registered = await a.ask("PUT", url, { address: "10.0.0.1", port: 80 }, session);
  expect([registered.status, registered.header("location")]).toEqual([201, url]);
  expect(registered.json()).toMatchObject({ path: "/services/web/i" });
  expect((await a.ask("PATCH", url, { state: "draining" }, session)).json()).toMatchObject({
    state: "draining",
  });
  expect((await a.ask("GET", "/v1/services/web")).json()).toMatchObject({
    instances: [{ path: "/services/web/i" }],
  });
  for (const other of [admin, b]) {
    expect((await other.ask("GET", "/v1/services")).json()).toEqual({ services: [] });
    expect((await other.ask("GET", url)).code).toBe("no_instance");
  }
  expect((await a.ask("POST", "/v1/counters/hits", { by: 3 })).json()).toMatchObject({ value: 3 });
  expect((await b.ask("POST", "/v1/counters/hits", { by: 4 })).json()).toMatchObject({ value: 4 });
  await a.ask("POST", "/v1/locks/db/claims", {}, session);
  expect((await a.ask("GET", `/v1/sessions/${session.id}`)).json()).toMatchObject({
    ephemerals: ["/locks/db/x-0000000000", "/services/web/i"],
    claims: [{ path: "/locks/db/x-0000000000", state: "held" }],
    instances: [{ path: "/services/web/i", service: "web" }],
  });
  expect((await admin.ask("GET", `/v1/sessions/${session.id}`)).json()).toMatchObject({
    claims: [{ path: "/teams/a/locks/db/x-0000000000", state: "held" }],
    instances: [{ path: "/teams/a/services/web/i", service: "web" }],
  });
  expect((await a.ask("GET", "/v1/sessions")).code).toBe("forbidden");
  expect((await b.ask("GET", `/v1/sessions/${session.id}`)).code).toBe("session_expired");
});

test("a quota of a namespace governs in it, and one above it holds without being told of", async ({
  teams: { admin, a, b },
}) => {
  for (const path of ["/x", "/x/1", "/y"])
    await a.send("PUT", `/v1/znodes${path}`, "", { "if-none-match": "*" });
  const set = await a.ask("PUT", "/v1/quotas/x", { countHard: 2 });
  expect([set.status, set.header("location")]).toEqual([201, "/v1/quotas/x"]);
  expect(set.json()).toMatchObject({ path: "/x", count: 2 });
  expect((await a.send("PUT", "/v1/znodes/x/2", "", { "if-none-match": "*" })).json()).toMatchObject({
    ...{ code: "quota_exceeded", path: "/x", limit: "countHard", size: 3 },
  });
  expect((await a.ask("PUT", "/v1/quotas/x/1", { countHard: 2 })).json()).toMatchObject({
    ...{ code: "quota_nested", path: "/x" },
  });
  expect((await a.ask("GET", "/v1/quotas")).json()).toMatchObject({ quotas: [{ path: "/x" }] });
  expect((await b.ask("GET", "/v1/quotas")).json()).toEqual({ quotas: [] });
  expect((await a.ask("GET", "/v1/quotas/x/1")).json().detail).toContain("The quota of /x governs it");
  expect((await admin.ask("PUT", "/v1/quotas/teams/a", { countHard: 4 })).code).toBe("quota_nested");
  expect((await a.ask("DELETE", "/v1/quotas/x")).status).toBe(204);
  for (const path of ["/v1/quotas/teams/a", "/v1/quotas/teams"]) {
    await admin.ask("PUT", path, { countHard: 5 });
    for (const parents of ["1", "2"])
      await a.send("PUT", `/v1/znodes/y/${parents}`, "", { "if-none-match": "*" });
    const full = (await a.send("PUT", "/v1/znodes/y/3", "", { "if-none-match": "*" })).json();
    expect([full.code, full.path, full.limitValue]).toEqual(["quota_exceeded", undefined, undefined]);
    const nested = (await a.ask("PUT", "/v1/quotas/y", { countHard: 9 })).json();
    expect([nested.code, nested.path]).toEqual(["quota_nested", undefined]);
    expect((await a.ask("GET", "/v1/quotas")).json()).toEqual({ quotas: [] });
    expect((await a.ask("GET", "/v1/quotas/y")).json().detail).toContain("Set one with PUT");
    for (const method of ["GET", "DELETE"])
      expect((await a.ask(method, "/v1/quotas/")).code).toBe("reserved_path");
    await admin.ask("DELETE", path);
  }
});

test("what is exported from a namespace is whole, and is the same in another one", async ({
  keeper,
  teams: { admin, a, b },
}) => {
  await a.ask("POST", "/v1/transactions", {
    operations: [
      { op: "create", path: "/app", data: "1" },
      { op: "create", path: "/app/job-", sequential: true },
      { op: "set", path: "/", data: "top" },
    ],
  });
  await a.ask("POST", "/v1/locks/db/claims", {}, await a.openSession());
  await a.ask("POST", "/v1/barriers/go", { action: "enter", count: 1 }, await a.openSession());
  await a.ask("POST", "/v1/counters/hits", { by: 3 });
  const dump = await a.ask("GET", "/v1/export");
  const pathsIn = (lines: string) =>
    lines
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { path: string }).path);
  expect(pathsIn(dump.text)).toEqual(
    expect.arrayContaining(["/", "/app", "/app/job-0000000000", "/locks/db/x-0000000000", "/counters/hits"]),
  );
  const imported = await b.send("POST", "/v1/import?onConflict=replace", dump.text);
  expect([imported.status, imported.json().ephemerals]).toEqual([200, 3]);
  expect((await b.ask("GET", "/v1/tree/app")).json()).toMatchObject({
    znodes: [{ path: "/app", data: "1" }, { path: "/app/job-0000000000" }],
  });
  expect(keeper.data("/teams/b")).toBe("top");
  const page = (await a.ask("GET", "/v1/tree?limit=2")).json<{ next: string }>();
  expect(page.next).toBe("/app");
  expect((await a.ask("GET", `/v1/tree?limit=1&after=${page.next}`)).json()).toMatchObject({
    znodes: [{ path: "/app/job-0000000000" }],
  });
  const numbered = JSON.stringify({ path: "/teams/b/locks/q/x-0000000004", data: "", stat: { sequence: 4 } });
  expect((await admin.send("POST", "/v1/import", numbered)).status).toBe(200);
  expect((await b.ask("GET", "/v1/locks/q")).json()).toMatchObject({ holderCount: 0 });
  expect((await a.ask("DELETE", "/v1/tree/app")).json()).toMatchObject({ path: "/app", deleted: 2 });
  const batch = {
    operations: [
      { op: "children", path: "/" },
      { op: "get", path: "/none" },
    ],
  };
  expect((await a.ask("POST", "/v1/batch", batch)).status).toBe(200);
});

test("what the recipes of a namespace keep is written by hand by an admin alone, inside and outside", async ({
  http,
  keeper,
  teams: { admin, a },
}) => {
  const rules: Rule[] = [
    { prefix: "/", allow: ["read", "write", "create", "delete", "session", "coordinate"] },
  ];
  const above = new Team(http, await addTokenWith(keeper.store, "above", rules));
  const inside = new Team(http, await addTokenWith(keeper.store, "inside", rules, "/teams/a"));
  // By the rules, and not by what is there yet.
  expect((await above.ask("DELETE", "/v1/tree/teams")).code).toBe("forbidden");
  await a.ask("POST", "/v1/locks/db/claims", {}, await a.openSession());
  const create = { "if-none-match": "*" };
  expect((await above.send("PUT", "/v1/znodes/teams/a/locks/x", "", create)).code).toBe("forbidden");
  expect((await above.send("PUT", "/v1/znodes/teams/a/app", "", create)).status).toBe(201);
  expect((await inside.send("PUT", "/v1/znodes/locks/x", "", create)).code).toBe("forbidden");
  expect((await inside.ask("POST", "/v1/locks/x/claims", {}, await inside.openSession())).status).toBe(201);
  expect((await inside.ask("DELETE", "/v1/tree/app")).status).toBe(200);
  for (const path of ["/v1/admin/tokens", "/v1/admin/policies"])
    expect((await a.ask("GET", path)).code).toBe("forbidden");
  expect((await admin.send("PUT", "/v1/znodes/teams/a/locks/x/y", "", create)).status).toBe(201);
});

test("the rules of who is confined are about the whole tree, and refusals about what they name", async ({
  http,
  keeper,
  teams: { a },
}) => {
  for (const path of ["/app", "/other"])
    await a.send("PUT", `/v1/znodes${path}`, "1", { "if-none-match": "*" });
  const rules: Rule[] = [{ prefix: "/teams/a/app", allow: ["read"] }];
  const reader = new Team(http, await addTokenWith(keeper.store, "reader", rules, "/teams/a"));
  expect((await reader.ask("GET", "/v1/znodes/app")).json()).toMatchObject({ path: "/app", data: "1" });
  expect((await reader.ask("GET", "/v1/znodes/teams/a/app")).json()).toMatchObject({
    ...{ code: "forbidden", path: "/teams/a/app" },
  });
  const refused = (await reader.ask("GET", "/v1/znodes/other")).json();
  expect(refused).toMatchObject({ code: "forbidden", path: "/other" });
  expect(refused.detail).toBe("No policy of yours gives you the right `read` on /other.");
  expect((await reader.ask("GET", "/v1/whoami")).json()).toEqual({ by: "token:reader" });
});

test("who is known from outside has the recipes of a namespace, and none in a root that is not one", async ({
  keeper,
}) => {
  await turnOnAccess(keeper.store);
  await addToken(keeper.store, { name: "a", policies: ["admin"], root: "/teams/a" });
  const add = async (root: string) =>
    await keeper.store.submit({
      ...{ type: "addToCounter", name: "n", by: 1 },
      principal: { identity: "jwt:x", policies: ["admin"], root },
    });
  expect(await refusal(add("/teams"))).toBe("forbidden");
  expect((await add("/teams/a")).outcome).toEqual({ path: "/counters/n", previous: 0, value: 1 });
  expect(keeper.data("/teams/a/counters/n")).toBe("1");
});

test("what somebody who is confined would make larger is measured where it is", async ({ keeper }) => {
  await turnOnAccess(keeper.store);
  await addToken(keeper.store, { name: "a", policies: ["admin"], root: "/teams/a" });
  await keeper.create("/teams/a/x", plain, "1", { principal: "system" });
  const limits = { treeBytesMax: memoryOf(keeper.state) + 500 };
  const principal = { identity: "jwt:x", policies: ["admin"], root: "/teams/a" };
  const set = (size: number) =>
    ({ type: "setData", path: "/x", data: new Uint8Array(size), principal }) as const;
  expect(excessOf(set(1000), keeper.state, limits)).toMatchObject({ growth: 999 });
  expect(excessOf(set(400), keeper.state, limits)).toBeNull();
});

test("what somebody confined has made has a path that others can name", async ({
  keeper,
  teams: { admin, a },
}) => {
  const length = defaultLimits.pathLengthMax - "/teams/a".length;
  const create = { "if-none-match": "*" };
  const longest = `/${"x".repeat(length - 1)}`;
  expect((await a.send("PUT", `/v1/znodes${longest}x`, "", create)).json()).toMatchObject({
    ...{ code: "bad_path", limit: "pathLengthMax", limitValue: length, size: length + 1 },
  });
  expect((await a.send("PUT", `/v1/znodes${longest}`, "", create)).status).toBe(201);
  expect((await admin.ask("GET", `/v1/znodes/teams/a${longest}`)).status).toBe(200);
  expect(keeper.exists(`/teams/a${longest}`)).toBe(true);
});

test("no root begins where recipes keep something, or would", async ({ keeper, teams: { admin } }) => {
  const make = async (name: string, root: string) => {
    const answer = await admin.ask("POST", "/v1/admin/tokens", { name, policies: ["admin"], root });
    return answer.status === 201 ? "made" : answer.code;
  };
  for (const path of ["/old", "/old/services", "/new", "/new/locks-of-old"])
    await keeper.create(path, plain, "", { principal: "system" });
  expect(await make("c", "/old")).toBe("node_exists");
  expect(await make("c", "/teams/a/locks")).toBe("reserved_path");
  expect(await make("c", "/locks/x")).toBe("reserved_path");
  expect(await make("c", "/new")).toBe("made");
  expect(await make("d", "/deep/counters/x")).toBe("made");
  await keeper.store.submit({ type: "deleteTree", path: "/deep", principal: "system" });
  expect(await make("e", "/deep")).toBe("node_exists");
  expect(await make("f", "/teams/a/inner")).toBe("made");
  expect(await make("g", "/teams/a")).toBe("made");
});

test("a namespace inside another keeps its own locks, and the outer one sees their znodes", async ({
  http,
  keeper,
  teams: { a },
}) => {
  const inner = new Team(
    http,
    await addToken(keeper.store, { name: "inner", policies: ["admin"], root: "/teams/a/inner" }),
  );
  for (const team of [a, inner])
    expect((await team.ask("POST", "/v1/locks/db/claims", {}, await team.openSession())).status).toBe(201);
  expect((await a.ask("GET", "/v1/tree/inner")).json()).toMatchObject({
    znodes: [{}, {}, {}, { path: "/inner/locks/db/x-0000000000" }],
  });
});

test("whose root is gone is told that nothing is there, whatever is asked", async ({
  keeper,
  teams: { a },
}) => {
  const session = await a.openSession();
  await keeper.store.submit({ type: "deleteTree", path: "/teams/a", principal: "system" });
  expect((await a.send("POST", "/v1/znodes/x/y?parents=true", "")).json()).toMatchObject({
    ...{ code: "no_node", path: "/" },
  });
  expect((await a.ask("GET", "/v1/znodes/")).code).toBe("no_node");
  expect((await a.ask("GET", "/v1/export")).code).toBe("no_node");
  expect((await a.ask("POST", "/v1/locks/db/claims", {}, session)).code).toBe("no_node");
  expect((await a.send("POST", "/v1/import", '{"path":"/x","data":""}')).code).toBe("no_node");
  expect((await a.ask("GET", "/v1/locks")).json()).toEqual({ locks: [] });
  const zxid = keeper.store.zxid;
  let isAnswered = false;
  const polled = a.ask("GET", `/v1/znodes/x/y?waitAfterZxid=${zxid}&waitMs=1000`);
  void polled.then(() => {
    isAnswered = true;
  });
  while (!isAnswered) await keeper.clock.advance(1000);
  expect((await polled).code).toBe("no_node");
});
