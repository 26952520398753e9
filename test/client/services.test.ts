// Services of the client against a real server: who is listed, who sees it, and what becomes of both when connections,
// sessions and the server are lost.

import { expect } from "vitest";
import { Client, type InstanceEvent, type ServiceCopy, type ServiceOptions } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";
import { test as proxiedTest } from "./proxied.ts";

/** A copy, with what it was told. */
interface Seen {
  readonly copy: ServiceCopy;
  readonly events: string[];
  /** Resolves when it was told so many events. */
  until(count: number): Promise<void>;
}

const test = proxiedTest.extend<{ see: (client: Client, options?: ServiceOptions) => Promise<Seen> }>({
  see: async ({ abort }, use) => {
    await use(async (client, options = {}) => {
      const events: string[] = [];
      const wakes = new Set<() => void>();
      const changed = (change: { readonly events: readonly InstanceEvent[] }) => {
        for (const { type, instance } of change.events) {
          events.push(`${type} ${instance.id} ${instance.port} ${instance.state}`);
        }
        for (const wake of wakes) wake();
      };
      const copy = client.service("web", { ...options, signal: abort.signal, changed });
      await copy.ready;
      const until = async (count: number) => {
        while (events.length < count) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wakes.add(resolve);
          await promise;
          wakes.delete(resolve);
        }
      };
      return { copy, events, until };
    });
  },
});

const address = "10.0.0.1";

/** Waits as long as a program's client does, and talks to the server itself. */
function patient({ url }: { readonly url: string }): Client {
  return new Client({ endpoint: url });
}

test("a copy shows who is there, and is told who comes, changes and goes", async ({ serve, see }) => {
  const client = patient((await serve()).server);
  const { copy, events, until } = await see(client);
  expect([copy.state, copy.size, copy.instances()]).toEqual(["synced", 0, []]);
  const session = await client.openSession();
  const b = await session.register("web", { address, port: 2 }, { id: "b" });
  const a = await session.register("web", { address, port: 1, tags: ["x"], zone: "n" }, { id: "a" });
  await a.update({ state: "draining" });
  await until(3);
  expect(copy.instances().map(({ id }) => id)).toEqual(["a", "b"]);
  expect(copy.get("a")).toMatchObject({ session: session.id, tags: ["x"], zone: "n", state: "draining" });
  await b.remove();
  await b.remove();
  await session.close();
  await until(5);
  expect(events).toEqual([
    ...["added b 2 up", "added a 1 up", "updated a 1 draining", "removed b 2 up", "removed a 1 draining"],
  ]);
  expect(copy.size).toBe(0);
});

test("lists and copies are of those alone that fit the filter", async ({ serve, see }) => {
  const client = patient((await serve()).server);
  const session = await client.openSession();
  const metadata = { version: "2 & more" };
  await session.register("web", { address, port: 1, tags: ["x", "y"], zone: "n", metadata }, { id: "a" });
  const b = await session.register("web", { address, port: 2, tags: ["x"] }, { id: "b" });
  const idsOf = async (filter: object) => {
    const ids: string[] = [];
    for await (const { id } of client.instances("web", filter)) ids.push(id);
    return ids;
  };
  expect(await idsOf({})).toEqual(["a", "b"]);
  expect(await idsOf({ tags: ["x", "y"] })).toEqual(["a"]);
  expect(await idsOf({ metadata, zone: "n", state: "up" })).toEqual(["a"]);
  expect(await idsOf({ zone: "s" })).toEqual([]);
  const { copy, events, until } = await see(client, { tags: ["y"], metadata });
  expect(copy.instances().map(({ id }) => id)).toEqual(["a"]);
  await b.update({ tags: ["y"], metadata });
  await b.update({ tags: [] });
  await until(3);
  expect(events).toEqual(["added a 1 up", "added b 2 up", "removed b 2 up"]);
  const services: string[] = [];
  for await (const { name, instanceCount } of client.services()) services.push(`${name} ${instanceCount}`);
  expect(services).toEqual(["web 2"]);
  await session.close();
});

test("what happened while the connection was lost is told when it is back, once", async ({ serve, see }) => {
  const { server, proxy, client } = await serve();
  const session = await patient(server).openSession();
  await session.register("web", { address, port: 1 }, { id: "a" });
  const { copy, events, until } = await see(client);
  proxy.goDark();
  proxy.cut();
  const b = await session.register("web", { address, port: 2 }, { id: "b" });
  await b.update({ port: 3 });
  await b.remove();
  expect(copy.instances().map(({ id }) => id)).toEqual(["a"]);
  proxy.goLight();
  await until(4);
  expect(events).toEqual(["added a 1 up", "added b 2 up", "updated b 3 up", "removed b 3 up"]);
  await session.close();
});

test("a copy that was away for too long is told what is different", async ({ serve, see }) => {
  const { server, proxy, client } = await serve("--history-messages-max", "2");
  const session = await patient(server).openSession();
  const registered = [];
  for (const id of ["a", "b", "c"]) {
    registered.push(await session.register("web", { address, port: 1 }, { id }));
  }
  const { copy, events, until } = await see(client);
  proxy.goDark();
  proxy.cut();
  const [a, b] = registered;
  await a?.remove();
  for (const port of [2, 3, 4]) await b?.update({ port });
  await session.register("web", { address, port: 5 }, { id: "d" });
  proxy.goLight();
  await until(6);
  expect(events.slice(3)).toEqual(["removed a 1 up", "updated b 4 up", "added d 5 up"]);
  expect(copy.state).toBe("synced");
  await session.close();
});

test("what is kept listed is changed in place and taken away with its session", async ({ serve, see }) => {
  const { server } = await serve();
  const client = patient(server);
  const { copy, events, until } = await see(client);
  const states: string[] = [];
  const listing = await client.register(
    "web",
    { address, port: 1 },
    { stateChanged: (state) => states.push(state) },
  );
  await until(1);
  const { id } = listing;
  expect(copy.get(id)?.session).toBe(id);
  await listing.update({ port: 2 });
  expect(listing.instance).toEqual({ address, port: 2 });
  await listing.remove();
  await until(3);
  expect(events).toEqual([`added ${id} 1 up`, `updated ${id} 2 up`, `removed ${id} 2 up`]);
  expect([listing.state, ...states]).toEqual(["removed", "removed"]);
  expect((await new Http(server.url).get(`/v1/sessions/${id}`)).status).toBe(410);
});

test("what is kept listed is listed again when its session is lost, under its id and as it is by then", async ({
  serve,
  see,
}) => {
  const { server, proxy } = await serve();
  const { copy, events, until } = await see(patient(server));
  const states: string[] = [];
  const [lost, listed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const listing = await new Client({ endpoint: proxy.url, requestTimeoutMs: 1000 }).register(
    "web",
    { address, port: 1 },
    {
      id: "a",
      // Long enough to be kept alive on a busy machine.
      session: { timeoutMs: 4000 },
      stateChanged: (state) => {
        states.push(state);
        if (state === "lost") lost.resolve();
        if (state === "listed") listed.resolve();
      },
    },
  );
  await until(1);
  const before = copy.get("a");
  proxy.goDark();
  await lost.promise;
  await listing.update({ state: "draining" });
  proxy.goLight();
  await Promise.all([until(3), listed.promise]);
  expect(events).toEqual(["added a 1 up", "removed a 1 up", "added a 1 draining"]);
  expect(copy.get("a")?.session).not.toBe(before?.session);
  expect(copy.get("a")?.fence).toBeGreaterThan(before?.fence as number);
  await listing.remove();
  expect(states).toEqual(["lost", "listed", "removed"]);
});

test("another session's id is not to be had, and nothing is left of the attempt", async ({ serve }) => {
  const { server } = await serve();
  const client = patient(server);
  const listing = await client.register("web", { address, port: 1 }, { id: "a" });
  const refused = client.register("web", { address, port: 2 }, { id: "a" });
  await expect(refused).rejects.toMatchObject({ code: "not_holder" });
  const { sessions } = (await new Http(server.url).get("/v1/sessions")).json<{ sessions: object[] }>();
  expect(sessions.length).toBe(1);
  await listing.remove();
});

test("who comes back after a crash is listed when the session from before has ended, or at once in its place", async ({
  serve,
  see,
}) => {
  const client = patient((await serve()).server);
  const { copy, events, until } = await see(client);
  const crashed = await client.openSession();
  const before = await crashed.register("web", { address, port: 1 }, { id: "a" });
  const causes: unknown[] = [];
  const told = Promise.withResolvers<void>();
  const waiting = client.register(
    "web",
    { address, port: 2 },
    {
      id: "a",
      whenTaken: "wait",
      failed: (cause) => {
        causes.push(cause);
        told.resolve();
      },
    },
  );
  await told.promise;
  expect(causes).toMatchObject([{ code: "not_holder" }]);
  await before.update({ state: "draining" });
  await crashed.close();
  const listing = await waiting;
  expect(causes.length).toBe(1);
  await until(4);
  const at = copy.get("a");
  expect([at?.port, at?.fence]).toEqual([2, expect.any(Number)]);
  const other = await client.openSession();
  const wrong = other.register("web", { address, port: 3 }, { id: "a", replace: before.fence });
  await expect(wrong).rejects.toMatchObject({ code: "not_holder" });
  const taken = await other.register("web", { address, port: 3 }, { id: "a", replace: at?.fence });
  expect(taken.fence).toBeGreaterThan(at?.fence as number);
  const last = await client.register("web", { address, port: 4 }, { id: "a", whenTaken: "replace" });
  await until(8);
  expect(events).toEqual([
    ...["added a 1 up", "updated a 1 draining", "removed a 1 draining", "added a 2 up"],
    ...["removed a 2 up", "added a 3 up", "removed a 3 up", "added a 4 up"],
  ]);
  await Promise.all([listing.remove(), last.remove(), other.close()]);
});

test("a wait for an id ends when it is told to, and nothing is left of it", async ({ serve, abort }) => {
  const { server } = await serve();
  const client = patient(server);
  const listing = await client.register("web", { address, port: 1 }, { id: "a" });
  const told = Promise.withResolvers<void>();
  const { signal } = abort;
  const failed = () => told.resolve();
  const waiting = client.register(
    "web",
    { address, port: 2 },
    { id: "a", whenTaken: "wait", signal, failed },
  );
  await told.promise;
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  const { sessions } = (await new Http(server.url).get("/v1/sessions")).json<{ sessions: object[] }>();
  expect(sessions.length).toBe(1);
  await listing.remove();
});

test("a copy of what cannot be a service says so", async ({ serve }) => {
  const client = patient((await serve()).server);
  await expect(client.service("a\u0001").ready).rejects.toMatchObject({ code: "bad_path" });
});
