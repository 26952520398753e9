// Sessions: opened, kept alive, closed, expired, and always told apart from a lost connection (section 3).

import { expect, expectProblem, expectStatus, type Session, test, tokenOf, urlOf } from "./fixture.ts";

const unknownId = "1f3a5c7e9b2d4f60";

test("a session is opened with an id, a secret and a timeout, and costs one transaction [N1, N2, N3, N4, S12]", async ({
  http,
  openSession,
}) => {
  const answer = expectStatus(
    await http.post("/v1/sessions", { json: { timeoutMs: 5000, name: "web" } }),
    201,
  );
  const session = answer.json<Session & Record<string, unknown>>();
  expect(session).toEqual({ id: session.id, token: session.token, timeoutMs: 5000, validForMs: 5000 });
  expect(session.id).toMatch(/^[0-7][0-9a-f]{15}$/);
  expect(session.token.length).toBeGreaterThanOrEqual(32);
  expect(answer.header("location")).toBe(`/v1/sessions/${session.id}`);
  const other = await openSession();
  expect([other.id, other.token]).not.toContain(session.id);
  expect(other.token).not.toBe(session.token);
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
});

test("a timeout is moved into the bounds there are, and the answer says what it is [N1]", async ({
  openSession,
}) => {
  const granted = async (timeoutMs?: number) =>
    (await openSession(timeoutMs === undefined ? {} : { timeoutMs })).timeoutMs;
  expect(await granted(1)).toBe(1000);
  expect(await granted(1234)).toBe(1234);
  expect(await granted(Number.MAX_SAFE_INTEGER)).toBe(3_600_000);
  expect(await granted()).toBe(10_000);
});

test("no body and an empty one open a session as well", async ({ http }) => {
  for (const body of [undefined, "", "{}"]) {
    const answer = expectStatus(await http.post("/v1/sessions", body === undefined ? {} : { body }), 201);
    const session = answer.json<never>() as Session;
    expect(session.timeoutMs).toBe(10_000);
    await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  }
});

test("what no session can be opened with is refused", async ({ http }) => {
  for (const json of [
    { timeoutMs: 0 },
    { timeoutMs: -1 },
    { timeoutMs: 1.5 },
    { name: "x".repeat(256) },
    { timeout: 5000 },
    { id: unknownId },
  ]) {
    expectProblem(await http.post("/v1/sessions", { json }), 400, "bad_request");
  }
});

test("a keepalive renews and says the last zxid [O14]", async ({ http, root, znodes, openSession }) => {
  const session = await openSession({ timeoutMs: 4000 });
  const { czxid } = await znodes.stat(root);
  const answer = expectStatus(await http.put(`/v1/sessions/${session.id}`, tokenOf(session)), 200);
  const { zxid, ...rest } = answer.json<{ zxid: number }>();
  expect(rest).toEqual({ id: session.id, timeoutMs: 4000, validForMs: 4000 });
  expect(zxid).toBeGreaterThanOrEqual(czxid);
});

test("many sessions are kept alive at once, each with its own result [N5]", async ({ http, openSession }) => {
  const [first, second] = [await openSession(), await openSession()];
  const tokens = [first.token, "no such token", second.token, ""];
  const answer = expectStatus(await http.post("/v1/sessions/keepalive", { json: { tokens } }), 200);
  const { results } = answer.json<{ results: Record<string, unknown>[] }>();
  expect(results.map(({ id }) => id)).toEqual([first.id, undefined, second.id, undefined]);
  for (const index of [1, 3]) {
    expect(results[index]?.problem).toMatchObject({ code: "session_expired", status: 410 });
  }
  expect((await http.post("/v1/sessions/keepalive", { json: { tokens: [] } })).json()).toEqual({
    results: [],
  });
  expect(
    (await http.post("/v1/sessions/keepalive", { json: { tokens: Array(1001).fill("x") } })).status,
  ).toBe(400);
});

test("a session is described by its state and its ephemerals, and never by its token [O10, N4]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession({ name: "web-1" });
  for (const name of ["b", "a"]) {
    await znodes.create(`${root}/${name}`, "", { query: "ephemeral=true", ...tokenOf(session) });
  }
  const answer = expectStatus(await http.get(`/v1/sessions/${session.id}`), 200);
  const described = answer.json();
  expect(described).toMatchObject({ id: session.id, name: "web-1", state: "open", ephemeralCount: 2 });
  expect(described.ephemerals).toEqual([`${root}/a`, `${root}/b`]);
  expect(described.remainingMs).toBeLessThanOrEqual(10_000);
  expect(answer.text).not.toContain(session.token);
  for (const after of ["", "a", `${root}/`]) {
    expectProblem(await http.get(`/v1/sessions/${session.id}`, { query: { after } }), 400, "bad_path");
  }
});

test("sessions are listed in pages, in order of their ids", async ({ http, openSession }) => {
  const ids = new Set([(await openSession()).id, (await openSession()).id, (await openSession()).id]);
  const listed: string[] = [];
  let after: string | undefined;
  do {
    const query = { limit: 2, ...(after !== undefined && { after }) };
    const answer = expectStatus(await http.get("/v1/sessions", { query }), 200);
    expect(answer.text).not.toContain("token");
    const page = answer.json<{ sessions: { id: string }[]; next?: string }>();
    listed.push(...page.sessions.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  expect(listed).toEqual(listed.toSorted());
  expect(listed.filter((id) => ids.has(id))).toHaveLength(3);
});

test("a closed session is gone for good, with all its ephemerals, when the close is answered [N10, N11, E5]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  for (const parent of ["p", "q"]) {
    await znodes.create(`${root}/${parent}`);
    await znodes.create(`${root}/${parent}/e`, "", { query: "ephemeral=true", ...tokenOf(session) });
  }
  await znodes.create(`${root}/stays`, "", tokenOf(session));
  const closed = expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  const [p, q] = [await znodes.stat(`${root}/p`), await znodes.stat(`${root}/q`)];
  expect([p.numChildren, q.numChildren, q.pzxid]).toEqual([0, 0, p.pzxid]);
  expect(p.pzxid).toBeLessThanOrEqual(closed.zxid);
  expect(await znodes.exists(`${root}/stays`)).toBe(true);
});

test("unknown, closed and wrong tokens get the very same answer, wherever they are used [N5, N12, D10]", async ({
  http,
  root,
  openSession,
}) => {
  const closed = await openSession();
  await http.delete(`/v1/sessions/${closed.id}`, tokenOf(closed));
  const open = await openSession();
  const cases = [
    { id: unknownId, token: "guessed" },
    { id: closed.id, token: closed.token },
    { id: open.id, token: "guessed" },
    { id: open.id, token: closed.token },
    { id: unknownId, token: open.token },
    { id: open.id, token: open.id },
  ];
  const bodies = new Set<string>();
  for (const { id, token } of cases) {
    const headers = { "session-token": token };
    const answers = [
      await http.put(`/v1/sessions/${id}`, { headers }),
      await http.delete(`/v1/sessions/${id}`, { headers }),
    ];
    if (token !== open.token) answers.push(await http.get(urlOf(root), { headers }));
    if (token !== open.token) answers.push(await http.post(urlOf(`${root}/a`), { headers }));
    for (const answer of answers) {
      expectProblem(answer, 410, "session_expired");
      bodies.add(answer.text);
    }
  }
  expect(bodies.size).toBe(1);
  expectStatus(await http.put(`/v1/sessions/${open.id}`, tokenOf(open)), 200);
  for (const path of [`/v1/sessions/${unknownId}`, `/v1/sessions/${closed.id}/events`]) {
    expectProblem(await http.get(path), 410, "session_expired");
  }
});

test("what acts for a session needs its token [N20]", async ({ http, openSession }) => {
  const { id } = await openSession();
  expectProblem(await http.put(`/v1/sessions/${id}`), 400, "session_required");
  expectProblem(await http.delete(`/v1/sessions/${id}`), 400, "session_required");
});

test("a silent session expires, not before its timeout, and its stream says so and ends [N8, N9]", async ({
  http,
  openSession,
}) => {
  const sentMs = performance.now();
  const session = await openSession({ timeoutMs: 1000 });
  const openedMs = performance.now();
  const stream = await http.stream(`/v1/sessions/${session.id}/events`);
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  const alive = await stream.untilEvent("alive");
  expect(alive.data).toMatchObject({ id: session.id });
  const { data } = await stream.untilEvent("ended");
  const silentMs = performance.now() - sentMs;
  expect(silentMs).toBeGreaterThanOrEqual(1000);
  expect(performance.now() - openedMs).toBeLessThan(20_000);
  expect(data).toEqual({ reason: "session_expired", zxid: expect.any(Number) });
  await stream.untilEnd();
  expect([stream.isCut, stream.named("ended").length]).toEqual([false, 1]);
  expectProblem(await http.put(`/v1/sessions/${session.id}`, tokenOf(session)), 410, "session_expired");
});

test("requests of any kind keep a session, an open stream of its own does not [N7, D15, E2]", async ({
  http,
  root,
  openSession,
}) => {
  const kept = await openSession({ timeoutMs: 1000 });
  const silent = await openSession({ timeoutMs: 1000 });
  const ended = await http.stream(`/v1/sessions/${silent.id}/events`);
  const requests = [
    () => http.get(urlOf(root), tokenOf(kept)),
    () => http.put(urlOf(`${root}/none`), tokenOf(kept)),
    () => http.get(`/v1/children${root}`, tokenOf(kept)),
    () => http.post("/v1/sessions/keepalive", { json: { tokens: [kept.token] } }),
  ];
  let rounds = 0;
  while (ended.named("ended").length === 0) {
    const answer = await (requests[rounds % requests.length] as (typeof requests)[number])();
    expect(answer.status).not.toBe(410);
    rounds += 1;
  }
  expect(rounds).toBeGreaterThan(requests.length);
  expectStatus(await http.put(`/v1/sessions/${kept.id}`, tokenOf(kept)), 200);
});

test("the stream of a session that is closed says so", async ({ http, openSession }) => {
  const session = await openSession();
  const stream = await http.stream(`/v1/sessions/${session.id}/events`);
  await stream.untilEvent("alive");
  const closed = await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  const { data } = await stream.untilEvent("ended");
  expect(data.reason).toBe("session_closed");
  expect(data.zxid).toBeLessThanOrEqual(closed.zxid);
  await stream.untilEnd();
});

test("what a session owns comes in pages, its claims beside it", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  for (const name of ["a", "b", "c"])
    await znodes.create(`${root}/${name}`, "", { query: "ephemeral=true", ...tokenOf(session) });
  const page = async (query: string) =>
    expectStatus(await http.get(`/v1/sessions/${session.id}`, { query }), 200).json<
      Record<string, unknown>
    >();
  const first = await page("limit=2");
  expect([first.ephemerals, first.next, first.ephemeralCount]).toEqual([
    [`${root}/a`, `${root}/b`],
    `${root}/b`,
    3,
  ]);
  const rest = await page(`limit=2&after=${encodeURIComponent(`${root}/b`)}`);
  expect([rest.ephemerals, "next" in rest]).toEqual([[`${root}/c`], false]);
});
