// Locks over the end of the process, in good order and without: the queue is in the tree, so it is where it was.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

interface Session {
  readonly id: string;
  readonly token: string;
}

interface Claim {
  readonly id: string;
  readonly fence: number;
}

const long = { timeoutMs: 3_600_000 };

async function open(http: Http, request: object = long): Promise<Session> {
  return (await http.post("/v1/sessions", { json: request })).json<never>();
}

function claim(http: Http, { token }: Session, json: object = {}) {
  return http.post("/v1/locks/a/claims", { json, headers: { "session-token": token } });
}

async function queueOf(http: Http): Promise<string[]> {
  const { holders, queue } = (await http.get("/v1/locks/a")).json<{ holders: Claim[]; queue: Claim[] }>();
  return [...holders, ...queue].map(({ id }) => id);
}

test("the queue and its order outlive a kill and a planned stop, and fences grow on", async ({ start }) => {
  let server = await start();
  let http = new Http(server.url);
  const sessions = [await open(http), await open(http), await open(http)];
  const first = (await claim(http, sessions[0] as Session)).json<never>() as Claim;
  for (const session of sessions.slice(1))
    expect((await claim(http, session, { waitMs: 1 })).status).toBe(202);
  const queue = ["x-0000000000", "x-0000000001", "x-0000000002"];
  for (const end of ["kill", "terminate"] as const) {
    await server[end]();
    server = await start();
    http = new Http(server.url);
    expect(await queueOf(http)).toEqual(queue);
  }
  const headers = { "session-token": sessions[1]?.token ?? "" };
  const waiting = http.get("/v1/locks/a/claims/x-0000000001", { headers, query: { waitMs: 60_000 } });
  await http.delete("/v1/locks/a/claims/x-0000000000", {
    headers: { "session-token": sessions[0]?.token ?? "" },
  });
  const second = (await waiting).json<never>() as Claim;
  expect(second).toMatchObject({ id: "x-0000000001", state: "held" });
  const again = (await claim(http, sessions[0] as Session, { waitMs: 1 })).json<never>() as Claim;
  expect(again.id).toBe("x-0000000003");
  expect(second.fence).toBeGreaterThan(first.fence);
});

test("a planned stop answers those who wait, and their places are kept", async ({ start }) => {
  const server = await start();
  const http = new Http(server.url);
  const [one, two] = [await open(http), await open(http)];
  await claim(http, one);
  const changes = await http.stream("/v1/watch", { query: { path: "/locks/a", scope: "children" } });
  const waiting = claim(http, two, { waitMs: 60_000 });
  await changes.untilChanges(1);
  const ended = server.terminate();
  expect((await waiting).json()).toMatchObject({ id: "x-0000000001", state: "waiting", position: 1 });
  expect(await ended).toMatchObject({ code: 0 });
  expect(await queueOf(new Http((await start()).url))).toEqual(["x-0000000000", "x-0000000001"]);
});

test("a lock delay goes on after a restart, and ends", async ({ start }) => {
  let server = await start();
  let http = new Http(server.url);
  await http.put("/v1/locks/a", { json: { lockDelayMs: 3000 } });
  const waiter = await open(http);
  const holder = await open(http, { timeoutMs: 1000 });
  expect((await claim(http, holder)).status).toBe(201);
  await claim(http, waiter, { waitMs: 1 });
  const stream = await http.stream("/v1/locks/a/events");
  const freed = () => stream.named("holders").find(({ data }) => data.holderCount === 0);
  await stream.until(() => freed() !== undefined);
  const delayUntilMs = freed()?.data.delayUntilMs;
  expect(delayUntilMs).toBeGreaterThan(0);
  await server.kill();
  server = await start();
  http = new Http(server.url);
  const headers = { "session-token": waiter.token };
  const answer = await http.get("/v1/locks/a/claims/x-0000000001", { headers, query: { waitMs: 60_000 } });
  expect(answer.json()).toMatchObject({ state: "held" });
  // However long the restart took: nobody new held before the delay was over.
  expect(Date.now()).toBeGreaterThanOrEqual(delayUntilMs as number);
  expect((await http.get("/v1/locks/a")).json()).not.toHaveProperty("delayUntilMs");
});

test("a release by force is in the log, with whose claim it was", async ({ start }) => {
  const server = await start();
  const http = new Http(server.url);
  const [one, two] = [await open(http), await open(http)];
  await claim(http, one);
  const standing = { json: {}, headers: { "session-token": two.token } };
  await http.post("/v1/elections/m/candidates", standing);
  const instance = { json: { address: "h", port: 80 }, headers: { "session-token": one.token } };
  await http.put("/v1/services/web/instances/a", instance);
  await http.delete("/v1/locks/a/claims/x-0000000000", { query: "force=true" });
  await http.delete("/v1/elections/m/candidates/c-0000000000", { query: "force=true" });
  for (const id of ["a", "a", "none"]) {
    await http.delete(`/v1/services/web/instances/${id}`, { query: "force=true" });
  }
  await server.terminate();
  const audited = server.logs.filter(({ audit }) => audit === true);
  expect(audited).toMatchObject([
    { lock: "a", claim: "x-0000000000", owner: one.id, by: { session: null } },
    { election: "m", candidate: "c-0000000000", owner: two.id },
    { service: "web", instance: "a", owner: one.id, by: { session: null } },
  ]);
});
