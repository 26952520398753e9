// Locks and elections of the client against a real server: queues, fences and what happens when a claim is taken away.

import { expect } from "vitest";
import { Client, type Hold } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";
import { test } from "./proxied.ts";

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test("a lock goes from holder to holder in the order they came, and a late write is refused", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const [anna, bruno] = [await client.openSession(), await client.openSession()];
  const taken = Promise.withResolvers<Hold>();
  const release = Promise.withResolvers<void>();
  const first = anna.withLock("x", { metadata: { host: 7 } }, async (lock) => {
    taken.resolve(lock);
    await release.promise;
    await anna.set("/w", "anna", { fences: [lock], create: "upsert" });
    return lock;
  });
  await taken.promise;
  for (const waitMs of [0, 200]) {
    const refused = bruno.withLock("x", { waitMs }, () => "held");
    await expect(refused).rejects.toMatchObject({ code: "lock_held" });
  }
  const second = bruno.withLock("x", {}, (lock) => lock.fence);
  const never = anna.withLock("x", { signal: AbortSignal.abort(new Error("enough")) }, () => "held");
  await expect(never).rejects.toThrow("enough");
  release.resolve();
  const stale = await first;
  expect(await second).toBeGreaterThan(stale.fence);
  const late = anna.set("/w", "late", { fences: [stale] });
  await expect(late).rejects.toMatchObject({ code: "fence_stale" });
  await anna.close();
  await bruno.close();
});

test("a joined session that asks not to wait leaves alone the place where its other keeper waits", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const http = new Http(server.url);
  const [holder, waiter] = [await client.openSession(), await client.openSession()];
  const joined = await client.joinSession(waiter);
  const release = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const first = holder.withLock("x", {}, () => {
    taken.resolve();
    return release.promise;
  });
  await taken.promise;
  const second = waiter.withLock("x", {}, () => "held");
  while ((await http.get("/v1/locks/x")).json<{ waitingCount: number }>().waitingCount === 0) {}
  await expect(joined.withLock("x", { waitMs: 0 }, () => {})).rejects.toMatchObject({ code: "lock_held" });
  expect((await http.get("/v1/locks/x")).json()).toMatchObject({ holderCount: 1, waitingCount: 1 });
  release.resolve();
  await first;
  expect(await second).toBe("held");
  joined.leave();
  await holder.close();
  await waiter.close();
});

test("a holder hears that its claim was taken away by force", async ({ serve }) => {
  const { server } = await serve();
  const session = await new Client({ endpoint: server.url }).openSession();
  const acting = session.withLock("x", {}, async (lock) => {
    const id = lock.path.split("/").at(-1);
    await new Http(server.url).delete(`/v1/locks/x/claims/${id}`, { query: "force=true" });
    return await untilAborted(lock.signal);
  });
  await expect(acting).rejects.toMatchObject({ name: "HoldLostError", reason: "revoked" });
  await session.close();
});

test("a lock is claimed once, whatever answers are lost", async ({ serve }) => {
  const { server, proxy } = await serve();
  const [direct, client] = [server.url, proxy.url].map((endpoint) => new Client({ endpoint }));
  const [holder, session] = [await direct?.openSession(), await client?.openSession()];
  if (holder === undefined || session === undefined) throw new Error("no session");
  const taken = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = holder.withLock("x", {}, async () => {
    taken.resolve();
    await release.promise;
  });
  await taken.promise;
  proxy.cutAfter(0);
  const second = session.withLock("x", {}, (lock) => lock.fence);
  const http = new Http(server.url);
  while ((await http.get("/v1/locks/x")).json<{ waitingCount: number }>().waitingCount === 0) {}
  proxy.cut();
  release.resolve();
  await first;
  expect(await second).toBeGreaterThan(0);
  const { holderCount, waitingCount } = (await http.get("/v1/locks/x")).json<Record<string, number>>();
  expect([holderCount, waitingCount]).toEqual([0, 0]);
  await holder.close();
  await session.close();
});

test("one candidate leads at a time, and the next when it has resigned", async ({ serve }) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const [anna, bruno] = [await client.openSession(), await client.openSession()];
  const leads = Promise.withResolvers<void>();
  const resigns = Promise.withResolvers<void>();
  const first = anna.elect("e", { value: "anna" }, async (term) => {
    await term.setValue("anna, on host 7");
    leads.resolve();
    await resigns.promise;
    return term.fence;
  });
  await leads.promise;
  const second = bruno.elect(
    "e",
    { value: "bruno" },
    ({ fence, signal }) => [fence, signal.aborted] as const,
  );
  const { leader } = (await new Http(server.url).get("/v1/elections/e")).json<{
    leader: { value: string };
  }>();
  expect(leader.value).toBe("anna, on host 7");
  resigns.resolve();
  const [fence, isAborted] = await second;
  expect([fence > (await first), isAborted]).toEqual([true, false]);
  await anna.close();
  await bruno.close();
});

test("locks, elections, counters and barriers are listed, page by page", async ({ serve }) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const session = await client.openSession();
  const namesOf = async (list: AsyncIterable<{ readonly name: string }>) => {
    const names: string[] = [];
    for await (const { name } of list) names.push(name);
    return names;
  };
  await session.withLock("l", {}, async () => {
    for await (const lock of client.locks()) expect(lock).toMatchObject({ name: "l", holderCount: 1 });
  });
  await session.elect("e", { value: "v" }, async () => {
    for await (const election of client.elections())
      expect(election).toMatchObject({ name: "e", value: "v" });
  });
  for (const name of ["a-1", "a-2", "b-1"]) await client.counter(name).add(3);
  await session.barrier("b", { count: 1 }).enter();
  expect(await namesOf(client.locks())).toEqual(["l"]);
  expect(await namesOf(client.elections())).toEqual(["e"]);
  expect(await namesOf(client.counters({ prefix: "a-" }))).toEqual(["a-1", "a-2"]);
  expect(await namesOf(client.barriers())).toEqual(["b"]);
  await session.close();
});
