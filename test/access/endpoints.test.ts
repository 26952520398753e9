// Who may call what: every operation of the OpenAPI document, asked without a token, by one that is wrong, expired or
// revoked, by one that may do everything but what it takes, for a session of somebody else, and by one that may do what it
// takes and nothing more.

import { describe, expect } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import { verbs } from "../../src/core/access/verbs.ts";
import type { Store } from "../../src/store/store.ts";
import { logMediaType } from "../../src/store/upstream/frames.ts";
import { test as base } from "../routes/server-fixture.ts";
import { addToken, addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import { Http, type RequestOptions } from "../support/http.ts";
import type { Keeper } from "../support/keeper.ts";
import { type Operation, operations } from "../support/openapi.ts";
import { type ExampleRequest, exampleRequest, prepare } from "../support/operation-examples.ts";
import { type Needs, type OperationRights, rightsOfOperations } from "./rights-of-operations.ts";

const everything: Rule = { prefix: "/", allow: verbs };
const everythingButAdmin: Rule = { prefix: "/", allow: verbs.filter((verb) => verb !== "admin") };

/** Answers of these kinds have no end of their own. */
const streamTypes = ["text/event-stream", logMediaType];

/** Somebody who shows a token with each request. */
class Bearing extends Http {
  readonly #bearer: Bearer;

  constructor(url: string, bearer: Bearer) {
    super(url);
    this.#bearer = bearer;
  }

  override fetch(method: string, path: string, options: RequestOptions = {}, signal?: AbortSignal) {
    return super.fetch(
      method,
      path,
      { ...options, headers: { ...options.headers, ...this.#bearer } },
      signal,
    );
  }
}

interface Table {
  readonly asked: ExampleRequest;
  readonly ask: (bearer: Partial<Bearer>, method?: string, asked?: ExampleRequest) => Promise<Seen>;
  /** What somebody may do from now on. */
  readonly setRulesOf: (name: "caller" | "other", rules: readonly Rule[]) => Promise<void>;
  readonly caller: Bearer;
  /** Whoever has no right less, and did not open the caller's sessions. */
  readonly other: Bearer;
  /** Each of these is nobody. */
  readonly nobodies: Readonly<Record<string, Partial<Bearer>>>;
}

interface Seen {
  readonly status: number;
  readonly challenge: string | null;
  readonly text: string;
  readonly code: string | undefined;
}

interface TableFixture {
  tableOf: (operation: Operation) => Promise<Table>;
}

const test = base.extend<TableFixture>({
  tableOf: async ({ http, keeper }, use) => {
    const steward = new Bearing(http.url, await turnOnAccess(keeper.store));
    const people = await makePeople(keeper);
    await use(async (operation) => {
      const { store } = keeper;
      // Sessions are the caller's own; what an admin looks at is somebody else's.
      const isAdmins = operation.path.startsWith("/v1/admin");
      const preparer = isAdmins ? steward : new Bearing(http.url, people.caller);
      const made = await prepare(operation, preparer, keeper);
      const zxid = String(store.zxid);
      const asked = exampleRequest(operation, { ...made, "Min-Zxid": zxid, "Last-Event-ID": zxid });
      return {
        asked,
        ask: (bearer, method = operation.method, other = asked) => ask(http, method, other, bearer),
        setRulesOf: (name, rules) => setRulesOf(store, name, rules),
        ...people,
      };
    });
  },
});

async function makePeople({ store, clock }: Keeper) {
  const caller = await addTokenWith(store, "caller", [everything]);
  const other = await addTokenWith(store, "other", [everythingButAdmin]);
  const expired = await addToken(store, {
    name: "old",
    policies: ["admin"],
    validUntilMs: clock.wallMs() + 1,
  });
  const revoked = await addToken(store, { name: "revoked", policies: ["admin"] });
  await store.submit({ type: "revokeToken", name: "revoked", principal: "system" });
  await clock.advance(1);
  const wrong = { authorization: "Bearer tk_of-nobody" };
  return { caller, other, nobodies: { none: {}, wrong, expired, revoked } };
}

async function setRulesOf(store: Store, name: string, rules: readonly Rule[]): Promise<void> {
  await store.submit({ type: "setPolicy", policy: { name, rules }, principal: "system" });
}

async function ask(
  http: Http,
  method: string,
  asked: ExampleRequest,
  bearer: Partial<Bearer>,
): Promise<Seen> {
  const hasBody = asked.body !== undefined && method !== "HEAD" && method !== "OPTIONS";
  const response = await http.fetch(method, asked.path, {
    headers: { ...asked.headers, ...bearer },
    ...(hasBody && { body: asked.body }),
  });
  const { status, headers } = response;
  const isStream = streamTypes.includes(headers.get("content-type") ?? "");
  const text = isStream ? await firstPart(response) : await response.text();
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") === true;
  const code = isProblem && text !== "" ? (JSON.parse(text) as { code: string }).code : undefined;
  return { status, challenge: headers.get("www-authenticate"), text, code };
}

async function firstPart(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

test("every operation has its row, and every row its operation", () => {
  const ids = operations.map(({ operationId }) => operationId);
  expect(Object.keys(rightsOfOperations).sort()).toEqual([...ids].sort());
});

/** All that is less than the operation takes, each by as little as can be. */
function tooWeak(rights: OperationRights | undefined): (readonly Rule[])[] {
  if (typeof rights !== "object") return [];
  if ("anyOf" in rights) return [[everything, ...rights.anyOf.map(denied)]];
  return rights.needs.map((need) => [everything, denied(need)]);
}

/** Each that is enough, and nothing more. */
function enough(rights: OperationRights | undefined): (readonly Rule[])[] {
  if (typeof rights !== "object") return [[]];
  return "anyOf" in rights ? rights.anyOf.map((need) => [allowed(need)]) : [rights.needs.map(allowed)];
}

function denied([prefix, verb]: Needs[number]): Rule {
  return { prefix, deny: [verb] };
}

function allowed([prefix, verb]: Needs[number]): Rule {
  return { prefix, allow: [verb] };
}

function isStream({ responses }: Operation): boolean {
  return streamTypes.some((type) => responses["200"]?.content?.[type] !== undefined);
}

/** A backup is not taken for its headers alone. */
function hasHead(operation: Operation): boolean {
  return operation.method === "GET" && !isStream(operation) && operation.operationId !== "takeBackup";
}

describe.for(operations)("$operationId", (operation) => {
  const rights = rightsOfOperations[operation.operationId];
  const methods = hasHead(operation) ? ["GET", "HEAD"] : [operation.method];

  if (rights === "open") {
    test("is answered to whoever asks", async ({ tableOf }) => {
      const { ask: asks, nobodies } = await tableOf(operation);
      for (const nobody of Object.values(nobodies)) expect((await asks(nobody)).status).toBeLessThan(300);
    });
    return;
  }

  test("asks who it is, says the same to everybody who is nobody, and does nothing for them", async ({
    tableOf,
    state,
  }) => {
    const { ask: asks, nobodies } = await tableOf(operation);
    const before = state();
    for (const method of methods) {
      const answers = await Promise.all(Object.values(nobodies).map((nobody) => asks(nobody, method)));
      for (const answer of answers) {
        expect(answer).toEqual(answers[0]);
        expect(answer).toMatchObject({ status: 401, challenge: expect.stringMatching(/^Bearer/) });
        if (method !== "HEAD") expect(answer.code).toBe("unauthenticated");
      }
    }
    expect(state()).toBe(before);
  });

  test("is done for whoever may do it, be it nothing else", async ({ tableOf }) => {
    const { ask: asks, setRulesOf, caller } = await tableOf(operation);
    for (const rules of enough(rights)) {
      await setRulesOf("caller", rules);
      for (const method of methods) {
        const { status, text } = await asks(caller, method);
        expect(status, text).toBeLessThan(300);
      }
    }
  });

  if (tooWeak(rights).length > 0)
    test("is forbidden to whoever may do all but what it takes, and nothing is done", async ({
      tableOf,
      state,
    }) => {
      const { ask: asks, setRulesOf, caller } = await tableOf(operation);
      for (const rules of tooWeak(rights)) {
        await setRulesOf("caller", rules);
        const before = state();
        for (const method of methods) {
          const answer = await asks(caller, method);
          expect(answer, JSON.stringify(rules)).toMatchObject({ status: 403 });
          if (method !== "HEAD") expect(answer.code).toBe("forbidden");
        }
        expect(state()).toBe(before);
      }
    });

  if (typeof rights === "object" && "anyOf" in rights && rights.isOfPlace === true)
    test("another's place is as one that was released to whoever may not read it", async ({
      tableOf,
      state,
    }) => {
      const { ask: asks, asked, other, setRulesOf } = await tableOf(operation);
      await setRulesOf("other", [{ prefix: "/", allow: ["coordinate", "session"] }]);
      const { "Session-Token": _, ...headers } = asked.headers;
      const before = state();
      expect(await asks(other, operation.method, { ...asked, headers })).toMatchObject({ code: "no_claim" });
      expect(state()).toBe(before);
    });

  test("another's session is as one that is gone, whoever has its token", async ({ tableOf, state }) => {
    const { ask: asks, asked, other } = await tableOf(operation);
    if (rights !== "own session" && asked.headers["Session-Token"] === undefined) return;
    const before = state();
    expect(await asks(other)).toMatchObject({ status: 410, code: "session_expired" });
    expect(state()).toBe(before);
  });
});
