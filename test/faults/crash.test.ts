// kill -9 in the middle of a write load, again and again on one folder: what was acknowledged is there, nothing is
// there in part, nobody's watch has a hole, and nobody's session is gone.

import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Stat } from "../../src/core/tree/stat.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { type ServerProcess, test } from "../support/process.ts";
import { random } from "../support/random.ts";
import { accountSum, eventsOf, WriteLoad } from "./write-load.ts";

const kills = rounds({ usual: 8, full: 25 });
const seed = Number(process.env.SEED ?? 20_260_701);

interface Child {
  readonly path: string;
  readonly data: string;
  readonly stat: Stat;
}

test(`no acknowledged write is lost, halved or repeated over ${kills} kills, seed ${seed} [G2, G4, G8, Q7, U11, Z5, W23, W28, N13]`, {
  timeout: 300_000,
}, async ({ start }) => {
  const chance = random(seed);
  const load = new WriteLoad();
  let server = await start();
  await WriteLoad.prepare(server.url);
  const session = await openSession(server.url);
  for (let round = 1; round <= kills; round += 1) {
    await load.watch(server.url);
    const cut = load.run(server.url);
    // After so many writes, since a busy machine does few in a moment; and then at any moment of what goes on.
    await load.acknowledgedMore(10 + Math.floor(chance() * 100));
    await pause(chance() * 10);
    await server.kill();
    await cut;
    expect((await load.collect()).resets).toBe(0);
    server = await start();
    const where = `round ${round}`;
    await verifyTree(server, load, where);
    await verifyStream(server, load, where);
    await verifySession(server, session, where);
  }
  expect(load.acknowledgedCount).toBeGreaterThan(kills * 10);
});

async function openSession(url: string) {
  const http = new Http(url);
  const session = (await http.post("/v1/sessions", { json: { timeoutMs: 30_000 } })).json<{
    id: string;
    token: string;
  }>();
  await http.post("/v1/znodes/load/member", {
    query: "ephemeral=true",
    headers: { "session-token": session.token },
  });
  return session;
}

async function childrenOf(http: Http, path: string): Promise<Map<string, Child>> {
  const children = new Map<string, Child>();
  let after: string | undefined;
  do {
    const query = { limit: 10_000, include: "stat,data", ...(after !== undefined && { after }) };
    const page = (await http.get(`/v1/children${path}`, { query })).json<{
      znodes: Child[];
      next?: string;
    }>();
    for (const child of page.znodes) children.set(child.path, child);
    after = page.next;
  } while (after !== undefined);
  return children;
}

/** What was acknowledged is there; what is there was asked for; what belongs together is together. */
async function verifyTree(server: ServerProcess, load: WriteLoad, where: string): Promise<void> {
  const http = new Http(server.url);
  const children = await childrenOf(http, "/load");
  const valueAt = (path: string) => Number.parseInt(children.get(`/load${path}`)?.data ?? "", 10);
  for (const [name, value] of load.acknowledged) {
    expect(valueAt(name), `${where}: ${name}`).toBeGreaterThanOrEqual(value);
    expect(valueAt(name), `${where}: ${name}`).toBeLessThanOrEqual(load.asked.get(name) as number);
    load.asked.set(name, valueAt(name));
  }
  expect(valueAt("/x") + valueAt("/y"), `${where}: x + y`).toBe(accountSum);
  const moves = valueAt("/moves");
  expect(moves, `${where}: moves`).toBeGreaterThanOrEqual(load.transfersAcknowledged);
  expect(moves, `${where}: moves`).toBeLessThanOrEqual(load.transfersAsked);
  expect(children.get("/load/x")?.stat.version, `${where}: halves of a transaction`).toBe(moves);
  const tickets = await childrenOf(http, "/load/tickets");
  for (const [number, body] of load.tickets) {
    const path = `/load/tickets/t-${String(number).padStart(10, "0")}`;
    expect(tickets.get(path)?.data, `${where}: ${path}`).toBe(body);
  }
  const sizes = [...tickets.values()].map(({ stat }) => stat.dataLength);
  const usage = { count: tickets.size + 1, bytes: sizes.reduce((sum, size) => sum + size, 1) };
  expect((await http.get("/v1/quotas/load/tickets")).json(), `${where}: quota`).toMatchObject(usage);
  const answer = await http.get("/v1/znodes/load");
  expect(answer.zxid, `${where}: zxid`).toBeGreaterThanOrEqual(load.zxid);
}

/** All streams together told every change there is once, in order, and nothing that is not there. */
async function verifyStream(server: ServerProcess, load: WriteLoad, where: string): Promise<void> {
  const http = new Http(server.url);
  const { zxid } = await http.get("/v1/znodes/load");
  await load.watch(server.url);
  expect((await load.collectUpTo(zxid)).resets, where).toBe(0);
  const zxids = load.told.map(({ data }) => data.zxid as number);
  const ordered = zxids.every((told, index) => index === 0 || told > (zxids[index - 1] as number));
  expect(ordered, `${where}: changes are told in order, each once`).toBe(true);
  const created = load.told.flatMap(eventsOf).filter(({ type }) => type === "created");
  const numbers = created.flatMap(({ stat }) => stat.sequence ?? []);
  const tickets = [...(await childrenOf(http, "/load/tickets")).values()].map(({ stat }) => stat.sequence);
  expect(numbers, `${where}: tickets told and tickets there`).toEqual(tickets);
  const sets = load.told.flatMap(eventsOf).filter(({ path }) => path === "/load/x");
  const versions = sets.map(({ stat }) => stat.version);
  const { stat } = (await http.get("/v1/znodes/load/x")).json<{ stat: Stat }>();
  expect(versions, `${where}: every version of x`).toEqual(
    Array.from({ length: stat.version }, (_, n) => n + 1),
  );
}

async function verifySession(server: ServerProcess, session: { id: string; token: string }, where: string) {
  const http = new Http(server.url);
  const headers = { "session-token": session.token };
  const kept = await http.put(`/v1/sessions/${session.id}`, { headers });
  expect(`${where}: ${kept.status}`).toBe(`${where}: 200`);
  const { stat } = (await http.get("/v1/znodes/load/member")).json<{ stat: Stat }>();
  expect(stat.ephemeralOwner).toBe(session.id);
}
