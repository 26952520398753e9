// The example request of each operation in the OpenAPI document, and the state it speaks of: made over HTTP by whoever is
// going to send it.

import { expect } from "vitest";
import { addToken, turnOnAccess } from "./access.ts";
import type { Http } from "./http.ts";
import type { Keeper } from "./keeper.ts";
import type { Operation } from "./openapi.ts";

/** What only the server can make up, put in the place of the example of the same name. */
export type Made = Readonly<Record<string, string>>;

/** Operations whose examples speak of a state of their own; others of /services/web. */
export const operationsWithState = (): string[] => Object.keys(fixtures);

/** Makes the state that the operation's example speaks of. */
export function prepare({ operationId }: Operation, http: Http, keeper: Keeper): Promise<Made> {
  const fixture = fixtures[operationId] ?? ((client) => make(client, ["/services", "/services/web"]));
  return fixture(http, keeper);
}

const fixtures: Record<string, (http: Http, keeper: Keeper) => Promise<Made>> = {
  listPolicies: makePolicy,
  getPolicy: makePolicy,
  setPolicy: makePolicy,
  deletePolicy: makePolicy,
  listTokens: makeToken,
  getToken: makeToken,
  createToken: makePolicy,
  rotateToken: makeToken,
  changeToken: makeToken,
  revokeToken: makeToken,
  createZnode: async (http) => {
    await makeMaster(http);
    return make(http, ["/services"]);
  },
  setZnode: makeFencedZnode,
  deleteZnode: makeFencedZnode,
  transact: async (http) => {
    await make(http, ["/config"]);
    for (const _ of [1, 2, 3]) await http.put("/v1/znodes/config");
    return makeMaster(http);
  },
  importTree: async () => ({}),
  importTreeWithProgress: async () => ({}),
  setQuota: makeFencedZnode,
  getQuota: makeQuota,
  deleteQuota: async (http) => {
    await makeQuota(http);
    return makeMaster(http);
  },
  keepSessionAlive: openSession,
  keepSessionsAlive: openSession,
  getSession: openSession,
  closeSession: openSession,
  watchSession: openSession,
  getEndedSession: async (http) => {
    const { id = "", "Session-Token": token = "" } = await openSession(http);
    await http.delete(`/v1/sessions/${id}`, { headers: { "session-token": token } });
    return { id };
  },
  claimLock: openFencedSession,
  configureLock: makeMaster,
  getClaim: claimLock,
  releaseClaim: claimLock,
  standForElection: openFencedSession,
  getCandidate: standForElection,
  changeCandidate: standForElection,
  resignCandidacy: standForElection,
  registerInstance: openFencedSession,
  getInstance: register,
  changeInstance: register,
  deregisterInstance: register,
  addToCounter: makeMaster,
  getCounter: async (http) => {
    expect((await http.post("/v1/counters/reports")).status).toBe(200);
    return {};
  },
  passBarrier: openFencedSession,
  endWatch: async (http) => {
    for (let id = 1; id <= 7; id += 1) await http.stream("/v1/watch", { query: "path=/" });
    return {};
  },
};

async function make(http: Http, paths: readonly string[]): Promise<Made> {
  for (const path of paths) expect((await http.post(`/v1/znodes${path}`)).status).toBe(201);
  return {};
}

async function makeFencedZnode(http: Http): Promise<Made> {
  await make(http, ["/services", "/services/web"]);
  return makeMaster(http);
}

/** The examples' fence is `/master@1042`: so many transactions come first. */
async function makeMaster(http: Http): Promise<Made> {
  for (let { zxid } = await http.get("/v1/limits"); zxid < 1041; ) {
    const operations = Array.from({ length: Math.min(500, 1041 - zxid) }, () => ({ op: "set", path: "/" }));
    ({ zxid } = await http.post("/v1/batch", { json: { operations } }));
  }
  return make(http, ["/master"]);
}

async function makePolicy(http: Http, { store }: Keeper): Promise<Made> {
  // Where it is on already, whoever asks has shown who they are.
  const bearer = store.access.isOn ? undefined : await turnOnAccess(store);
  const headers = { ...bearer };
  expect((await http.put("/v1/admin/policies/app", { headers, json: { rules: [] } })).status).toBe(201);
  return { name: "app", ...(bearer !== undefined && { Authorization: bearer.authorization }) };
}

async function makeToken(http: Http, keeper: Keeper): Promise<Made> {
  const made = await makePolicy(http, keeper);
  await addToken(keeper.store, { name: "web", policies: ["app"] });
  return { ...made, name: "web" };
}

async function makeQuota(http: Http): Promise<Made> {
  await make(http, ["/services", "/services/web"]);
  expect((await http.put("/v1/quotas/services/web", { json: { countHard: 9 } })).status).toBe(201);
  return {};
}

async function openSession(http: Http): Promise<Made> {
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  return { id, "Session-Token": token };
}

async function openFencedSession(http: Http): Promise<Made> {
  await makeMaster(http);
  return openSession(http);
}

function claimLock(http: Http): Promise<Made> {
  return stand(http, "/v1/locks/reports/claims");
}

function standForElection(http: Http): Promise<Made> {
  return stand(http, "/v1/elections/reports/candidates");
}

async function stand(http: Http, url: string): Promise<Made> {
  const { "Session-Token": token = "" } = await openFencedSession(http);
  const { id } = (await http.post(url, { headers: { "session-token": token } })).json<{ id: string }>();
  return { id, "Session-Token": token };
}

async function register(http: Http): Promise<Made> {
  const { "Session-Token": token = "" } = await openFencedSession(http);
  const json = { address: "h", port: 80 };
  const headers = { "Session-Token": token };
  expect((await http.put("/v1/services/web/instances/web-1", { json, headers })).status).toBe(201);
  return { "Session-Token": token };
}

export interface ExampleRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** One request of all the examples that an operation shows, or of its required parameters. */
export function exampleRequest({ path, parameters, requestBody }: Operation, made: Made): ExampleRequest {
  let target = path;
  const query = new URLSearchParams();
  const { Authorization } = made;
  const headers: Record<string, string> = Authorization === undefined ? {} : { Authorization };
  for (const { name, in: place, schema, example = schema.examples?.[0] } of parameters) {
    const value = made[name] ?? (example === undefined ? undefined : String(example));
    if (value === undefined) continue;
    if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(value));
    else if (place === "query") for (const each of [example].flat()) query.append(name, String(each));
    else headers[name] = value;
  }
  expect(target).not.toContain("{");
  const [media] = Object.values(requestBody?.content ?? {});
  const body = media?.example ?? media?.schema?.examples?.[0];
  return {
    path: query.size === 0 ? target : `${target}?${query}`,
    headers,
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  };
}
