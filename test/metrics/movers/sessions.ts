// What moves the metrics of sessions, of those who wait, and of what is due by itself.

import { MemoryEntries } from "../../../src/store/memory/memory-entries.ts";
import { container } from "../../support/keeper.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import { makeWorld, type World } from "../world.ts";

const hour = 3_600_000;

async function open({ http }: World, timeoutMs = hour): Promise<{ id: string; token: string }> {
  return (await http.post("/v1/sessions", { json: { timeoutMs } })).json();
}

async function expire(world: World): Promise<void> {
  await open(world, 1000);
  await world.clock.advance(1100);
}

/** One holds, another waits until its session is gone. */
async function wait(world: World, path: string): Promise<() => Promise<unknown>> {
  const [holder, waiter] = [await open(world), await open(world)];
  const as = ({ token }: { token: string }) => ({ "session-token": token });
  await world.http.post(path, { json: {}, headers: as(holder) });
  const answer = world.http.post(path, { json: { waitMs: 60_000 }, headers: as(waiter) });
  return async () => {
    await world.http.delete(`/v1/sessions/${waiter.id}`, { headers: as(waiter) });
    await world.http.delete(`/v1/sessions/${holder.id}`, { headers: as(holder) });
    await answer;
  };
}

async function enterBarrier(world: World): Promise<() => Promise<unknown>> {
  const { id, token } = await open(world);
  const headers = { "session-token": token };
  const json = { action: "enter", count: 2, waitMs: 60_000 };
  const answer = world.http.post("/v1/barriers/b", { json, headers });
  return async () => {
    await world.http.delete(`/v1/sessions/${id}`, { headers });
    await answer;
  };
}

/** Sessions that are there when a service starts. */
async function entriesWithSessions(count: number): Promise<MemoryEntries> {
  const entries = new MemoryEntries();
  const before = await makeWorld({ entries, hasTables: false });
  for (let index = 0; index < count; index += 1) await open(before);
  await before.close();
  return entries;
}

async function delayLock(world: World): Promise<void> {
  await world.http.put("/v1/locks/delayed", { json: { lockDelayMs: 50_000 } });
  const { id, token } = await open(world);
  await world.http.post("/v1/locks/delayed/claims", { json: {}, headers: { "session-token": token } });
  await world.keeper.closeSession(id, "session_expired");
}

async function makeContainers({ keeper }: World, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await keeper.create(`/container-${index}`, container);
}

/** The store sends once more by itself what first meets the want of room. */
function refuse({ log }: World, times: number): void {
  for (let count = 0; count < times + 1; count += 1) log.injectFault("notAppended");
}

const sweepMs = 60_000;
const stalled = { options: {}, shared: "stalled" };

export const sessionMovers: Movers = {
  treekeeper_sessions: moves(1, async (world) => void (await open(world))),
  treekeeper_sessions_of_one_client: moves(1, async (world) => void (await open(world))),
  treekeeper_sessions_of_one_client_max: shows(({ sessionsPerClientMax }) => sessionsPerClientMax),
  treekeeper_sessions_restored: moves(3, async () => {}, {
    options: async () => ({ entries: await entriesWithSessions(3) }),
  }),
  treekeeper_session_fresh_timeouts_total: moves(
    1,
    async (world) => {
      await open(world);
      world.housekeeper.stop();
      world.housekeeper.start();
    },
    { options: {} },
  ),
  treekeeper_sessions_opened_total: moves(1, async (world) => void (await open(world))),
  treekeeper_sessions_closed_total: moves(1, async (world) => {
    const { id, token } = await open(world);
    await world.http.delete(`/v1/sessions/${id}`, { headers: { "session-token": token } });
  }),
  treekeeper_sessions_expired_total: moves(1, expire),
  treekeeper_session_refused_closes_total: moves(
    1,
    async (world) => {
      await open(world, 1000);
      refuse(world, 1);
      await world.clock.advance(1050);
    },
    { options: {} },
  ),
  treekeeper_session_expiry_lateness_seconds: moves(1, expire, { options: {} }),
  treekeeper_stalls_total: moves(1, async ({ clock }) => await clock.stall(60_000), stalled),
  treekeeper_stalled_seconds_total: moves(59.8, async ({ clock }) => await clock.stall(60_000), {
    options: {},
  }),

  treekeeper_waiting_requests: moves(1, async (world) => await wait(world, "/v1/locks/w/claims")),
  treekeeper_waiting_requests_max: shows(({ claimWaitersMax }) => claimWaitersMax),
  treekeeper_waiters: [
    moves(1, async (world) => await wait(world, "/v1/locks/x/claims"), { label: 'kind="lock"' }),
    moves(1, async (world) => await wait(world, "/v1/elections/x/candidates"), { label: 'kind="election"' }),
    moves(1, enterBarrier, { label: 'kind="barrier"' }),
  ],
  treekeeper_holder_streams: moves(1, async ({ http }) => {
    const stream = await http.stream("/v1/locks/a/events");
    return () => stream.close();
  }),
  treekeeper_lock_delays: moves(1, delayLock, { options: {} }),
  treekeeper_on_duty: moves(-1, async ({ housekeeper }) => {
    housekeeper.stop();
    return () => housekeeper.start();
  }),
  treekeeper_duty_term: moves(1, async ({ keeper: { store } }) => {
    await store.submit({ type: "claimHousekeeping", server: store.writer, ifTerm: 0 });
  }),
  treekeeper_sweeps_total: moves(1, async ({ clock }) => await clock.advance(sweepMs), { options: {} }),
  treekeeper_sweep_deletions_total: moves(
    2,
    async (world) => {
      await makeContainers(world, 2);
      await world.clock.advance(sweepMs + 500);
    },
    { options: {} },
  ),
  treekeeper_sweep_refusals_total: moves(
    1,
    async (world) => {
      await makeContainers(world, 1);
      refuse(world, 1);
      await world.clock.advance(sweepMs + 50);
    },
    { options: {} },
  ),
  treekeeper_sweep_waiting: changes(
    async (world) => {
      await makeContainers(world, 5);
      await world.clock.advance(sweepMs + 50);
    },
    { options: {} },
  ),
};
