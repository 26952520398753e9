// What a server says while it cannot reach its log: nothing of the state, unless what was last known will do; and its streams
// say so, go on as if nothing had been when it is over, and never tell anybody meanwhile that it holds something.

import { DocumentedHttp } from "../support/documented-http.ts";
import type { EventStream, Http } from "../support/http.ts";
import { type Operation, operations } from "../support/openapi.ts";
import { expect, type Session, type Site, test, tokenOf } from "./fixture.ts";

const reads = operations.filter(
  ({ method, path }) => (method === "GET" || method === "HEAD") && path.startsWith("/v1"),
);

const showsState = ({ parameters }: Operation) => parameters.some(({ name }) => name === "stale");

/** Something is there for most of them, and where there is not that is an answer too. */
function urlOf({ path, parameters }: Operation): string {
  const query = parameters.filter(({ in: place, required }) => place === "query" && required === true);
  const asked = query.map(({ name }) => `${name}=/a`).join("&");
  return `${path.replace("{path}", "a").replaceAll(/{\w+}/g, "x")}?${asked}`;
}

test("what a server says of itself it says always, and of the state only when asked for what was last known", async ({
  sites,
}) => {
  const [here] = sites;
  await here.http.post("/v1/znodes/a", { body: "x" });
  here.cutOff();
  for (const operation of reads) {
    const refused = await answerTo(here.http, operation, "");
    // Where the log ends nobody can say then.
    const isAnswered = !showsState(operation) && operation.operationId !== "getLogEnd";
    if (isAnswered) expect.soft(refused.code, operation.operationId).not.toBe("suspended");
    else expect.soft([refused.code, refused.retryAfter], operation.operationId).toEqual(["suspended", "1"]);
    if (!showsState(operation)) continue;
    const answered = await answerTo(here.http, operation, "&stale=ok");
    const isOfState = answered.status < 400 || answered.status === 404;
    expect.soft(answered.code, operation.operationId).not.toBe("suspended");
    expect.soft(answered.staleMs !== null, operation.operationId).toBe(isOfState);
  }
  here.connect();
  const own = reads.filter((operation) => !showsState(operation)).map(({ operationId }) => operationId);
  expect(own.toSorted()).toEqual(
    [
      ...["followLog", "getEndedSession", "getLimits", "getLogEnd", "getStats", "listConnections"],
      ...["listEndedSessions", "listServers", "listWatches", "takeBackup"],
    ].toSorted(),
  );
});

/** The head of an answer, also of one that would not end. */
async function answerTo(http: Http, operation: Operation, asked: string) {
  const abort = new AbortController();
  const response = await http.fetch(operation.method, urlOf(operation) + asked, {}, abort.signal);
  const { status, headers } = response;
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") === true;
  const code =
    isProblem && operation.method !== "HEAD" ? ((await response.json()) as { code: string }).code : null;
  abort.abort();
  const isHeadRefused = operation.method === "HEAD" && status === 503;
  return {
    status,
    code: isHeadRefused ? "suspended" : code,
    retryAfter: headers.get("retry-after"),
    staleMs: headers.get("stale-ms"),
  };
}

test("an answer of what was last known says how old it may be, and is as the document says", async ({
  sites,
  pass,
}) => {
  const [here, there] = sites;
  const http = new DocumentedHttp(here.http.url);
  await http.post("/v1/znodes/a", { body: "old" });
  await there.hasCaughtUp();
  here.cutOff();
  await there.http.put("/v1/znodes/a", { body: "new" });
  await pass(3000);
  const read = await http.get("/v1/znodes/a?stale=ok");
  expect([read.json().data, Number(read.header("stale-ms"))]).toEqual(["old", 3000]);
  expect((await http.get("/v1/znodes/none?stale=ok")).header("stale-ms")).toBe("3000");
  expect((await http.get("/v1/znodes/a")).code).toBe("suspended");
  expect((await http.post("/v1/znodes/b")).code).toBe("suspended");
  expect((await http.post("/v1/import?dryRun=true", { body: '{"path":"/b","data":""}\n' })).code).toBe(
    "suspended",
  );
  here.connect();
  await here.hasCaughtUp();
  const fresh = await http.get("/v1/znodes/a?stale=ok");
  expect([fresh.json().data, fresh.header("stale-ms")]).toEqual(["new", null]);
});

test("what may be old and what may not cannot be asked for at once, and writes take neither", async ({
  sites: [here],
}) => {
  for (const asked of [
    here.http.get("/v1/znodes?stale=ok&consistency=linearizable"),
    here.http.get("/v1/znodes?stale=yes"),
    here.http.get("/v1/znodes?stale=ok&stale=ok"),
    here.http.put("/v1/znodes?stale=ok"),
    here.http.get("/v1/limits?stale=ok"),
  ])
    expect((await asked).code).toBe("bad_request");
});

test("a stream says that its server is cut off, and goes on with every change once", async ({ sites }) => {
  const [here, there] = sites;
  await there.http.post("/v1/znodes/w");
  await here.hasCaughtUp();
  const stream = await here.stream("/v1/watch?path=/w");
  await stream.untilEvent("synced");
  for (let round = 1; round <= 3; round += 1) {
    here.cutOff();
    await stream.untilEvent("suspended", round);
    for (const body of ["1", "2"]) await there.http.put("/v1/znodes/w", { body });
    expect(stream.events.at(-1)?.event).toBe("suspended");
    here.connect();
    await stream.untilEvent("change", 2 * round);
  }
  const names = stream.events.map(({ event }) => event);
  const round = ["suspended", "connected", "change", "change"];
  expect(names).toEqual(["synced", ...round, ...round, ...round]);
  const zxids = stream.named("change").map(({ data }) => Number(data.zxid));
  expect(zxids).toEqual(Array.from({ length: 6 }, (_, index) => (zxids[0] as number) + index));
  for (const name of ["suspended", "connected"])
    for (const { id, data } of stream.named(name)) {
      expect(id).toBeUndefined();
      expect(Object.keys(data)).toEqual(["zxid"]);
    }
});

test("streams of holders say it as well, and go on", async ({ sites }) => {
  const [here] = sites;
  const session = await here.openSession(60_000);
  const streams = [await here.stream("/v1/locks/l/events"), await here.stream("/v1/elections/e/events")];
  await sayThatTheyAreCutOff(here, streams);
  await here.http.post("/v1/locks/l/claims", { json: {}, ...tokenOf(session) });
  await streams[0]?.untilEvent("holders", 2);
});

test("streams of instances and of a session say it as well", async ({ sites }) => {
  const [here] = sites;
  const { id } = await here.openSession(60_000);
  const streams = [
    await here.stream("/v1/services/s/events"),
    await here.stream(`/v1/sessions/${id}/events`),
  ];
  await sayThatTheyAreCutOff(here, streams);
});

async function sayThatTheyAreCutOff(here: Site, streams: readonly EventStream[]): Promise<void> {
  for (const stream of streams) await stream.until(() => stream.events.length > 0);
  here.cutOff();
  for (const stream of streams) await stream.untilEvent("suspended");
  here.connect();
  for (const stream of streams) await stream.untilEvent("connected");
}

test("a session's stream does not say that it lives while nobody can know", async ({ sites, pass }) => {
  const [here] = sites;
  const session = await here.openSession(3_600_000);
  const stream = await here.stream(`/v1/sessions/${session.id}/events`);
  await stream.untilEvent("alive");
  here.cutOff();
  await stream.untilEvent("suspended");
  await pass(11_000);
  await stream.until(() => stream.comments > 0);
  expect(stream.named("alive")).toHaveLength(1);
  here.connect();
  await stream.untilEvent("connected");
});

test("no stream is opened by a server that is cut off, unless what was last known will do", async ({
  sites,
}) => {
  const [here, there] = sites;
  const { zxid } = await there.http.post("/v1/znodes/w");
  await here.hasCaughtUp();
  here.cutOff();
  await expect(here.stream("/v1/watch?path=/w")).rejects.toThrow("503");
  const posted = await here.http.post("/v1/watch", { json: { path: ["/w"] } });
  expect(posted.code).toBe("suspended");
  const batch = { json: { operations: [{ op: "get", path: "/w" }] } };
  expect((await here.http.post("/v1/batch", batch)).code).toBe("suspended");
  const read = await here.http.post("/v1/batch?stale=ok", batch);
  expect([read.json().results, read.header("stale-ms")]).toMatchObject([[{ status: 200 }], /\d/]);
  const stream = await here.stream("/v1/watch?path=/w&initial=true&stale=ok");
  await stream.untilEvent("synced");
  expect(stream.headers.get("stale-ms")).toMatch(/^\d+$/);
  expect(stream.events.map(({ event }) => event)).toEqual(["suspended", "snapshot", "synced"]);
  await there.http.put("/v1/znodes/w", { body: "1" });
  const ahead = { headers: { "last-event-id": String(zxid + 1) } };
  expect((await here.http.get("/v1/watch?path=/w&stale=ok", ahead)).code).toBe("suspended");
  here.connect();
  await stream.untilChanges(1);
});

test("a long poll is answered as soon as there is nothing to wait for", async ({ sites }) => {
  const [here, there] = sites;
  const { zxid } = await there.http.post("/v1/znodes/w", { body: "0" });
  await here.hasCaughtUp();
  const query = { waitAfterZxid: zxid, waitMs: 60_000 };
  const polled = here.http.get("/v1/znodes/w", { query });
  const patient = here.http.get("/v1/znodes/w", { query: { ...query, stale: "ok" } });
  await here.hasRead();
  here.cutOff();
  expect((await polled).code).toBe("suspended");
  await there.http.put("/v1/znodes/w", { body: "1" });
  here.connect();
  const answer = await patient;
  expect([answer.json().data, answer.header("stale-ms")]).toEqual(["1", null]);
});

async function holdersAt({ http }: Site): Promise<string[]> {
  const view = (await http.get("/v1/locks/l")).json<{ holders: { session: string }[] }>();
  return view.holders.map(({ session }) => session);
}

function claim({ http }: Site, session: Session, waitMs: number, key?: string) {
  const { headers } = tokenOf(session);
  const keyed = key === undefined ? headers : { ...headers, "idempotency-key": key };
  return http.post("/v1/locks/l/claims", { json: { waitMs }, headers: keyed });
}

test("whoever waits for a lock is not told that it holds, and finds its place elsewhere", async ({
  sites,
}) => {
  const [here, there] = sites;
  const [holder, me] = [await there.openSession(60_000), await there.openSession(60_000)];
  const { id } = (await claim(there, holder, 0)).json<{ id: string }>();
  await here.hasCaughtUp();
  const waiting = claim(here, me, 60_000, "my-key");
  while ((await there.http.get("/v1/locks/l")).json<{ waitingCount: number }>().waitingCount !== 1);
  const mine = `/v1/locks/l/claims/x-${String(Number(id.slice(2)) + 1).padStart(10, "0")}`;
  const polling = here.http.get(`${mine}?waitMs=60000`, tokenOf(me));
  await here.hasRead();
  here.cutOff();
  const told = await waiting;
  expect([told.status, told.json().state]).toEqual([202, "waiting"]);
  expect((await polling).code).toBe("suspended");
  await there.http.delete(`/v1/locks/l/claims/${id}`, tokenOf(holder));
  expect((await claim(here, me, 60_000, "my-key")).code).toBe("suspended");
  const again = await claim(there, me, 60_000, "my-key");
  expect([again.status, again.json().state]).toEqual([201, "held"]);
  expect(await holdersAt(there)).toEqual([me.id]);
  const old = await here.http.get(`${mine}?stale=ok`, tokenOf(me));
  expect([old.json().state, old.json().validForMs]).toEqual(["waiting", undefined]);
  here.connect();
});

test("a server that was cut off for long and comes back leaves the duties where they are, and ends nobody", async ({
  sites,
  pass,
}) => {
  await pass(2500);
  const onDuty = sites.filter(({ isHousekeeper }) => isHousekeeper);
  expect(onDuty).toHaveLength(1);
  const here = sites.find(({ isHousekeeper }) => !isHousekeeper) as Site;
  const session = await onDuty[0]?.openSession(60_000);
  await here.hasCaughtUp();
  here.cutOff();
  await pass(15_000);
  here.connect();
  await pass(3000);
  expect(sites.filter(({ isHousekeeper }) => isHousekeeper)).toEqual(onDuty);
  expect((await here.http.get(`/v1/sessions/${session?.id}`)).status).toBe(200);
});

test("while nobody reaches the log no session ends, and then each has its whole time again", async ({
  sites,
  pass,
}) => {
  const [here] = sites;
  const session = await here.openSession(2000);
  for (const site of sites) await site.hasCaughtUp();
  for (const site of sites) site.cutOff();
  await pass(20_000);
  for (const site of sites) site.connect();
  await pass(1800);
  const kept = await here.http.put(`/v1/sessions/${session.id}`, tokenOf(session));
  expect(kept.status).toBe(200);
});
