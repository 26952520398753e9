// Idempotency-Key: a request whose answer was lost can be sent again, and is not done again.

import { randomUUID } from "node:crypto";
import type { Answer, RequestOptions } from "../support/http.ts";
import {
  encodeSegments,
  expect,
  expectProblem,
  expectStatus,
  type Session,
  test,
  tokenOf,
  urlOf,
  type Written,
  withEpoch,
} from "./fixture.ts";

const replayedHeader = "idempotency-replayed";

function keyed(key: string, headers: Record<string, string> = {}): { headers: Record<string, string> } {
  return { headers: { "idempotency-key": key, ...headers } };
}

/** The same answer as the first time, which says so. */
function expectReplay(again: Answer, first: Answer): void {
  expect(`${again.status} ${again.text}`).toBe(`${first.status} ${first.text}`);
  for (const name of ["content-type", "location", "etag"])
    expect(again.header(name)).toBe(first.header(name));
  expect([first.header(replayedHeader), again.header(replayedHeader)]).toEqual([null, "true"]);
}

test("a create that is sent again makes no second znode, and is answered as it was [D19, N15]", async ({
  http,
  root,
  znodes,
}) => {
  const options = { query: "sequential=true", body: "mine", ...keyed(randomUUID()) };
  const first = expectStatus(await http.post(urlOf(`${root}/n-`), options), 201);
  await znodes.set(`${root}/n-0000000000`, "changed since");
  const again = await http.post(urlOf(`${root}/n-`), options);
  expectReplay(again, first);
  expect(again.zxid).toBeGreaterThan(first.zxid);
  expect(await znodes.children(root)).toEqual(["n-0000000000"]);
  await znodes.delete(`${root}/n-0000000000`);
  expectReplay(await http.post(urlOf(`${root}/n-`), options), first);
  expect(await znodes.children(root)).toEqual([]);
});

test("of twenty requests at once with one key one is done, and nineteen hear of it [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const options = { query: "sequential=true", ...keyed(randomUUID()) };
  const requests = Array.from({ length: 20 }, () => http.post(urlOf(`${root}/n-`), options));
  const answers = await Promise.all(requests);
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers.filter((answer) => answer.header(replayedHeader) === "true")).toHaveLength(19);
  expect(await znodes.children(root)).toEqual(["n-0000000000"]);
});

test("watchers hear of it once [D19, W23]", async ({ http, root, znodes, watch }) => {
  const stream = await watch({ path: root, scope: "children" });
  const options = { query: "sequential=true", ...keyed(randomUUID()) };
  for (let round = 0; round < 3; round += 1) await http.post(urlOf(`${root}/n-`), options);
  const { stat } = await znodes.create(`${root}/end`);
  await stream.until(() => stream.lastZxid >= stat.czxid);
  expect(stream.named("change")).toHaveLength(2);
});

test("a transaction that is sent again is not done again, whatever it answers [D19, M2]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/counter`, "5");
  const operations = [
    { op: "increment", path: `${root}/counter`, by: 2 },
    { op: "create", path: `${root}/n-`, sequential: true },
  ];
  const options = { json: { operations }, ...keyed(randomUUID()) };
  const first = expectStatus(await http.post("/v1/transactions", options), 200);
  await znodes.set(`${root}/counter`, "100");
  expectReplay(await http.post("/v1/transactions", options), first);
  expect((await znodes.read(`${root}/counter`)).data).toBe("100");
  expect(await znodes.children(root)).toEqual(["counter", "n-0000000001"]);
});

test("a session that is asked for again is the same one, with the same token, and is renewed [D19, N4]", async ({
  http,
  znodes,
  root,
}) => {
  const options = { json: { timeoutMs: 20_000, name: "again" }, ...keyed(randomUUID()) };
  const first = expectStatus(await http.post("/v1/sessions", options), 201);
  expectReplay(await http.post("/v1/sessions", options), first);
  const session = first.json() as unknown as Session;
  const { stat } = await znodes.create(`${root}/e`, "", { query: "ephemeral=true", ...tokenOf(session) });
  expect(stat.ephemeralOwner).toBe(session.id);
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expectReplay(await http.post("/v1/sessions", options), first);
  expectProblem(await http.put(`/v1/sessions/${session.id}`, tokenOf(session)), 410, "session_expired");
});

test("two keys, two sessions; the same request without a key opens a third [N3, N4]", async ({ http }) => {
  const answers = await Promise.all([
    http.post("/v1/sessions", keyed(randomUUID())),
    http.post("/v1/sessions", keyed(randomUUID())),
    http.post("/v1/sessions"),
  ]);
  const sessions = answers.map((answer) => expectStatus(answer, 201).json() as unknown as Session);
  expect(new Set(sessions.map(({ id }) => id)).size).toBe(3);
  expect(new Set(sessions.map(({ token }) => token)).size).toBe(3);
  for (const session of sessions) {
    expect(session.token).toMatch(/^[\w-]{43}$/);
    await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  }
});

test("a key that comes with another request is refused, whatever differs [D19]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const key = randomUUID();
  const fence = `${encodeSegments(root)}@${(await znodes.stat(root)).czxid}`;
  expectStatus(await http.post(urlOf(`${root}/a`), { body: "x", query: "parents=true", ...keyed(key) }), 201);
  const send = (path: string, options: RequestOptions, headers = {}) =>
    http.post(path, { ...options, ...keyed(key, headers) });
  const data = { body: "x", query: "parents=true" };
  const others = [
    await send(urlOf(`${root}/b`), data),
    await send(urlOf(`${root}/a`), { ...data, body: "y" }),
    await send(urlOf(`${root}/a`), { body: "x" }),
    await send(urlOf(`${root}/a`), { body: "x", query: "parents=true&sequential=true" }),
    await send(urlOf(`${root}/a`), data, { fence }),
    await send("/v1/transactions", { json: { operations: [{ op: "set", path: root, data: "x" }] } }),
    await send("/v1/sessions", { json: {} }),
  ];
  for (const answer of others) {
    expectProblem(answer, 422, "idempotency_key_reused");
    expect(answer.header(replayedHeader)).toBeNull();
  }
  expect(await znodes.children(root)).toEqual(["a"]);
  // A session has keys of its own: this one is another.
  const own = await send(urlOf(`${root}/a`), data, { "session-token": (await openSession()).token });
  expectProblem(own, 409, "node_exists");
});

test("the same request in another spelling is the same request [D19]", async ({ http, root, znodes }) => {
  const key = randomUUID();
  const first = await http.post(`/v1/znodes${root}/a`, {
    query: "parents=true&sequential=true",
    ...keyed(key),
  });
  const spellings = [
    `/v1/znodes/${encodeURIComponent(`${root}/a`)}?sequential=true&parents=true`,
    `/v1/znodes${root}/%61?sequential=true&parents=tr%75e`,
  ];
  for (const spelling of spellings) expectReplay(await http.post(spelling, keyed(key)), first);
  const transactionKey = randomUUID();
  const done = await http.post("/v1/transactions", {
    body: `{"operations":[{"op":"set","path":"${root}","data":"x","version":0}]}`,
    ...keyed(transactionKey),
  });
  const again = await http.post("/v1/transactions", {
    body: `{ "operations" : [ { "version": 0, "data": "\\u0078", "path": "${root}", "op": "set" } ] }`,
    ...keyed(transactionKey),
  });
  expectStatus(done, 200);
  expectReplay(again, done);
  expect((await znodes.stat(root)).version).toBe(1);
});

test("whoever lost its session as well as the answer still hears what was done [D19, E6]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const token = { "session-token": session.token };
  const options = { query: "ephemeral=true", ...keyed(randomUUID(), token) };
  const first = expectStatus(await http.post(urlOf(`${root}/e`), options), 201);
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expect(await znodes.exists(`${root}/e`)).toBe(false);
  expectReplay(await http.post(urlOf(`${root}/e`), options), first);
  expect(await znodes.exists(`${root}/e`)).toBe(false);
  const late = { query: "ephemeral=true", ...keyed(randomUUID(), token) };
  expectProblem(await http.post(urlOf(`${root}/e`), late), 410, "session_expired");
  const operations = [{ op: "create", path: `${root}/e` }];
  const transaction = { json: { operations }, ...keyed(randomUUID(), { ...token, fence: `${root}@1` }) };
  expectProblem(await http.post("/v1/transactions", transaction), 410, "session_expired");
});

test("a fence that fell since does not keep what was done from being told [D19, S11]", async ({
  http,
  root,
  znodes,
}) => {
  const master = await znodes.create(`${root}/master`);
  const options = keyed(randomUUID(), { fence: `${root}/master@${master.stat.czxid}` });
  const first = expectStatus(await http.post(urlOf(`${root}/done`), options), 201);
  await znodes.delete(`${root}/master`);
  expectReplay(await http.post(urlOf(`${root}/done`), options), first);
});

test("a refusal is not kept: the request is judged anew, and may then be done [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const options = keyed(randomUUID());
  expectProblem(await http.post(urlOf(`${root}/p/c`), options), 404, "no_node");
  await znodes.create(`${root}/p`);
  const first = expectStatus(await http.post(urlOf(`${root}/p/c`), options), 201);
  expectReplay(await http.post(urlOf(`${root}/p/c`), options), first);
});

test("a transaction that changed nothing is not kept: it is read anew [D19, M7]", async ({
  http,
  root,
  znodes,
}) => {
  const json = { operations: [{ op: "check", path: root, version: 0 }] };
  const options = { json, ...keyed(randomUUID()) };
  expectStatus(await http.post("/v1/transactions", options), 200);
  expect(expectStatus(await http.post("/v1/transactions", options), 200).header(replayedHeader)).toBeNull();
  await znodes.set(root, "");
  expectProblem(await http.post("/v1/transactions", options), 412, "bad_version");
});

test("a key has 1 to 255 printable ASCII characters, and is told when it has not [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const longest = `${randomUUID()} !"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`.padEnd(255, "~");
  expectStatus(await http.post(urlOf(`${root}/n-`), { query: "sequential=true", ...keyed(longest) }), 201);
  const bad = ["", `${longest}~`, "tab\tinside", "größe"];
  const urls = [`${urlOf(`${root}/n-`)}?sequential=true`, "/v1/transactions", "/v1/sessions"];
  for (const key of bad) {
    for (const url of urls) {
      const json = url.endsWith("/transactions") ? { operations: [] } : {};
      const answer = await http.post(url, { json, ...keyed(key) });
      expect(expectProblem(answer, 400, "bad_request").detail).toContain("1 to 255 printable ASCII");
    }
  }
  expect(await znodes.children(root)).toHaveLength(1);
});

test("elsewhere a key is of no account: a PUT and a DELETE are done as often as they are sent", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const key = randomUUID();
  for (const body of ["a", "b"]) {
    const answer = expectStatus(await http.put(urlOf(root), { body, ...keyed(key) }), 200);
    expect(answer.header(replayedHeader)).toBeNull();
  }
  expect((await znodes.stat(root)).version).toBe(2);
  await znodes.create(`${root}/a`);
  expectStatus(await http.delete(urlOf(`${root}/a`), keyed(key)), 204);
  expectProblem(await http.delete(urlOf(`${root}/a`), keyed(key)), 404, "no_node");
  const { token } = await openSession();
  const tokens = { json: { tokens: [token] }, ...keyed(key) };
  for (let round = 0; round < 2; round += 1) {
    const answer = expectStatus(await http.post("/v1/sessions/keepalive", tokens), 200);
    expect(answer.header(replayedHeader)).toBeNull();
  }
});

test("what is kept, and for how long, is among the limits [D19]", async ({ http }) => {
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  for (const name of ["idempotencyAgeMsMax", "idempotencyKeysMax", "idempotencyBytesMax"]) {
    expect(bounds[name], name).toBeGreaterThan(0);
  }
});

test("the answer names the znode as it was made, in headers too [D19]", async ({ http, root }) => {
  const options = { query: "sequential=true", ...keyed(randomUUID()) };
  const first = await http.post(urlOf(`${root}/ä `), options);
  const again = await http.post(urlOf(`${root}/ä `), options);
  const { path, stat } = again.json<Written & Record<string, unknown>>();
  expect(again.header("location")).toBe(urlOf(path));
  expect(again.header("etag")?.replaceAll('"', "")).toEqual(withEpoch(`${stat.czxid}-0`));
  expectReplay(again, first);
});

test("a batch sent again does what was left undone, and nothing twice [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const key = { headers: { "idempotency-key": `${root} batch` } };
  const operations = [
    { op: "create", path: `${root}/n-`, sequential: true },
    { op: "set", path: `${root}/late`, data: "set" },
    { op: "get", path: `${root}/late` },
  ];
  const send = async () => expectStatus(await http.post("/v1/batch", { json: { operations }, ...key }), 200);
  const statuses = (answer: Answer) =>
    answer.json<{ results: { status: number }[] }>().results.map(({ status }) => status);
  const first = await send();
  expect(statuses(first)).toEqual([201, 404, 404]);
  await znodes.create(`${root}/late`);
  const second = await send();
  expect([statuses(second), second.header("idempotency-replayed")]).toEqual([[201, 200, 200], null]);
  const third = await send();
  expect([statuses(third), third.header("idempotency-replayed")]).toEqual([[201, 200, 200], "true"]);
  expect(third.json()).toMatchObject({
    results: [first.json<{ results: object[] }>().results[0], {}, { data: "set" }],
  });
  expect(await znodes.children(root)).toEqual(["late", "n-0000000000"]);
  expect((await znodes.stat(`${root}/late`)).version).toBe(1);
  const other = await http.post("/v1/batch", { json: { operations: operations.slice(0, 1) }, ...key });
  expect(statuses(other)).toEqual([422]);
});
