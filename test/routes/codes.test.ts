// Every status and code of the contract, each met over HTTP by the shortest request that leads to it. A code of the
// contract that the service does not have says which part of the service will bring it; a code that has neither a
// request here nor such a reason fails.

import { expect } from "vitest";
import { defaultLimits } from "../../src/core/limits.ts";
import { problemKinds } from "../../src/routes/http/problems.ts";
import { turnOnAccess } from "../support/access.ts";
import { MadeUpBackups } from "../support/backup-source.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Answer, type Http } from "../support/http.ts";
import { Keeper, plain } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";
import { serveFor, test } from "./server-fixture.ts";

/** Section 8 of the contract: what a client may be told. */
const contract = {
  400: ["bad_request", "bad_path", "bad_mode", "bad_ttl", "bad_acl", "session_required"],
  401: ["unauthenticated"],
  403: ["forbidden", "quota_exceeded", "reserved_path"],
  404: ["no_node", "no_route", "no_claim", "no_instance", "no_token", "no_policy"],
  405: ["method_not_allowed"],
  406: ["not_acceptable"],
  409: [
    ...["node_exists", "not_empty", "ephemeral_parent", "fence_stale", "lock_held", "not_holder"],
    ...["quota_nested", "not_a_counter", "mode_differs", "permits_differ", "count_differs"],
    ...["token_exists", "policy_in_use"],
  ],
  410: ["session_expired", "history_trimmed", "log_trimmed"],
  412: ["bad_version"],
  413: ["too_large", "too_many_operations", "too_many_changes"],
  421: ["misdirected"],
  422: ["idempotency_key_reused"],
  429: ["throttled"],
  500: ["internal"],
  503: ["behind", "read_only", "suspended", "starting", "stopping"],
  507: ["no_room"],
} as const;

type Code = keyof typeof problemKinds;

/** Codes the service does not give, and why. */
const absent: Readonly<Record<string, string>> = {
  starting: "the server listens only when it can serve",
};

/** A client of a server whose parts can be reached, so that they can be made to fail as the world would. */
interface Scene {
  readonly http: Http;
  readonly keeper: Keeper;
  readonly clock: BreakableClock;
  readonly backups: MadeUpBackups;
}

/** The machine's clock, which can be lost. */
class BreakableClock extends FakeClock {
  isLost = false;

  override monotonicMs(): number {
    if (this.isLost) throw new Error("there is no clock");
    return super.monotonicMs();
  }
}

const producers: Record<Code, (scene: Scene) => Promise<Answer>> = {
  bad_request: ({ http }) => http.get("/v1/znodes?rav=true"),
  bad_path: ({ http }) => http.get("/v1/znodes/a%01"),
  bad_mode: ({ http }) => http.post("/v1/znodes/a?container=true&ephemeral=true"),
  bad_ttl: ({ http }) => http.post("/v1/znodes/a?ttlMs=0"),
  bad_acl: ({ http }) => http.put("/v1/acl", { json: { acl: [] } }),
  session_required: ({ http }) => http.post("/v1/znodes/a?ephemeral=true"),
  unauthenticated: async ({ http, keeper }) => {
    await turnOnAccess(keeper.store);
    return http.get("/v1/znodes");
  },
  no_token: async ({ http, keeper }) =>
    http.get("/v1/admin/tokens/none", { headers: await turnOnAccess(keeper.store) }),
  no_policy: async ({ http, keeper }) =>
    http.get("/v1/admin/policies/none", { headers: await turnOnAccess(keeper.store) }),
  token_exists: async ({ http, keeper }) => {
    const headers = await turnOnAccess(keeper.store);
    return http.post("/v1/admin/tokens", { headers, json: { name: "root", policies: ["admin"] } });
  },
  policy_in_use: async ({ http, keeper }) => {
    const headers = await turnOnAccess(keeper.store);
    await http.put("/v1/admin/policies/p", { headers, json: { rules: [] } });
    await http.post("/v1/admin/tokens", { headers, json: { name: "t", policies: ["p"] } });
    return http.delete("/v1/admin/policies/p", { headers });
  },
  forbidden: ({ http }) => http.put("/v1/znodes", { headers: { origin: "https://elsewhere.example" } }),
  quota_exceeded: async ({ http }) => {
    await http.post("/v1/znodes/a");
    await http.put("/v1/quotas/a", { json: { bytesHard: 3 } });
    return http.put("/v1/znodes/a", { body: "four" });
  },
  idempotency_key_reused: async ({ http }) => {
    const headers = { "idempotency-key": "once" };
    await http.post("/v1/znodes/a", { headers });
    return http.post("/v1/znodes/b", { headers });
  },
  misdirected: async ({ http }) => {
    const head = "GET /livez HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n";
    const { status, headers, body } = await http.raw(head);
    return new Answer(status, new Headers([...headers]), Buffer.from(body));
  },
  reserved_path: ({ http }) => http.delete("/v1/znodes"),
  no_node: ({ http }) => http.get("/v1/znodes/a"),
  no_route: ({ http }) => http.get("/v1/none"),
  no_claim: ({ http }) => http.get("/v1/locks/a/claims/x-0000000000"),
  no_instance: ({ http }) => http.get("/v1/services/a/instances/b"),
  method_not_allowed: ({ http }) => http.request("PATCH", "/v1/znodes/a"),
  not_acceptable: ({ http }) => http.get("/v1/znodes", { headers: { accept: "image/png" } }),
  node_exists: ({ http }) => http.post("/v1/znodes"),
  not_empty: async ({ http }) => {
    await http.post("/v1/znodes/a/b?parents=true");
    return http.delete("/v1/znodes/a");
  },
  ephemeral_parent: async ({ http }) => {
    const { token } = (await http.post("/v1/sessions")).json<{ token: string }>();
    await http.post("/v1/znodes/e?ephemeral=true", { headers: { "session-token": token } });
    return http.post("/v1/znodes/e/x");
  },
  quota_nested: async ({ http }) => {
    await http.post("/v1/znodes/a/b?parents=true");
    await http.put("/v1/quotas/a", { json: { bytesHard: 3 } });
    return http.put("/v1/quotas/a/b", { json: { bytesHard: 3 } });
  },
  not_a_counter: async ({ http }) => {
    await http.post("/v1/znodes/counters/c?parents=true", { body: "many" });
    return http.post("/v1/counters/c");
  },
  mode_differs: async ({ http }) => {
    const headers = { "session-token": await newToken(http) };
    await http.post("/v1/locks/a/claims", { headers });
    return http.post("/v1/locks/a/claims", { headers, json: { mode: "shared" } });
  },
  permits_differ: async ({ http }) => {
    await claimOf(http);
    return http.put("/v1/locks/a", { json: { permits: 2 } });
  },
  count_differs: async ({ http }) => {
    const headers = { "session-token": await newToken(http) };
    await http.post("/v1/barriers/a", { headers, json: { action: "enter", count: 1 } });
    return http.post("/v1/barriers/a", { headers, json: { action: "enter", count: 2 } });
  },
  lock_held: async ({ http }) => {
    await claimOf(http);
    return claimOf(http);
  },
  not_holder: async ({ http }) => {
    await claimOf(http);
    const headers = { "session-token": await newToken(http) };
    return http.delete("/v1/locks/a/claims/x-0000000000", { headers });
  },
  fence_stale: ({ http }) => http.put("/v1/znodes", { headers: { fence: "/a@1" } }),
  session_expired: ({ http }) => http.get("/v1/znodes", { headers: { "session-token": "none" } }),
  log_trimmed: ({ http }) => http.get("/v1/admin/log?after=0&zxid=7&epoch=0123456789"),
  history_trimmed: ({ http }) => http.get("/v1/watch?path=/&sinceZxid=999"),
  bad_version: ({ http }) => http.put("/v1/znodes?version=7"),
  too_large: ({ http }) => http.put("/v1/znodes", { body: "x".repeat(1_048_577) }),
  too_many_operations: ({ http }) => {
    const operations = Array.from({ length: 1001 }, () => ({ op: "check", path: "/" }));
    return http.post("/v1/transactions", { json: { operations } });
  },
  too_many_changes: async ({ http, keeper }) => {
    const { transactionChangesMax } = defaultLimits;
    const numbers = { sequence: null, nextSequence: 0 };
    const znodes = Array.from({ length: transactionChangesMax - 1 }, (_, index) => ({
      ...{ path: `/many/${index}`, data: new Uint8Array(), mode: plain, ...numbers },
    }));
    await keeper.store.submit({ type: "import", znodes, onConflict: "fail" });
    await http.post("/v1/znodes/many/one-more");
    return http.delete("/v1/znodes/many?recursive=true");
  },
  throttled: async ({ http }) => {
    const first = await http.stream("/v1/watch?path=/");
    return http.get("/v1/watch?path=/").finally(() => first.close());
  },
  internal: async ({ http, clock }) => {
    const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
    clock.isLost = true;
    const answer = await http.put(`/v1/sessions/${id}`, { headers: { "session-token": token } });
    clock.isLost = false;
    return answer;
  },
  behind: async ({ http, clock }) => {
    // From here on the timers of requests alone are whole.
    await clock.advance(1);
    const answer = http.get("/v1/znodes", { headers: { "min-zxid": "1" } });
    while (!clock.hasTimerIn(2000, 2000)) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(2000);
    return answer;
  },
  read_only: ({ http, keeper }) => {
    keeper.log.injectFault("notAppended");
    return http.put("/v1/znodes");
  },
  suspended: ({ http, keeper }) => {
    keeper.log.suspend("no quorum");
    return http.put("/v1/znodes");
  },
  stopping: async ({ http, keeper }) => {
    await keeper.store.close();
    return http.put("/v1/znodes");
  },
  no_room: ({ http, backups }) => {
    backups.hasRoom = false;
    return http.get("/v1/admin/backup");
  },
};

async function newToken(http: Http): Promise<string> {
  return (await http.post("/v1/sessions")).json<{ token: string }>().token;
}

/** A session of its own claims the lock. */
async function claimOf(http: Http): Promise<Answer> {
  const headers = { "session-token": await newToken(http) };
  return http.post("/v1/locks/a/claims", { headers });
}

const withScene = test.extend<{ scene: Scene }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  scene: async ({}, use) => {
    const clock = new BreakableClock();
    const keeper = new Keeper(clock);
    await keeper.store.start();
    const backups = new MadeUpBackups(keeper);
    const { http, close } = await serveFor(keeper, watchesOf(keeper, { streamsMax: 1 }), { backups });
    await use({ http, keeper, clock, backups });
    await close();
  },
});

withScene.for(Object.entries(producers))("%s", async ([code, produce], { scene }) => {
  const answer = await produce(scene);
  const { status, title } = problemKinds[code as Code];
  expect(answer.header("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(answer.status).toBe(status);
  expect(answer.json()).toMatchObject({ code, status, title, type: `urn:treekeeper:problem:${code}` });
});

test("every code of the contract is met above or says why it is not there, and there are no others", () => {
  const known = Object.values(contract).flat() as string[];
  const isHere = (code: string) => code in problemKinds;
  expect(known.filter((code) => !isHere(code) && !(code in absent))).toEqual([]);
  expect(known.filter((code) => isHere(code) && !(code in producers))).toEqual([]);
  expect(Object.keys(problemKinds).filter((code) => !known.includes(code))).toEqual([]);
  expect(Object.keys(absent).filter((code) => isHere(code) || !known.includes(code))).toEqual([]);
  for (const [status, codes] of Object.entries(contract)) {
    const wrong = codes.filter(
      (code) => isHere(code) && problemKinds[code as Code].status !== Number(status),
    );
    expect(wrong, status).toEqual([]);
  }
});
