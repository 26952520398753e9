// How new the state is that a request meets, at a server that is behind another on the same log. What one has written the
// other hears of when the test says so, as if the way there were long.

import { once } from "node:events";
import { expect, onTestFinished, vi } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import type { Answer, Http } from "../support/http.ts";
import { Keeper } from "../support/keeper.ts";
import { type LogPlace, newLogPlace } from "../support/logs.ts";
import { watchesOf } from "../watches/fixture.ts";
import { serveFor, test as serverTest } from "./server-fixture.ts";

interface Behind {
  /** The server that all writes go to. */
  readonly ahead: Keeper;
  readonly aheadHttp: Http;
  readonly behind: Keeper;
  readonly http: Http;
  /** Of the last entry that anybody wrote. */
  readonly tail: () => Promise<number>;
  /** The server that is behind hears of all there is. */
  hear(): void;
}

async function serverOn(place: LogPlace, name: string) {
  const keeper = new Keeper(new FakeClock(), await place.open(name, { isShared: true }));
  await keeper.store.start();
  const { http, close } = await serveFor(keeper, watchesOf(keeper));
  onTestFinished(async () => {
    await close();
    await keeper.store.close();
  });
  return { keeper, http };
}

const test = serverTest.extend<{ two: Behind }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  two: async ({}, use) => {
    const place = newLogPlace();
    const ahead = await serverOn(place, "ahead");
    const behind = await serverOn(place, "behind");
    // From here on the timers of requests alone are whole.
    await behind.keeper.clock.advance(1);
    await use({
      ...{ ahead: ahead.keeper, aheadHttp: ahead.http, behind: behind.keeper, http: behind.http },
      tail: () => ahead.keeper.log.tail(),
      hear: () => behind.keeper.log.resume(),
    });
  },
});

/** Resolves when a request waits for the state. */
async function isWaiting({ clock }: Keeper): Promise<void> {
  await vi.waitUntil(() => clock.hasTimerIn(2000, 2000), { interval: 1, timeout: 10_000 });
}

/** The answer to a request that waits, once the server has heard of what it waits for. */
async function afterHearing({ behind, hear }: Behind, asked: Promise<Answer>): Promise<Answer> {
  let isAnswered = false;
  void asked.then(() => {
    isAnswered = true;
  });
  await isWaiting(behind);
  expect(isAnswered).toBe(false);
  hear();
  return await asked;
}

const least = (zxid: number | string) => ({ headers: { "min-zxid": String(zxid) } });

test("a request with Min-Zxid waits until the server has that transaction [G3]", async ({ two }) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  expect((await two.http.get("/v1/znodes/a")).status).toBe(404);
  const read = await afterHearing(two, two.http.get("/v1/znodes/a", least(zxid)));
  expect([read.status, read.zxid]).toEqual([200, zxid]);
  expect((await two.http.get("/v1/znodes/a", least(zxid))).status).toBe(200);
  const { zxid: later } = await two.aheadHttp.put("/v1/znodes/a?version=0", { body: "new" });
  const written = await afterHearing(two, two.http.put("/v1/znodes/a?version=1", least(later)));
  expect(written.status).toBe(200);
});

test("what does not come within two seconds is `behind`, and nothing was done", async ({ two }) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  const count = await two.tail();
  for (const asked of [
    () => two.http.post("/v1/znodes/b", { ...least(zxid), body: "x".repeat(100_000) }),
    () => two.http.get("/v1/znodes", least(zxid)),
  ]) {
    const asking = asked();
    await isWaiting(two.behind);
    await two.behind.clock.advance(2000);
    await two.behind.clock.advance(1);
    const refused = await asking;
    expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "behind", "1"]);
    expect(refused.zxid).toBe(0);
  }
  expect(await two.tail()).toBe(count);
});

test("who has gone while it waited has done nothing", async ({ two }) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  const socket = await two.http.connect();
  socket.write(
    `PUT /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nMin-Zxid: ${zxid}\r\nContent-Length: 3\r\n\r\nnew`,
  );
  await isWaiting(two.behind);
  socket.destroy();
  await once(socket, "close");
  await vi.waitUntil(() => !two.behind.clock.hasTimerIn(2000, 2000), { interval: 1, timeout: 10_000 });
  two.hear();
  expect((await two.http.get("/v1/znodes/a?consistency=linearizable")).json()).toMatchObject({ data: "" });
  expect(two.behind.exists("/a")).toBe(true);
});

test.for(["-1", "1.5", "1e3", "one", "9007199254740992", "12345678901234567", "1, 2", '"1"'])(
  "Min-Zxid: %s is malformed, and changes nothing",
  async (value, { http, state }) => {
    const before = state();
    for (const asked of [http.get("/v1/znodes", least(value)), http.put("/v1/znodes", least(value))]) {
      const refused = await asked;
      expect([refused.status, refused.code]).toEqual([400, "bad_request"]);
      expect(refused.json().detail).toContain("min-zxid");
    }
    expect(state()).toBe(before);
  },
);

test("POST /v1/sync answers when the server has all that was answered anywhere before", async ({ two }) => {
  await two.aheadHttp.post("/v1/znodes/a");
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a/b");
  const count = await two.tail();
  const synced = await afterHearing(two, two.http.post("/v1/sync"));
  expect([synced.status, synced.json()]).toEqual([200, { zxid }]);
  expect(await two.tail()).toBe(count);
});

test("a linearizable read shows all that was answered anywhere before [G5]", async ({ two }) => {
  for (const url of ["/v1/children", "/v1/tree", "/v1/znodes/a", "/v1/counters", "/v1/sessions"]) {
    const { zxid } = await two.aheadHttp.put("/v1/znodes/a?upsert=true");
    const read = await afterHearing(two, two.http.get(`${url}?consistency=linearizable`));
    expect([url, read.status, read.zxid]).toEqual([url, 200, zxid]);
  }
});

test("a stream that begins linearizable tells the newest state first", async ({ two }) => {
  await two.aheadHttp.post("/v1/znodes/a");
  const opening = two.http.stream("/v1/watch?path=/a&initial=true&consistency=linearizable");
  await isWaiting(two.behind);
  two.hear();
  const stream = await opening;
  expect((await stream.untilEvent("snapshot")).data.znodes).toHaveLength(1);
  stream.close();
});

test("consistency has one value, and only reads take it", async ({ http, state }) => {
  const before = state();
  for (const asked of [
    http.get("/v1/znodes?consistency=eventual"),
    http.get("/v1/znodes?consistency=linearizable&consistency=linearizable"),
    http.put("/v1/znodes?consistency=linearizable"),
    http.post("/v1/sync?consistency=linearizable"),
  ]) {
    expect((await asked).code).toBe("bad_request");
  }
  expect(state()).toBe(before);
});

test("HEAD takes consistency as GET does", async ({ http }) => {
  for (const url of ["/v1/znodes", "/v1/children/", "/v1/locks"]) {
    const [get, head] = await Promise.all(
      ["GET", "HEAD"].map((method) => http.request(method, `${url}?consistency=linearizable`)),
    );
    expect([head?.status, get?.status]).toEqual([200, 200]);
  }
});

test("nobody can say what was answered elsewhere while the log is out of reach", async ({ two }) => {
  two.behind.log.suspend("no quorum");
  const refused = await two.http.post("/v1/sync");
  expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "suspended", "1"]);
  expect((await two.http.get("/v1/znodes?consistency=linearizable")).code).toBe("suspended");
  expect((await two.http.get("/v1/znodes?stale=ok")).status).toBe(200);
  two.hear();
});

test("who asks while nobody says where the log ends waits two seconds, and no longer than it wants to", async ({
  two,
}) => {
  let questions = 0;
  const tail = () => {
    questions += 1;
    return new Promise(() => {});
  };
  Object.defineProperty(two.behind.log, "tail", { value: tail, configurable: true });
  const unknown = { headers: { "session-token": "opened elsewhere" } };
  for (const asked of [
    () => two.http.post("/v1/sync"),
    () => two.http.get("/v1/znodes?consistency=linearizable"),
    () => two.http.post("/v1/znodes/a", unknown),
  ]) {
    const asking = asked();
    await isWaiting(two.behind);
    await two.behind.clock.advance(2000);
    const refused = await asking;
    expect([refused.status, refused.code]).toEqual([503, "behind"]);
  }
  const socket = await two.http.connect();
  socket.write("POST /v1/sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  await isWaiting(two.behind);
  socket.destroy();
  await once(socket, "close");
  await vi.waitUntil(() => !two.behind.clock.hasTimerIn(2000, 2000), { interval: 1, timeout: 10_000 });
  expect([questions, two.behind.store.zxid]).toEqual([1, 0]);
});

test("where the log refuses to say where it ends, that is no fault of ours", async ({ two }) => {
  const tail = () => Promise.reject(new Error("secret"));
  Object.defineProperty(two.behind.log, "tail", { value: tail, configurable: true });
  for (const asked of [
    two.http.post("/v1/sync"),
    two.http.get("/v1/znodes?consistency=linearizable"),
    two.http.post("/v1/znodes/a", { headers: { "session-token": "opened elsewhere" } }),
  ]) {
    const refused = await asked;
    expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "suspended", "1"]);
    expect(refused.json().detail).not.toContain("secret");
  }
});

test("an event's id that has not come here yet is waited for, and the stream goes on after it", async ({
  two,
}) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  for (const [query, headers] of [
    ["", { "last-event-id": String(zxid) }],
    [`&sinceZxid=${zxid}`, {}],
  ] as const) {
    const opening = two.http.stream(`/v1/watch?path=/a${query}`, { headers });
    if (two.behind.store.zxid < zxid) await isWaiting(two.behind);
    two.hear();
    const stream = await opening;
    expect((await stream.untilEvent("synced")).data).toEqual({ zxid });
    expect(stream.events).toHaveLength(1);
    stream.close();
  }
});

test("a stream of a service waits for the id it resumes from, too", async ({ two }) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  const opening = two.http.stream(`/v1/services/web/events?sinceZxid=${zxid}`);
  await isWaiting(two.behind);
  two.hear();
  const stream = await opening;
  await stream.untilEvent("synced");
  expect(stream.events).toHaveLength(1);
  stream.close();
});

test("a long poll waits for the transaction it waits after", async ({ two }) => {
  const { zxid } = await two.aheadHttp.post("/v1/znodes/a");
  const polled = two.http.get(`/v1/znodes/a?waitAfterZxid=${zxid}`);
  await isWaiting(two.behind);
  two.hear();
  await two.aheadHttp.put("/v1/znodes/a", { body: "new" });
  two.hear();
  expect((await polled).json()).toMatchObject({ data: "new" });
});

test("an id that never was is unknown as soon as the server has all there is", async ({ two, http }) => {
  const polled = two.http.get("/v1/znodes?waitAfterZxid=999");
  expect((await polled).code).toBe("history_trimmed");
  const stream = await two.http.stream("/v1/watch?path=/a", { headers: { "last-event-id": "999" } });
  expect((await stream.untilEvent("reset")).data).toMatchObject({ reason: "unknown_zxid" });
  stream.close();
  expect((await http.get("/v1/watch?path=/a&sinceZxid=999")).code).toBe("history_trimmed");
});

test("a session that was opened elsewhere is met, and not called gone", async ({ two }) => {
  const { id, token } = (await two.aheadHttp.post("/v1/sessions")).json<{ id: string; token: string }>();
  const kept = await afterHearing(
    two,
    two.http.put(`/v1/sessions/${id}`, { headers: { "session-token": token } }),
  );
  expect(kept.status).toBe(200);
  const { token: other } = (await two.aheadHttp.post("/v1/sessions")).json<{ token: string }>();
  const many = two.http.post("/v1/sessions/keepalive", { json: { tokens: [token, other] } });
  expect((await afterHearing(two, many)).json().results).toMatchObject([{ id }, { timeoutMs: 10_000 }]);
});

test("tokens that nobody knows are gone, and make no entry in the log", async ({ two, http, keeper }) => {
  const headers = { "session-token": "nobody's" };
  const counts = async () => [await two.tail(), (await keeper.log.usage()).entries];
  const before = await counts();
  const answers = Array.from({ length: 20 }, () => two.http.get("/v1/znodes", { headers }));
  for (const answer of answers) expect((await answer).code).toBe("session_expired");
  expect((await http.get("/v1/znodes", { headers })).code).toBe("session_expired");
  expect((await http.post("/v1/sync")).json()).toEqual({ zxid: keeper.store.zxid });
  expect(await counts()).toEqual(before);
});
