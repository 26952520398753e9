// Services: instances that live with their sessions, found by what they say of themselves, and streams of them (API
// section 6).

import { randomBytes } from "node:crypto";
import { type EventStream, zxidIn } from "../support/http.ts";
import {
  test as base,
  expect,
  expectProblem,
  expectStatus,
  type Session,
  tokenOf,
  urlOf,
} from "./fixture.ts";

interface View {
  readonly id: string;
  readonly fence: number;
  readonly session: string | null;
  readonly [member: string]: unknown;
}

interface ServiceFixture {
  /** Of a service of the test's own. */
  path: string;
  url: string;
  /** Registers an instance; 201 or 200. */
  put: (session: Session, id: string, said?: object) => Promise<View>;
  /** Ids of the instances listed. */
  ids: (query?: string) => Promise<string[]>;
  listen: (query?: string, headers?: Record<string, string>) => Promise<EventStream>;
}

const test = base.extend<ServiceFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  path: async ({}, use) => use(`/services/service-${randomBytes(8).toString("hex")}`),
  url: async ({ http, path }, use) => {
    await use(`/v1${path}`);
    await http.delete(urlOf(path), { query: "recursive=true" });
  },
  put: async ({ http, url }, use) => {
    await use(async (session, id, said = {}) => {
      const json = { address: "10.0.0.1", port: 80, ...said };
      const answer = await http.put(`${url}/instances/${id}`, { json, ...tokenOf(session) });
      expect([200, 201], answer.text).toContain(answer.status);
      return answer.json<never>();
    });
  },
  ids: async ({ http, url }, use) => {
    await use(async (query = "") => {
      const answer = expectStatus(await http.get(url, { query }), 200);
      return answer.json<{ instances: View[] }>().instances.map(({ id }) => id);
    });
  },
  listen: async ({ http, url }, use) => {
    const streams: EventStream[] = [];
    await use(async (query = "", headers = {}) => {
      const stream = await http.stream(`${url}/events`, { query, headers });
      streams.push(stream);
      return stream;
    });
    for (const stream of streams) stream.close();
  },
});

/** What a stream was told, each event in two or three words. */
function told(stream: EventStream): string[] {
  return stream.events
    .filter(({ event }) => event !== "bookmark")
    .map(({ event, data }) => {
      const { instance, instances } = data as { instance?: View; instances?: View[] };
      if (instances !== undefined) return `${event} ${instances.map(({ id }) => id).join(" ")}`.trim();
      return instance === undefined ? `${event}` : `${event} ${instance.id} ${instance.state}`;
    });
}

test("an instance is an ephemeral znode that says the same, with what is left out filled in", async ({
  http,
  url,
  path,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const said = { address: "10.0.0.1", port: 80, metadata: { b: "2", a: "1" }, tags: ["x"] };
  const instanceUrl = `${url}/instances/one`;
  const answer = expectStatus(await http.put(instanceUrl, { json: said, ...tokenOf(session) }), 201);
  const instance = { ...said, weight: 1, zone: "", state: "up" };
  const { fence } = answer.json<{ fence: number }>();
  const view = { id: "one", path: `${path}/one`, fence, session: session.id, ...instance };
  expect(answer.json()).toEqual({ ...view, validForMs: session.timeoutMs });
  expect(answer.header("location")).toBe(instanceUrl);
  const znode = await znodes.read(`${path}/one`);
  expect(znode.stat).toMatchObject({ czxid: fence, ephemeralOwner: session.id });
  expect(znode.data).toBe(
    '{"address":"10.0.0.1","port":80,"metadata":{"a":"1","b":"2"},"tags":["x"],"weight":1,"zone":"","state":"up"}',
  );
  expect((await http.get(instanceUrl)).json()).toEqual(view);
  expect((await http.get(url)).json()).toEqual({ name: path.slice(10), path, instances: [view] });
  const name = path.slice(10);
  const { services } = (await http.get("/v1/services", { query: "limit=10000" })).json<{
    services: object[];
  }>();
  expect(services).toContainEqual({ name, instanceCount: 1 });
  expect((await http.get(`/v1/sessions/${session.id}`)).json()).toMatchObject({
    claims: [],
    instances: [{ id: "one", service: name, path: `${path}/one`, fence, state: "up" }],
  });
});

test("the same PUT again changes nothing, and another one changes the znode in place", async ({
  http,
  url,
  path,
  put,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const { fence } = await put(session, "one", { metadata: { a: "1", b: "2" } });
  const before = await znodes.stat(`${path}/one`);
  const json = { port: 80, address: "10.0.0.1", metadata: { b: "2", a: "1" }, weight: 1 };
  const again = await http.put(`${url}/instances/one`, { json, ...tokenOf(session) });
  expectStatus(again, 200);
  expect(await znodes.stat(`${path}/one`)).toEqual(before);
  expect(again.json()).toMatchObject({ fence, validForMs: session.timeoutMs });
  expect(await put(session, "one", { state: "draining" })).toMatchObject({ fence, metadata: {} });
  expect(await znodes.stat(`${path}/one`)).toMatchObject({ version: 1, czxid: fence });
});

test("an instance goes with its session, and another session's is not to be had meanwhile", async ({
  http,
  url,
  put,
  ids,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const { fence } = await put(one, "a");
  const instance = `${url}/instances/a`;
  const json = { address: "10.0.0.2", port: 81 };
  for (const refused of [
    await http.put(instance, { json, ...tokenOf(two) }),
    await http.request("PATCH", instance, { json: {}, ...tokenOf(two) }),
    await http.delete(instance, tokenOf(two)),
  ]) {
    expectProblem(refused, 409, "not_holder");
  }
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  expect(await ids()).toEqual([]);
  expectProblem(await http.get(instance), 404, "no_instance");
  expectProblem(await http.put(instance, { json, ...tokenOf(one) }), 410, "session_expired");
  expectProblem(await http.put(instance, { json }), 400, "session_required");
  expect((await put(two, "a")).fence).toBeGreaterThan(fence);
});

test("who comes back after a crash takes over its own id: watchers see one go and the other come at once", async ({
  http,
  url,
  put,
  ids,
  listen,
  openSession,
}) => {
  const [crashed, back] = [await openSession(), await openSession()];
  const { fence } = await put(crashed, "a");
  const stream = await listen();
  const instance = `${url}/instances/a`;
  const take = (query: string, session: Session) =>
    http.put(instance, { json: { address: "10.0.0.2", port: 81 }, query, ...tokenOf(session) });
  expectProblem(await take(`replace=${fence + 1}`, back), 409, "not_holder");
  for (const query of [`replace=${fence}&force=true`, "replace=0", "replace=x", "replace=", "surprise=1"]) {
    expectProblem(await take(query, back), 400, "bad_request");
  }
  const taken = expectStatus(await take(`replace=${fence}`, back), 201).json<View>();
  expect(taken).toMatchObject({ session: back.id, port: 81 });
  expect(taken.fence).toBeGreaterThan(fence);
  expect(expectStatus(await take(`replace=${fence}`, back), 200).json()).toEqual(taken);
  expectProblem(await take(`replace=${fence}`, crashed), 409, "not_holder");
  await http.delete(`/v1/sessions/${crashed.id}`, tokenOf(crashed));
  expect(await ids()).toEqual(["a"]);
  const operator = await openSession();
  expectStatus(await take("force=true", operator), 201);
  await stream.untilEvent("removed", 2);
  await stream.untilEvent("added", 2);
  expect(told(stream)).toEqual([
    "snapshot a",
    "synced",
    "removed a up",
    "added a up",
    "removed a up",
    "added a up",
  ]);
  const changes = stream.events.filter(({ event }) => event === "removed" || event === "added");
  const zxids = changes.map(({ data }) => (data as { zxid: number }).zxid);
  expect(zxids.slice(0, 2)).toEqual([taken.fence, taken.fence]);
});

test("a PATCH merges what it names, and null goes back to the default", async ({
  http,
  url,
  path,
  put,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const said = { metadata: { a: "1", b: "2" }, tags: ["x", "y"], zone: "north", weight: 5 };
  await put(session, "one", said);
  const patch = (json: object) =>
    http.request("PATCH", `${url}/instances/one`, { json, ...tokenOf(session) });
  const json = { state: "draining", metadata: { a: null, c: "3" }, zone: null, tags: ["z"] };
  const answer = expectStatus(await patch(json), 200);
  const merged = {
    state: "draining",
    metadata: { b: "2", c: "3" },
    zone: "",
    tags: ["z"],
    weight: 5,
    port: 80,
  };
  expect(answer.json()).toMatchObject({ ...merged, validForMs: session.timeoutMs });
  expect((await http.get(`${url}/instances/one`)).json()).toMatchObject(merged);
  const { version } = await znodes.stat(`${path}/one`);
  expectStatus(await patch({ state: "draining" }), 200);
  expect((await znodes.stat(`${path}/one`)).version).toBe(version);
  for (const bad of [{ port: null }, { port: 0 }, { address: "" }, { metadata: { a: 1 } }, { surprise: 1 }]) {
    expectProblem(await patch(bad), 400, "bad_request");
  }
  const nowhere = `${url}/instances/none`;
  expectProblem(await http.request("PATCH", nowhere, { json: {}, ...tokenOf(session) }), 404, "no_instance");
  for (let count = 0; count < 3; count += 1) {
    const grown = await patch({ metadata: { [`m${count}`]: "x".repeat(1500) } });
    if (count < 2) expectStatus(grown, 200);
    else expect(expectProblem(grown, 413, "too_large")).toMatchObject({ limit: "metadataBytesMax" });
  }
});

test("a DELETE is harmless when repeated, and by force takes anybody's", async ({
  http,
  url,
  put,
  ids,
  openSession,
}) => {
  const session = await openSession();
  const instance = `${url}/instances/a`;
  await put(session, "a");
  expectProblem(await http.delete(instance), 400, "session_required");
  expectStatus(await http.delete(instance, tokenOf(session)), 204);
  expectStatus(await http.delete(instance, tokenOf(session)), 204);
  await put(session, "a");
  expectStatus(await http.delete(instance, { query: "force=true" }), 204);
  expectStatus(await http.delete(instance, { query: "force=true" }), 204);
  expect(await ids()).toEqual([]);
});

test("filters are all of them to be met", async ({ http, url, put, ids, openSession }) => {
  const session = await openSession();
  expect(await ids("tag=x")).toEqual([]);
  await put(session, "a", { tags: ["x", "y"], zone: "north", metadata: { v: "1", w: "" } });
  await put(session, "b", { tags: ["x"], zone: "north", state: "draining", metadata: { v: "2" } });
  await put(session, "c", { tags: ["y"], zone: "south", metadata: { v: "1" } });
  expect(await ids()).toEqual(["a", "b", "c"]);
  expect(await ids("tag=x")).toEqual(["a", "b"]);
  expect(await ids("tag=x&tag=y")).toEqual(["a"]);
  expect(await ids("zone=north&state=up")).toEqual(["a"]);
  expect(await ids("meta.v=1")).toEqual(["a", "c"]);
  expect(await ids("meta.v=1&zone=south")).toEqual(["c"]);
  expect(await ids("meta.w=")).toEqual(["a"]);
  expect(await ids("meta.none=1")).toEqual([]);
  expect(await ids("limit=1&after=a")).toEqual(["b"]);
  expect((await http.get(url, { query: "limit=2" })).json()).toMatchObject({ next: "b" });
  for (const query of [
    "state=gone",
    "meta=1",
    "metav=1",
    "surprise=1",
    "meta.v=1&meta.v=2",
    "zone=a&zone=b",
  ]) {
    expectProblem(await http.get(url, { query }), 400, "bad_request");
    expectProblem(await http.get(`${url}/events`, { query }), 400, "bad_request");
  }
});

test("what is malformed is refused, and what is too long is told the limit", async ({
  http,
  url,
  openSession,
}) => {
  const session = await openSession();
  const put = (said: object) =>
    http.put(`${url}/instances/a`, { json: { address: "h", port: 80, ...said }, ...tokenOf(session) });
  for (const said of [
    ...[{ port: 0 }, { port: 65_536 }, { port: 1.5 }, { port: "80" }, { address: "" }, { address: 7 }],
    ...[{ weight: -1 }, { weight: 0.5 }, { state: "gone" }, { tags: "x" }, { tags: [1] }, { zone: null }],
    ...[{ metadata: [] }, { metadata: { a: 1 } }, { metadata: "x" }, { surprise: 1 }],
  ]) {
    expectProblem(await put(said), 400, "bad_request");
  }
  expectProblem(await http.put(`${url}/instances/a`, tokenOf(session)), 400, "bad_request");
  const headers = { ...tokenOf(session).headers, "content-type": "application/json" };
  for (const half of ['"zone":"\\ud800"', '"tags":["\\ud800"]', '"metadata":{"\\ud800":""}']) {
    const body = `{"address":"h","port":80,${half}}`;
    expectProblem(await http.put(`${url}/instances/a`, { body, headers }), 400, "bad_request");
  }
  const problem = expectProblem(await put({ metadata: { a: "x".repeat(4096) } }), 413, "too_large");
  expect(problem).toMatchObject({ limit: "metadataBytesMax", limitValue: 4096 });
  for (const name of ["..", "a%2Fb", "x".repeat(256), "a%01"]) {
    for (const target of [`/v1/services/${name}`, `${url}/instances/${name}`]) {
      const answer = await http.rawRequest("GET", target);
      expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "bad_path"]);
    }
  }
});

test("what is made by hand is an instance when it says where it is, and is left out when it does not", async ({
  http,
  url,
  path,
  put,
  ids,
  znodes,
  listen,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  await put(one, "mine");
  const stream = await listen();
  const create = (name: string, data: string, query = "ephemeral=true") =>
    znodes.create(`${path}/${name}`, data, { query, ...(query === "" ? {} : tokenOf(two)) });
  await create("hand", '{"port":81,"address":"h","tags":["t",7],"weight":-1,"name":"Curator"}');
  await create("still", '{"address":"h","port":82}', "");
  for (const [index, data] of ["", "10.0.0.1:80", "[]", "null", '{"address":"h"}', '{"port":1}'].entries()) {
    await create(`none-${index}`, data);
  }
  expect(await ids()).toEqual(["hand", "mine", "still"]);
  expect((await http.get(`${url}/instances/hand`)).json()).toMatchObject({
    ...{ session: two.id, address: "h", port: 81, tags: ["t"], weight: 1, state: "up", metadata: {} },
  });
  expect((await http.get(`${url}/instances/still`)).json()).toMatchObject({ session: null });
  expectProblem(await http.get(`${url}/instances/none-1`), 404, "no_instance");
  const still = `${url}/instances/still`;
  expectProblem(await http.delete(still, tokenOf(two)), 409, "not_holder");
  await znodes.set(`${path}/none-1`, '{"address":"h","port":83}');
  await znodes.set(`${path}/mine`, "gone");
  await http.delete(`/v1/sessions/${two.id}`, tokenOf(two));
  expect(await ids()).toEqual(["still"]);
  await stream.untilEvent("removed", 3);
  expect(told(stream)).toEqual([
    ...["snapshot mine", "synced", "added hand up", "added still up", "added none-1 up"],
    ...["removed mine up", "removed hand up", "removed none-1 up"],
  ]);
});

test("a stream tells who is there, then who comes, changes and goes [W20]", async ({
  http,
  put,
  listen,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const early = await listen();
  await early.untilEvent("synced");
  await put(one, "a");
  await put(two, "b");
  const late = await listen();
  await put(one, "a", { state: "draining" });
  await put(one, "a", { state: "draining" });
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  for (const stream of [early, late]) await stream.untilEvent("removed");
  const changes = ["updated a draining", "removed a draining"];
  expect(told(early)).toEqual(["snapshot", "synced", "added a up", "added b up", ...changes]);
  expect(told(late)).toEqual(["snapshot a b", "synced", ...changes]);
  const removed = late.events.at(-1);
  expect(removed?.data).toMatchObject({ cause: "session_closed", session: one.id, instance: { id: "a" } });
  expect(removed?.data).toHaveProperty("zxid", zxidIn(String(removed?.id)));
});

test("a stream with a filter hears of those alone that fit it, and of one that no longer does as removed", async ({
  http,
  put,
  listen,
  openSession,
}) => {
  const session = await openSession();
  const stream = await listen("state=up&tag=x&meta.v=1");
  await put(session, "a", { tags: ["x"], metadata: { v: "2" } });
  await put(session, "a", { tags: ["x"], metadata: { v: "1" } });
  await put(session, "a", { tags: ["x", "y"], metadata: { v: "1" } });
  await put(session, "a", { tags: ["x"], metadata: { v: "1" }, state: "disabled" });
  await put(session, "a", { tags: ["x"], metadata: { v: "3" }, state: "disabled" });
  await put(session, "b", { tags: ["x"], metadata: { v: "1" } });
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  await stream.untilEvent("removed", 2);
  expect(told(stream)).toEqual([
    ...["snapshot", "synced", "added a up", "updated a up", "removed a up", "added b up", "removed b up"],
  ]);
});

test("a stream resumes after the last event it was told, or begins anew when it cannot [W28]", async ({
  http,
  url,
  put,
  listen,
  openSession,
}) => {
  const session = await openSession();
  const first = await listen("zone=n");
  for (const id of ["a", "b"]) await put(session, id, { zone: "n" });
  await first.untilEvent("added", 2);
  first.close();
  const lastId = String(first.lastId);
  await put(session, "a", { zone: "s" });
  await put(session, "b", { zone: "n", state: "draining" });
  await put(session, "c", { zone: "n" });
  const missed = ["removed a up", "updated b draining", "added c up"];
  const second = await listen("zone=n", { "last-event-id": lastId });
  const third = await listen(`zone=n&sinceZxid=${first.lastZxid}`);
  for (const stream of [second, third]) {
    await stream.untilEvent("synced");
    expect(told(stream)).toEqual([...missed, "synced"]);
  }
  const lost = await listen("zone=n", { "last-event-id": "9007199254740991" });
  await lost.untilEvent("synced");
  expect(told(lost)).toEqual(["reset", "snapshot b c", "synced"]);
  const headers = { accept: "*/*" };
  const query = "sinceZxid=9007199254740991";
  expectProblem(await http.get(`${url}/events`, { query, headers }), 410, "history_trimmed");
});

test("of several instances in one transaction the last has the id, so that none is missed", async ({
  http,
  put,
  listen,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  for (const id of ["a", "b", "c"]) await put(one, id);
  await put(two, "d");
  const stream = await listen();
  await stream.untilEvent("synced");
  const syncedId = stream.lastId;
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  await stream.untilEvent("removed", 3);
  const events = stream.events.filter(({ event }) => event === "removed");
  expect(events.map(({ id }) => id === syncedId || id === undefined)).toEqual([true, true, false]);
  expect(new Set(events.map(({ data }) => (data as { zxid: number }).zxid)).size).toBe(1);
});
