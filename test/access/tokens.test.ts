// Tokens and policies over HTTP: who is let in, what a change of them means for what comes behind it, and that no secret
// is told twice.

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { expect } from "vitest";
import { hashSecret } from "../../src/access/secrets.ts";
import { test } from "../routes/server-fixture.ts";
import { addToken, addTokenWith, turnOnAccess } from "../support/access.ts";
import { bytes, plain, refusal } from "../support/keeper.ts";

interface NewToken {
  readonly name: string;
  readonly secret: string;
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

test("an admin makes a token, which may do what its policies say and nothing else", async ({
  http,
  keeper,
}) => {
  const headers = await turnOnAccess(keeper.store);
  const rules = [
    { prefix: "/app", allow: ["read", "create", "write"] },
    { prefix: "/app/secret", deny: ["read"] },
  ];
  expect((await http.put("/v1/admin/policies/app", { headers, json: { rules } })).status).toBe(201);
  const made = await http.post("/v1/admin/tokens", { headers, json: { name: "web", policies: ["app"] } });
  expect(made.header("cache-control")).toContain("no-store");
  const web = bearer(made.json<NewToken>().secret);
  expect((await http.post("/v1/znodes/app/secret?parents=true", { headers, body: "x" })).status).toBe(201);
  expect((await http.post("/v1/znodes/app/a", { headers: web, body: "1" })).status).toBe(201);
  expect((await http.get("/v1/znodes/app/a", { headers: web })).status).toBe(200);
  for (const path of ["/app/secret", "/app/secret/none", "/other", "/"])
    expect((await http.get(`/v1/znodes${path}`, { headers: web })).json()).toMatchObject({
      status: 403,
      code: "forbidden",
      path,
    });
  expect((await http.delete("/v1/znodes/app/a", { headers: web })).status).toBe(403);
  expect((await http.get("/v1/whoami", { headers: web })).json()).toEqual({ by: "token:web" });
});

test("a secret is told once, and only its hash is kept", async ({ http, keeper }) => {
  const headers = await turnOnAccess(keeper.store);
  const made = await http.post("/v1/admin/tokens", { headers, json: { name: "web", policies: ["admin"] } });
  const { secret } = made.json<NewToken>();
  expect(secret).toMatch(/^tk_[A-Za-z0-9_-]{43}$/);
  const shown = [
    await http.get("/v1/admin/tokens", { headers }),
    await http.get("/v1/admin/tokens/web", { headers }),
  ];
  const kept = [...keeper.state.access.records()].map((record) => JSON.stringify(record));
  for (const text of [...shown.map(({ text }) => text), ...kept]) expect(text).not.toContain(secret);
  for (const { text } of shown) expect(text).not.toContain(hashSecret(secret));
});

test("a write that is ordered behind a revocation is refused, whenever it was sent", async ({ keeper }) => {
  const { store } = keeper;
  await turnOnAccess(store);
  await addToken(store, { name: "web", policies: ["admin"] });
  const principal = { token: "web", made: store.access.token("web")?.madeZxid as number };
  const create = (path: string) =>
    store.submit({ type: "create", path, mode: plain, data: bytes(""), principal });
  const outcomes = await Promise.allSettled([
    create("/before"),
    store.submit({ type: "revokeToken", name: "web", principal: "system" }),
    create("/behind"),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  await addToken(store, { name: "web", policies: ["admin"] });
  expect(await refusal(create("/by-another-of-the-name"))).toBe("unauthenticated");
});

test("a kept reply is for the token that was answered, and for no later one of its name", async ({
  http,
  keeper,
}) => {
  const root = await turnOnAccess(keeper.store);
  const post = async (headers: object) => {
    const key = { "idempotency-key": "one" };
    return await http.post("/v1/znodes/a?parents=true", { headers: { ...headers, ...key }, body: "1" });
  };
  const first = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  expect((await post(first)).status).toBe(201);
  expect((await post(first)).header("idempotency-replayed")).toBe("true");
  await http.delete("/v1/admin/tokens/web", { headers: root });
  const second = await addToken(keeper.store, { name: "web", policies: ["admin"], root: "/team" });
  const made = await post(second);
  expect(made.header("idempotency-replayed")).toBeNull();
  expect(made.status).toBe(201);
  expect(keeper.exists("/team/a")).toBe(true);
});

test("a session is the token's that opened it, and of no later one of its name", async ({ http, keeper }) => {
  const root = await turnOnAccess(keeper.store);
  const first = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  const { id, token } = (await http.post("/v1/sessions", { headers: first })).json<{
    id: string;
    token: string;
  }>();
  await http.delete("/v1/admin/tokens/web", { headers: root });
  const second = await addToken(keeper.store, { name: "web", policies: ["admin"], root: "/team" });
  const headers = { ...second, "session-token": token };
  for (const answer of [
    await http.get(`/v1/sessions/${id}`, { headers: second }),
    await http.put(`/v1/sessions/${id}`, { headers }),
    await http.delete(`/v1/sessions/${id}`, { headers }),
    await http.post("/v1/znodes/e?ephemeral=true", { headers }),
  ])
    expect(answer.code).toBe("session_expired");
  expect((await http.get(`/v1/sessions/${id}`, { headers: root })).status).toBe(200);
});

test("of two tokens in one request none is taken", async ({ http, keeper }) => {
  const root = await turnOnAccess(keeper.store);
  const other = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  const head = (...shown: string[]) =>
    ["GET /v1/whoami HTTP/1.1", "Host: 127.0.0.1", "Connection: close", ...shown, "", ""].join("\r\n");
  const [one, two] = [root, other].map(({ authorization }) => `Authorization: ${authorization}`) as [
    string,
    string,
  ];
  expect((await http.raw(head(one))).status).toBe(200);
  for (const shown of [
    [one, two],
    [two, one],
    [one, one],
    [one, "authorization: "],
  ])
    expect((await http.raw(head(...shown))).status).toBe(400);
});

test("a fence that does not hold tells who may not read it nothing of what is there", async ({
  http,
  keeper,
}) => {
  await turnOnAccess(keeper.store);
  const { stat } = await keeper.create("/locks", plain, "", { principal: "system" });
  await keeper.create("/locks/there", plain, "", { principal: "system" });
  const rules = [
    { prefix: "/locks", allow: ["coordinate"] },
    { prefix: "/mine", allow: ["create"] },
  ] as const;
  const headers = await addTokenWith(keeper.store, "web", rules);
  const refusals = ["there", "absent"].map(async (name) => {
    const fenced = { ...headers, fence: `/locks/${name}@${stat.czxid}` };
    const answer = await http.post("/v1/znodes/mine", { headers: fenced });
    expect(answer.code).toBe("fence_stale");
    return answer.text.replaceAll(name, "");
  });
  const [there, absent] = await Promise.all(refusals);
  expect(there).toBe(absent);
});

test("what is kept of the history is an admin's: it would say how large a write was that one may not read", async ({
  http,
  keeper,
}) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "web", [{ prefix: "/app", allow: ["read"] }]);
  const kept = async (by: { authorization: string }) =>
    (await http.get("/v1/limits", { headers: by })).json<{ history: object }>().history;
  const [before, ofAdmin] = [await kept(headers), await kept(root)];
  await keeper.create("/secret", plain, "x".repeat(1000), { principal: "system" });
  const { zxid } = keeper.state;
  expect(await kept(headers)).toEqual({ ...before, zxid });
  expect(await kept(root)).not.toEqual({ ...ofAdmin, zxid });
});

test("what somebody may not do takes no room in the log, however much they ask for it", async ({
  http,
  keeper,
}) => {
  await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "web", [{ prefix: "/app", allow: ["read"] }]);
  const before = await keeper.log.tail();
  const operations = [{ op: "create", path: "/app/a" }];
  for (const answer of [
    await http.put("/v1/znodes/app", { headers, body: "x".repeat(100_000) }),
    await http.post("/v1/transactions", { headers, json: { operations } }),
    await http.post("/v1/sessions", { headers }),
    await http.put("/v1/admin/policies/web", { headers, json: { rules: [] } }),
  ])
    expect(answer.code).toBe("forbidden");
  expect(await keeper.log.tail()).toBe(before);
});

test("a token's end is that of every secret it has, however long one was to be good beside another", async ({
  http,
  keeper,
}) => {
  const root = await turnOnAccess(keeper.store);
  const validUntilMs = keeper.store.timeMs + 10_000;
  const headers = await addToken(keeper.store, { name: "web", policies: ["admin"], validUntilMs });
  await http.post("/v1/admin/tokens/web/rotate", { headers: root, json: { overlapMs: 3_600_000 } });
  expect((await http.get("/v1/whoami", { headers })).json()).toEqual({ by: "token:web", validUntilMs });
  await keeper.clock.advance(10_001);
  expect((await http.get("/v1/znodes/", { headers })).status).toBe(401);
});

test("a token that is rotated has two secrets for a while, and stays who it is", async ({ http, keeper }) => {
  const headers = await turnOnAccess(keeper.store);
  const old = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  const { token } = (await http.post("/v1/sessions", { headers: old })).json<{ token: string }>();
  const rotated = await http.post("/v1/admin/tokens/web/rotate", { headers, json: { overlapMs: 1000 } });
  const renewed = bearer(rotated.json<NewToken>().secret);
  const keep = (by: object) =>
    http.post("/v1/sessions/keepalive", { headers: { ...by }, json: { tokens: [token] } });
  for (const by of [old, renewed]) expect((await keep(by)).json()).not.toHaveProperty("results.0.problem");
  await keeper.clock.advance(1000);
  expect((await keep(old)).status).toBe(401);
  expect((await keep(renewed)).status).toBe(200);
});

test("a token ends when it was said to, and policies count from the write that set them", async ({
  http,
  keeper,
}) => {
  const { store, clock } = keeper;
  const headers = await turnOnAccess(store);
  const web = await addToken(store, {
    name: "web",
    policies: ["admin"],
    validUntilMs: clock.wallMs() + 5000,
  });
  expect((await http.get("/v1/znodes", { headers: web })).status).toBe(200);
  await http.put("/v1/admin/policies/none", { headers, json: { rules: [] } });
  await http.request("PATCH", "/v1/admin/tokens/web", { headers, json: { policies: ["none"] } });
  expect((await http.get("/v1/znodes", { headers: web })).status).toBe(403);
  await http.request("PATCH", "/v1/admin/tokens/web", { headers, json: { policies: ["admin"] } });
  expect((await http.get("/v1/znodes", { headers: web })).status).toBe(200);
  await clock.advance(5000);
  expect((await http.get("/v1/znodes", { headers: web })).status).toBe(401);
});

test("on one connection each request is of whoever it shows, as they are by then", async ({
  http,
  keeper,
}) => {
  const { store, clock } = keeper;
  await turnOnAccess(store);
  const one = await addToken(store, { name: "one", policies: ["admin"] });
  const validUntilMs = clock.wallMs() + 5000;
  const other = await addToken(store, { name: "other", policies: ["admin"], validUntilMs });
  const statuses = await onOneConnection(http.url, async (ask) => {
    const found = [
      await ask(one),
      await ask(one),
      await ask(other),
      await ask({}),
      await ask(other),
      await ask(one),
    ];
    await store.submit({ type: "revokeToken", name: "one", principal: "system" });
    found.push(await ask(one), await ask(other), await ask(other));
    await clock.advance(5000);
    return [...found, await ask(other)];
  });
  expect(statuses).toEqual([200, 200, 200, 401, 200, 200, 401, 200, 200, 401]);
});

/** @throws Error when the connection was not the same all the time */
async function onOneConnection<T>(
  baseUrl: string,
  work: (ask: (headers: object) => Promise<number>) => Promise<T>,
): Promise<T> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  const ask = async (headers: object) => {
    const sent = request(`${baseUrl}/v1/whoami`, { agent, headers: { ...headers } }).end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    ports.add(answer.socket.localPort);
    answer.resume();
    await once(answer, "end");
    return answer.statusCode as number;
  };
  try {
    const done = await work(ask);
    if (ports.size > 1) throw new Error(`There were ${ports.size} connections.`);
    return done;
  } finally {
    agent.destroy();
  }
}

test("another's session is as one that is gone, even to who has its token", async ({ http, keeper }) => {
  const { store } = keeper;
  await turnOnAccess(store);
  const [one, other] = [
    await addToken(store, { name: "one", policies: ["admin"] }),
    await addTokenWith(store, "other", [{ prefix: "/", allow: ["read", "create", "session"] }]),
  ];
  const { id, token } = (await http.post("/v1/sessions", { headers: one })).json<{
    id: string;
    token: string;
  }>();
  const stolen = { ...other, "session-token": token };
  const attempts = [
    http.put(`/v1/sessions/${id}`, { headers: stolen }),
    http.delete(`/v1/sessions/${id}`, { headers: stolen }),
    http.get(`/v1/sessions/${id}`, { headers: other }),
    http.post("/v1/znodes/e?ephemeral=true", { headers: stolen }),
    http.get("/v1/znodes", { headers: stolen }),
  ];
  for (const { status, text } of await Promise.all(attempts)) expect(status, text).toBe(410);
  expect((await http.get("/v1/sessions", { headers: other })).status).toBe(403);
  expect((await http.get(`/v1/sessions/${id}`, { headers: one })).json()).toMatchObject({ state: "open" });
});

test("another's Idempotency-Key is another key, and a kept reply is for those who still may", async ({
  http,
  keeper,
}) => {
  const { store } = keeper;
  const headers = await turnOnAccess(store);
  const one = await addTokenWith(store, "one", [{ prefix: "/", allow: ["create"] }]);
  const other = await addTokenWith(store, "other", [{ prefix: "/", allow: ["create"] }]);
  const create = (by: object) =>
    http.post("/v1/znodes/a-?sequential=true", { headers: { ...by, "idempotency-key": "same" } });
  expect((await create(one)).header("location")).toBe("/v1/znodes/a-0000000000");
  expect((await create(other)).header("location")).toBe("/v1/znodes/a-0000000001");
  expect((await create(one)).header("idempotency-replayed")).toBe("true");
  await http.put("/v1/admin/policies/one", { headers, json: { rules: [] } });
  expect((await create(one)).json()).toMatchObject({ code: "forbidden" });
});

test("while access control is off there are no tokens to be made, and none to be left behind", async ({
  http,
  state,
}) => {
  const before = state();
  const answers = [
    await http.post("/v1/admin/tokens", { json: { name: "mine", policies: ["admin"] } }),
    await http.put("/v1/admin/policies/p", { json: { rules: [] } }),
  ];
  for (const answer of answers) expect(answer.json()).toMatchObject({ status: 403, code: "forbidden" });
  expect(state()).toBe(before);
});

test("who is confined to a part of the tree has no say in who may do what", async ({ http, keeper }) => {
  const { store } = keeper;
  await turnOnAccess(store);
  const team = await addToken(store, { name: "team", policies: ["admin"], root: "/team" });
  expect((await http.post("/v1/znodes/a", { headers: team, body: "1" })).json()).toMatchObject({
    path: "/a",
  });
  expect(keeper.data("/team/a")).toBe("1");
  for (const answer of [
    await http.get("/v1/admin/tokens", { headers: team }),
    await http.post("/v1/admin/tokens", { headers: team, json: { name: "x", policies: ["admin"] } }),
    await http.get("/v1/sessions", { headers: team }),
  ])
    expect(answer.status, answer.text).toBe(403);
});

test("what was done is told with who did it", async ({ http, keeper }) => {
  const headers = await turnOnAccess(keeper.store);
  await http.post("/v1/znodes/a", { headers });
  expect(keeper.applied.at(-1)?.message?.text).toContain('"cause":"request","by":"token:root",');
});

test("a token that is made again under a name has nothing of what the one before it had", async ({
  http,
  keeper,
}) => {
  const { store } = keeper;
  await turnOnAccess(store);
  const asIt = async () => addToken(store, { name: "web", policies: ["admin"] });
  const before = await asIt();
  const { token } = (await http.post("/v1/sessions", { headers: before })).json<{ token: string }>();
  const keyed = (headers: object) =>
    http.post("/v1/znodes/a-?sequential=true", { headers: { ...headers, "idempotency-key": "k" } });
  await keyed(before);
  await store.submit({ type: "revokeToken", name: "web", principal: "system" });
  const again = await asIt();
  const kept = await http.get("/v1/znodes", { headers: { ...again, "session-token": token } });
  expect(kept.status).toBe(410);
  expect((await keyed(again)).header("location")).toBe("/v1/znodes/a-0000000001");
});

test("the earlier end counts: that of the token or that of the secret it was shown by", async ({
  http,
  keeper,
}) => {
  const { store, clock } = keeper;
  const headers = await turnOnAccess(store);
  const validUntilMs = clock.wallMs() + 1000;
  const old = await addToken(store, { name: "web", policies: ["admin"], validUntilMs });
  await http.post("/v1/admin/tokens/web/rotate", { headers, json: { overlapMs: 60_000 } });
  expect((await http.get("/v1/znodes", { headers: old })).status).toBe(200);
  await clock.advance(1000);
  expect((await http.get("/v1/znodes", { headers: old })).status).toBe(401);
});

test("who is not known is told nothing, the zxid neither", async ({ http, keeper }) => {
  const headers = await turnOnAccess(keeper.store);
  const refused = await http.get("/v1/znodes");
  expect([refused.status, refused.header("zxid"), refused.header("www-authenticate")]).toEqual([
    401,
    null,
    "Bearer",
  ]);
  expect((await http.get("/v1/znodes", { headers })).header("zxid")).toBe(String(keeper.store.zxid));
});
