// Counters: numbers that many add to, each addition once, and znodes like any other (API section 6).

import { randomBytes } from "node:crypto";
import type { Answer, RequestOptions } from "../support/http.ts";
import {
  test as base,
  encodeSegments,
  expect,
  expectProblem,
  expectStatus,
  tokenOf,
  urlOf,
} from "./fixture.ts";

interface Counted {
  readonly value: number;
  readonly previous: number;
  readonly zxid: number;
}

const test = base.extend<{ counter: Counter }>({
  counter: async ({ http }, use) => {
    const name = `counter ${randomBytes(8).toString("hex")}`;
    await use(new Counter((method, path, options) => http.request(method, path, options), name));
    await http.delete(urlOf(`/counters/${name}`));
  },
});

/** Short ways to ask one counter. */
class Counter {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly #request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;

  constructor(
    request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>,
    name: string,
  ) {
    this.name = name;
    this.url = `/v1/counters${encodeSegments(`/${name}`)}`;
    this.path = `/counters/${name}`;
    this.#request = request;
  }

  post(json?: object, options: RequestOptions = {}): Promise<Answer> {
    return this.#request("POST", this.url, { ...(json !== undefined && { json }), ...options });
  }

  async add(by?: number, options: RequestOptions = {}): Promise<Counted> {
    return expectStatus(await this.post(by === undefined ? undefined : { by }, options), 200).json<never>();
  }

  get(): Promise<Answer> {
    return this.#request("GET", this.url);
  }

  async value(): Promise<number> {
    return expectStatus(await this.get(), 200).json<{ value: number }>().value;
  }
}

test("a counter is made by the first addition, and says what it was and what it is", async ({
  znodes,
  counter,
}) => {
  const { name, path } = counter;
  expectProblem(await counter.get(), 404, "no_node");
  const first = await counter.add();
  expect(first).toEqual({ name, path, previous: 0, value: 1, zxid: first.zxid });
  expect(await counter.add(41)).toMatchObject({ previous: 1, value: 42 });
  expect(await counter.add(-50)).toMatchObject({ previous: 42, value: -8 });
  const last = await counter.add(0);
  expect(last).toMatchObject({ previous: -8, value: -8 });
  expect(last.zxid).toBeGreaterThan(first.zxid);
  expect((await counter.get()).json()).toEqual({ name, path, value: -8, zxid: last.zxid });
  const { data, stat } = await znodes.read(path);
  expect([data, stat.czxid, stat.mzxid]).toEqual(["-8", first.zxid, last.zxid]);
  expect(stat).toMatchObject({ ephemeralOwner: null, version: 3 });
});

test("adding 0 to a counter that is not there makes it", async ({ counter }) => {
  expect(await counter.add(0)).toMatchObject({ previous: 0, value: 0 });
  expect(await counter.value()).toBe(0);
});

test("clients that know nothing but znodes read, set and watch the same counter", async ({
  znodes,
  counter,
  watch,
}) => {
  await counter.add(5);
  const changes = await watch({ path: counter.path });
  expect((await znodes.read(counter.path)).data).toBe("5");
  await znodes.set(counter.path, "100");
  expect(await counter.add()).toMatchObject({ previous: 100, value: 101 });
  const { results } = await znodes.transact([{ op: "increment", path: counter.path, by: 9 }]);
  expect(results[0]?.value).toBe("110");
  expect(await counter.value()).toBe(110);
  await znodes.set(counter.path, "");
  expect(await counter.add(2)).toMatchObject({ previous: 0, value: 2 });
  await changes.untilChanges(5);
  const seen = changes.named("change").flatMap(({ data }) => data.events as { data: string }[]);
  expect(seen.map(({ data }) => data)).toEqual(["100", "101", "110", "", "2"]);
});

test("text that is no number within 2^53-1 is somebody's, and is left as it is", async ({
  znodes,
  counter,
}) => {
  await counter.add();
  for (const text of ["many", "1.5", "0x10", " 1", "1\n", "--1", "9007199254740992", "1e3"]) {
    await znodes.set(counter.path, text);
    const problem = expectProblem(await counter.post(), 409, "not_a_counter");
    expect(problem).toMatchObject({ path: counter.path });
    expectProblem(await counter.get(), 409, "not_a_counter");
    expect((await znodes.read(counter.path)).data).toBe(text);
  }
});

test("what would leave the whole numbers within 2^53-1 is refused, and the counter stays", async ({
  counter,
}) => {
  const largest = Number.MAX_SAFE_INTEGER;
  await counter.add(largest);
  expectProblem(await counter.post({ by: 1 }), 400, "bad_request");
  expect(await counter.value()).toBe(largest);
  expect(await counter.add(-largest)).toMatchObject({ value: 0 });
  expect(await counter.add(-largest)).toMatchObject({ value: -largest });
  expectProblem(await counter.post({ by: -1 }), 400, "bad_request");
  for (const by of [largest + 1, -largest - 1, 1.5, "1", null, [1], 1e300]) {
    expectProblem(await counter.post({ by }), 400, "bad_request");
  }
  expect(await counter.value()).toBe(-largest);
});

test("additions at the same time are all counted, and each is told another value", async ({ counter }) => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => counter.add(2)));
  expect(answers.map(({ value }) => value).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, index) => 2 * index + 2),
  );
});

test("under one Idempotency-Key it is added once, whatever happened to the counter since [D19]", async ({
  znodes,
  counter,
}) => {
  const headers = { "idempotency-key": randomBytes(8).toString("hex") };
  const first = await counter.post({ by: 3 }, { headers });
  expect([first.status, first.header("idempotency-replayed")]).toEqual([200, null]);
  await counter.add(10);
  const again = await counter.post({ by: 3 }, { headers });
  expect(again.header("idempotency-replayed")).toBe("true");
  expect(again.json()).toEqual(first.json());
  expect(await counter.value()).toBe(13);
  expectProblem(await counter.post({ by: 4 }, { headers }), 422, "idempotency_key_reused");
  await znodes.delete(counter.path);
  expect((await counter.post({ by: 3 }, { headers })).json()).toEqual(first.json());
  expectProblem(await counter.get(), 404, "no_node");
});

test("it is added only while the fence holds", async ({ znodes, counter, root }) => {
  const { stat } = await znodes.create(`${root}/master`);
  const headers = { fence: `${root}/master@${stat.czxid}` };
  await counter.add(1, { headers });
  await znodes.delete(`${root}/master`);
  expectProblem(await counter.post({ by: 1 }, { headers }), 409, "fence_stale");
  expect(await counter.value()).toBe(1);
});

test("adding and reading with a token renew its session, and a token of none is refused [N7, N5]", async ({
  http,
  counter,
  openSession,
}) => {
  const session = await openSession();
  await counter.add(1, tokenOf(session));
  expectStatus(await http.get(counter.url, tokenOf(session)), 200);
  const headers = { "session-token": "none" };
  expectProblem(await http.get(counter.url, { headers }), 410, "session_expired");
  expectProblem(await counter.post({ by: 1 }, { headers }), 410, "session_expired");
  expect(await counter.value()).toBe(1);
});

test("the quota over a counter bounds it as any znode", async ({ http, znodes, counter }) => {
  await counter.add(9);
  const { name } = counter;
  const url = `/v1/quotas/counters/${encodeURIComponent(name)}`;
  expectStatus(await http.put(url, { json: { bytesHard: 1 } }), 201);
  expectProblem(await counter.post({ by: 1 }), 403, "quota_exceeded");
  expect((await znodes.read(counter.path)).data).toBe("9");
});

test("what is no name, no body or no method of a counter is refused", async ({ http, counter }) => {
  for (const name of ["a%2Fb", "%01", ".", "%2E%2E", "x".repeat(256)]) {
    const answer = await http.rawRequest("POST", `/v1/counters/${name}`);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "bad_path"]);
  }
  expectProblem(await counter.post({ by: 1, what: 2 }), 400, "bad_request");
  expectProblem(await counter.post(undefined, { body: "5" }), 400, "bad_request");
  expectProblem(await counter.post({ by: 1 }, { query: "by=1" }), 400, "bad_request");
  const refused = await http.put(counter.url, { body: "5" });
  expectProblem(refused, 405, "method_not_allowed");
  expect(refused.header("allow")).toBe("GET, HEAD, POST, OPTIONS");
  expectProblem(await counter.get(), 404, "no_node");
});
