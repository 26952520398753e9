// What bad input gets: a problem with a code of the closed list, and nothing changed: no znode, no counter, no zxid.
// The fuzz is seeded; what it finds comes back with its seed: SEED=… vitest run test/routes/refusals.test.ts

import { expect } from "vitest";
import { problemKinds } from "../../src/routes/http/problems.ts";
import type { Http, RawAnswer } from "../support/http.ts";
import { random } from "../support/random.ts";
import { test } from "./server-fixture.ts";

const seed = Number(process.env.SEED ?? 20_260_701);
const requestCount = 1500;

async function prepare(http: Http): Promise<{ token: string; deadToken: string }> {
  const open = async () => (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const [session, dead] = [await open(), await open()];
  await http.delete(`/v1/sessions/${dead.id}`, { headers: { "session-token": dead.token } });
  for (const path of ["/a", "/a/b", "/n"]) await http.post(`/v1/znodes${path}`, { body: "x" });
  const headers = { "session-token": session.token };
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers });
  await http.post("/v1/znodes/keyed", { headers: { "idempotency-key": "used" } });
  return { token: session.token, deadToken: dead.token };
}

test("each refusal has its code, and leaves the state and the zxid as they were [Z3, D11, C5, M8]", async ({
  http,
  state,
}) => {
  const { deadToken } = await prepare(http);
  const dead = { "session-token": deadToken };
  const requests: [number, string, string, string, Record<string, string>?, string?][] = [
    [400, "bad_path", "POST", "/v1/znodes//x"],
    [400, "bad_path", "DELETE", "/v1/znodes/a/"],
    [400, "bad_mode", "POST", "/v1/znodes/x?container=true&sequential=true"],
    [400, "bad_ttl", "POST", "/v1/znodes/x?ttlMs=0"],
    [400, "session_required", "POST", "/v1/znodes/x?ephemeral=true"],
    [400, "bad_request", "POST", "/v1/znodes/x?mode=ephemeral"],
    [400, "bad_request", "PUT", "/v1/znodes/a", { "if-none-match": '"1-0"' }],
    [400, "bad_request", "PUT", "/v1/znodes/a?version=0", { "if-none-match": "*" }],
    [400, "bad_request", "PUT", "/v1/znodes/a", { fence: "nonsense" }],
    [400, "bad_request", "PUT", "/v1/znodes/a", { "if-match": "1-0" }],
    [400, "bad_request", "POST", "/v1/znodes/x", { "if-match": '"1-0"' }],
    [400, "bad_request", "DELETE", "/v1/znodes/n", { "if-none-match": "*" }],
    [400, "bad_request", "POST", "/v1/batch", {}, "{"],
    [400, "bad_request", "POST", "/v1/batch", { "if-match": "*" }, '{"operations":[]}'],
    [410, "session_expired", "POST", "/v1/batch", dead, '{"operations":[]}'],
    [400, "bad_request", "POST", "/v1/transactions", { "if-none-match": "*" }, '{"operations":[]}'],
    [400, "bad_request", "POST", "/v1/transactions", {}, "{"],
    [400, "bad_request", "POST", "/v1/transactions", {}, '{"operations":[{"op":"move","path":"/a"}]}'],
    [403, "reserved_path", "DELETE", "/v1/znodes"],
    [403, "reserved_path", "DELETE", "/v1/znodes?recursive=true"],
    [404, "no_node", "PUT", "/v1/znodes/none"],
    [404, "no_node", "DELETE", "/v1/znodes/none?recursive=true"],
    [404, "no_node", "POST", "/v1/znodes/none/x?sequential=true"],
    [404, "no_route", "POST", "/v1/nodes/x"],
    [405, "method_not_allowed", "PATCH", "/v1/znodes/a"],
    [405, "method_not_allowed", "POST", "/v1/children/a"],
    [409, "node_exists", "POST", "/v1/znodes/a"],
    [409, "node_exists", "POST", "/v1/znodes"],
    [409, "not_empty", "DELETE", "/v1/znodes/a"],
    [409, "ephemeral_parent", "POST", "/v1/znodes/e/x"],
    [409, "ephemeral_parent", "POST", "/v1/znodes/e/x/y?parents=true"],
    [409, "fence_stale", "PUT", "/v1/znodes/a", { fence: "/a@999" }],
    [410, "session_expired", "PUT", "/v1/znodes/a", dead],
    [410, "session_expired", "POST", "/v1/znodes/x?ephemeral=true", dead],
    [410, "session_expired", "DELETE", "/v1/znodes/n", { "session-token": "guessed" }],
    [410, "session_expired", "POST", "/v1/transactions", dead, '{"operations":[]}'],
    [422, "idempotency_key_reused", "POST", "/v1/znodes/x", { "idempotency-key": "used" }],
    [422, "idempotency_key_reused", "POST", "/v1/sessions", { "idempotency-key": "used" }],
    [400, "bad_request", "POST", "/v1/sessions", { "idempotency-key": "" }],
    [410, "session_expired", "POST", "/v1/znodes/x", { ...dead, "idempotency-key": "new" }],
    [412, "bad_version", "PUT", "/v1/znodes/a?version=1"],
    [412, "bad_version", "DELETE", "/v1/znodes/n?version=-2"],
    [412, "bad_version", "DELETE", "/v1/znodes/a?recursive=true&version=7"],
    [412, "bad_version", "PUT", "/v1/znodes/a", { "if-none-match": "*" }],
    [412, "bad_version", "PUT", "/v1/znodes/a", { "if-match": '"1-0"' }],
    [413, "too_large", "PUT", "/v1/znodes/a", {}, "x".repeat(1_048_577)],
  ];
  const before = state();
  for (const [status, code, method, target, headers = {}, body] of requests) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const answer = await http.rawRequest(method, target, lines.join(""), body);
    expect(`${answer.status} ${answer.body}`, `${method} ${target}`).toMatch(
      new RegExp(`^${status} .*"code":"${code}"`),
    );
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    if (target.startsWith("/v1")) expect(answer.headers.get("zxid")).toBe(before.split(" ")[0]);
    expect(state(), `${method} ${target}`).toBe(before);
  }
});

test("a create that would make its parents makes none when it is refused [C4, M8]", async ({
  http,
  state,
}) => {
  await http.post("/v1/znodes/a");
  const before = state();
  for (const query of [
    "parents=true&ephemeral=true",
    "parents=true&ttlMs=0",
    "parents=true&container=true&ttlMs=5",
  ]) {
    expect((await http.post("/v1/znodes/a/b/c/d", { query })).status).toBe(400);
  }
  const fence = { fence: "/a@7" };
  expect((await http.post("/v1/znodes/a/b/c", { query: "parents=true", headers: fence })).status).toBe(409);
  expect(state()).toBe(before);
});

/** Parts that are each legal or illegal somewhere; put together at random they are mostly nonsense. */
const parts = {
  method: ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"],
  base: [
    "/v1/znodes",
    "/v1/children",
    "/v1/transactions",
    "/v1/batch",
    "/v1/sessions",
    "/v1/watch",
    "/v1/limits",
    "/v1",
    "/",
  ],
  segment: [
    "a",
    "b",
    "n",
    "e",
    "x",
    "",
    ".",
    "..",
    "%2F",
    "%00",
    "%",
    "%ff",
    "%zz",
    "é",
    "\\",
    "keepalive",
    "events",
  ],
  name: [
    "version",
    "raw",
    "ephemeral",
    "sequential",
    "ttlMs",
    "recursive",
    "upsert",
    "limit",
    "after",
    "path",
    "x",
    "",
  ],
  value: [
    "",
    "true",
    "false",
    "0",
    "-1",
    "-2",
    "1",
    "1e9",
    "99999999999999999999",
    "/a",
    "/a//b",
    "%",
    "null",
    "\\",
  ],
  header: ["If-Match", "If-None-Match", "Session-Token", "Fence", "Accept", "Content-Type", "Last-Event-ID"],
  headerValue: [
    "*",
    '"1-0"',
    "x",
    "/a@1",
    "/a@",
    ",",
    "text/event-stream",
    "image/png",
    "",
    "999999999999999999999",
  ],
  body: [
    "",
    "{",
    "[]",
    "null",
    '{"operations":[]}',
    '{"operations":[{"op":"create","path":"a"}]}',
    '{"tokens":[1]}',
  ],
};

function fuzzRequest(chance: () => number, tokens: readonly string[]) {
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(chance() * items.length)] as Item;
  const some = <Item>(make: () => Item, max: number) =>
    Array.from({ length: Math.floor(chance() * max) }, make);
  const path = pick(parts.base) + some(() => `/${pick(parts.segment)}`, 4).join("");
  const query = some(() => `${pick(parts.name)}=${pick(parts.value)}`, 3).join("&");
  const headerValues = [...parts.headerValue, ...tokens];
  const headers = some(() => `${pick(parts.header)}: ${pick(headerValues)}\r\n`, 3).join("");
  return {
    method: pick(parts.method),
    target: encodeURI(`${path}?${query}`).replaceAll("%25", "%"),
    headers,
    body: pick(parts.body),
  };
}

test(`random requests get no 5xx and no half-done write, seed ${seed} [M8, Z3]`, { timeout: 60_000 }, async ({
  http,
  state,
}) => {
  const tokens = Object.values(await prepare(http));
  const chance = random(seed);
  let refused = 0;
  for (let count = 0; count < requestCount; count += 1) {
    const { method, target, headers, body } = fuzzRequest(chance, tokens);
    if (opensStream(method, target)) continue;
    const before = state();
    const answer = await http.rawRequest(method, target, headers, body);
    const what = `${method} ${target} ${headers} ${body} -> ${answer.status} ${answer.body.slice(0, 300)}`;
    expect(answer.status, what).toBeLessThan(500);
    if (answer.status < 400) continue;
    refused += 1;
    expect(state(), what).toBe(before);
    expect(isProblem(method, answer), what).toBe(true);
    if (target.startsWith("/v1/")) expect(answer.headers.get("zxid"), what).toBe(before.split(" ")[0]);
  }
  expect(refused).toBeGreaterThan(requestCount / 3);
});

/** A stream that is granted has no end to wait for. */
function opensStream(method: string, target: string): boolean {
  return method === "GET" && (target.startsWith("/v1/watch") || target.includes("/events"));
}

function isProblem(method: string, { status, headers, body }: RawAnswer): boolean {
  if (headers.get("content-type") !== "application/problem+json; charset=utf-8") return false;
  if (method === "HEAD") return body === "";
  const problem = JSON.parse(body) as { status: number; code: string; detail: string };
  return problem.status === status && problem.code in problemKinds && problem.detail !== "";
}

test("every code of the closed list has a status that fits it and a title of its own", () => {
  const kinds = Object.entries(problemKinds);
  expect(new Set(kinds.map(([, { title }]) => title)).size).toBe(kinds.length);
  for (const [code, { status }] of kinds) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status >= 500).toBe(
      ["internal", "behind", "read_only", "suspended", "stopping", "starting", "no_room"].includes(code),
    );
  }
});
