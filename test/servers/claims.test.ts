// Places in line whose requests go to different servers.

import { expect, type Session, type Site, test, tokenOf } from "./fixture.ts";

interface LockView {
  readonly holders: readonly { readonly session: string }[];
  readonly waitingCount: number;
}

async function lockAt({ http }: Site, name: string): Promise<LockView> {
  return (await http.get(`/v1/locks/${name}`)).json<never>();
}

function claim({ http }: Site, name: string, session: Session, waitMs: number, signal?: AbortSignal) {
  const json = { waitMs };
  return http.fetch("POST", `/v1/locks/${name}/claims`, { json, ...tokenOf(session) }, signal);
}

async function untilWaiting(site: Site, name: string, count: number): Promise<void> {
  while ((await lockAt(site, name)).waitingCount !== count);
}

test("a place is kept when the request that made it is cut while another waits for it elsewhere", async ({
  sites,
}) => {
  const [here, there] = sites;
  const [holder, me] = [await here.openSession(60_000), await here.openSession(60_000)];
  await there.hasCaughtUp();
  const held = await claim(here, "l", holder, 0);
  const { id } = (await held.json()) as { id: string };
  const cut = new AbortController();
  const first = claim(here, "l", me, 30_000, cut.signal).catch(() => "cut");
  await untilWaiting(here, "l", 1);
  await there.hasCaughtUp();
  const second = claim(there, "l", me, 30_000);
  await there.hasRead();
  cut.abort();
  expect(await first).toBe("cut");
  await here.hasRead();
  await here.http.delete(`/v1/locks/l/claims/${id}`, tokenOf(holder));
  const answer = await second;
  expect([answer.status, await answer.json()]).toMatchObject([201, { state: "held" }]);
});

test("a place is given up when all requests that waited for it are gone, wherever they were", async ({
  sites,
}) => {
  const [here, there] = sites;
  const [holder, me] = [await here.openSession(60_000), await here.openSession(60_000)];
  await there.hasCaughtUp();
  await claim(here, "l", holder, 0);
  const cut = new AbortController();
  const requests = [claim(here, "l", me, 30_000, cut.signal)];
  await untilWaiting(here, "l", 1);
  await there.hasCaughtUp();
  requests.push(claim(there, "l", me, 30_000, cut.signal));
  await there.hasRead();
  cut.abort();
  await Promise.allSettled(requests);
  await untilWaiting(here, "l", 0);
});

test("a lock delay is as long as it is, whatever time of day the other servers have", async ({
  sites,
  pass,
}) => {
  const [here] = sites;
  await here.http.put("/v1/locks/d", { json: { lockDelayMs: 2000 } });
  const [dying, next] = [await here.openSession(1000), await here.openSession(3_600_000)];
  await claim(here, "d", dying, 0);
  const waiting = claim(here, "d", next, 60_000);
  await untilWaiting(here, "d", 1);
  const holder = async () => (await lockAt(here, "d")).holders[0]?.session;
  while ((await holder()) === dying.id) await pass(100);
  for (let sinceMs = 0; sinceMs < 1800; sinceMs += 300) {
    expect(await holder(), `${sinceMs} ms after the holder's end`).toBeUndefined();
    await pass(300);
  }
  await pass(1000);
  expect([(await waiting).status, await holder()]).toEqual([201, next.id]);
});
