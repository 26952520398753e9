// Elections: candidates in order, the first of which leads (API section 6).

import { randomBytes } from "node:crypto";
import {
  test as base,
  expect,
  expectProblem,
  expectStatus,
  type Session,
  tokenOf,
  urlOf,
  withEpoch,
} from "./fixture.ts";

interface Candidate {
  readonly id: string;
  readonly state: string;
  readonly path: string;
  readonly term: number;
  readonly validForMs: number;
}

const test = base.extend<{ url: string; path: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  path: async ({}, use) => use(`/elections/election-${randomBytes(8).toString("hex")}`),
  url: async ({ http, path }, use) => {
    await use(`/v1${path}`);
    await http.delete(urlOf(path), { query: "recursive=true" });
  },
});

test("whoever stands first leads, and the next one when it resigns or its session ends", async ({
  http,
  url,
  path,
  znodes,
  openSession,
}) => {
  const sessions = [await openSession({ name: "a" }), await openSession(), await openSession()];
  const [one, two, three] = sessions as [Session, Session, Session];
  const stand = (session: Session, json: object = {}) =>
    http.post(`${url}/candidates`, { json, ...tokenOf(session) });
  expect((await http.get(url)).json()).toMatchObject({ leader: null, term: null, candidates: [] });
  const answer = expectStatus(await stand(one, { value: "h:1" }), 201);
  const first = answer.json<never>() as Candidate;
  expect(first).toEqual({
    ...{
      id: "c-0000000000",
      state: "leading",
      path: `${path}/c-0000000000`,
      term: first.term,
      fence: first.term,
    },
    fenceHeader: withEpoch(`${path}/c-0000000000@${first.term}`),
    validForMs: first.validForMs,
  });
  expect(first.validForMs).toBeGreaterThanOrEqual(one.timeoutMs);
  expect(answer.header("location")).toBe(`${url}/candidates/${first.id}`);
  expect(await znodes.read(first.path)).toMatchObject({ data: "h:1", stat: { czxid: first.term } });
  const second = expectStatus(await stand(two, { value: "h:2" }), 202).json<never>() as Candidate;
  expect(second).toEqual({
    id: "c-0000000001",
    state: "waiting",
    position: 1,
    fence: expect.any(Number),
    path: second.path,
    fenceHeader: expect.stringContaining(`${second.path}@`),
  });
  expectStatus(await stand(three, { waitMs: 1 }), 202);
  expect((await http.get(url)).json()).toMatchObject({
    leader: { id: first.id, value: "h:1", session: one.id, sessionName: "a" },
    term: first.term,
    candidates: [
      { id: first.id, state: "leading", term: first.term },
      { id: second.id, state: "waiting", position: 1, value: "h:2" },
      { id: "c-0000000002", state: "waiting", position: 2, value: "" },
    ],
    candidateCount: 3,
  });
  const asked = http.get(`${url}/candidates/${second.id}`, { query: "waitMs=60000", ...tokenOf(two) });
  await http.delete(`/v1/sessions/${one.id}`, tokenOf(one));
  const leading = (await asked).json();
  expect(leading).toMatchObject({ state: "leading", id: second.id });
  expect(leading.term).toBeGreaterThan(first.term);
  expectStatus(await http.delete(`${url}/candidates/${second.id}`, tokenOf(two)), 204);
  expect((await http.get(url)).json()).toMatchObject({ leader: { id: "c-0000000002" }, candidateCount: 1 });
});

test("standing again gives the candidate back as it is, and its value is changed in place", async ({
  http,
  url,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  const stand = async (session: Session, value: string) =>
    (
      await http.post(`${url}/candidates`, { json: { value }, ...tokenOf(session) })
    ).json<never>() as Candidate;
  const first = await stand(one, "a");
  const second = await stand(two, "b");
  expect((await stand(one, "other")).id).toBe(first.id);
  const candidate = `${url}/candidates/${first.id}`;
  expectProblem(await http.put(candidate, { json: { value: "x" }, ...tokenOf(two) }), 409, "not_holder");
  expectProblem(await http.put(candidate, { json: { value: "x" } }), 400, "session_required");
  const changed = expectStatus(await http.put(candidate, { json: { value: "c" }, ...tokenOf(one) }), 200);
  expect(changed.json()).toEqual({ id: first.id, path: first.path, value: "c" });
  expect((await http.get(url)).json()).toMatchObject({
    leader: { id: first.id, value: "c" },
    term: first.term,
  });
  expectProblem(await http.delete(candidate, tokenOf(two)), 409, "not_holder");
  expectStatus(await http.delete(candidate, { query: "force=true" }), 204);
  expectStatus(await http.delete(candidate, tokenOf(one)), 204);
  expectProblem(await http.put(candidate, { json: { value: "x" }, ...tokenOf(one) }), 404, "no_claim");
  expectProblem(await http.delete(`${url}/candidates/c-0000000009`, tokenOf(one)), 404, "no_claim");
  expect((await http.get(url)).json()).toMatchObject({ leader: { id: second.id } });
});

test("listeners are told who leads, and each change of it", async ({ http, url, openSession }) => {
  const stream = await http.stream(`${url}/events`);
  expect((await stream.untilEvent("leader")).data).toMatchObject({ leader: null, term: null });
  const sessions = [await openSession(), await openSession()];
  for (const [index, session] of sessions.entries()) {
    await http.post(`${url}/candidates`, { json: { value: `h:${index}` }, ...tokenOf(session) });
  }
  const first = (await stream.untilEvent("leader", 2)).data;
  expect(first).toMatchObject({ leader: { id: "c-0000000000", value: "h:0" } });
  const json = { value: "h:9" };
  await http.put(`${url}/candidates/c-0000000000`, { json, ...tokenOf(sessions[0] as Session) });
  expect((await stream.untilEvent("leader", 3)).data).toMatchObject({
    leader: { value: "h:9" },
    term: first.term,
  });
  await http.delete(`/v1/sessions/${sessions[0]?.id}`, tokenOf(sessions[0] as Session));
  const second = (await stream.untilEvent("leader", 4)).data;
  expect(second).toMatchObject({ leader: { id: "c-0000000001", value: "h:1" } });
  expect(second.term).toBeGreaterThan(first.term as number);
  stream.close();
});

test("malformed candidacies are refused", async ({ http, url, openSession }) => {
  const session = await openSession();
  const stand = (json: object) => http.post(`${url}/candidates`, { json, ...tokenOf(session) });
  for (const json of [{ value: 1 }, { waitMs: -1 }, { waitMs: 60_001 }, { mode: "shared" }]) {
    expectProblem(await stand(json), 400, "bad_request");
  }
  const problem = expectProblem(await stand({ value: "x".repeat(4097) }), 413, "too_large");
  expect(problem).toMatchObject({ limit: "metadataBytesMax", limitValue: 4096, size: 4097 });
  expectProblem(await http.post(`${url}/candidates`), 400, "session_required");
  for (const name of ["..", "a%2Fb", "x".repeat(256)]) {
    const answer = await http.rawRequest("GET", `/v1/elections/${name}`);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "bad_path"]);
  }
});

test("a candidacy that is sent again with its key finds the candidate it made, as it stands now [D19]", async ({
  http,
  url,
  path,
  openSession,
}) => {
  const [one, two] = [await openSession(), await openSession()];
  expectStatus(await http.post(`${url}/candidates`, tokenOf(one)), 201);
  const again = (value: string) => {
    const headers = { ...tokenOf(two).headers, "idempotency-key": path };
    return http.post(`${url}/candidates`, { json: { value }, headers });
  };
  const first = expectStatus(await again("a"), 202);
  expectProblem(await again("b"), 422, "idempotency_key_reused");
  expectStatus(await http.delete(`${url}/candidates/c-0000000000`, tokenOf(one)), 204);
  const leading = expectStatus(await again("a"), 201);
  expect(leading.json()).toMatchObject({ id: first.json().id, state: "leading" });
  expect(leading.header("idempotency-replayed")).toBe("true");
  const { claims } = (await http.get(`/v1/sessions/${two.id}`)).json();
  expect(claims).toMatchObject([{ path: `${path}/c-0000000001`, state: "leading" }]);
});

test("half of a surrogate pair is no value of a candidate", async ({ http, url, openSession }) => {
  const session = await openSession();
  const headers = { ...tokenOf(session).headers, "content-type": "application/json" };
  const value = '{"value":"\\ud800"}';
  expectProblem(await http.post(`${url}/candidates`, { body: value, headers }), 400, "bad_request");
  expectStatus(await http.post(`${url}/candidates`, { headers }), 201);
  const change = http.put(`${url}/candidates/c-0000000000`, { body: value, headers });
  expectProblem(await change, 400, "bad_request");
});
