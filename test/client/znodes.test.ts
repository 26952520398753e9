import { expect } from "vitest";
import { Client, RequestError, type Znode } from "../../src/client/index.ts";
import { test as processTest } from "../support/process.ts";

const test = processTest.extend<{ client: Client }>({
  client: async ({ start }, use) => {
    const { url } = await start("--snapshot-page-znodes-max", "10");
    await use(new Client({ endpoint: url }));
  },
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function told({ path, data, stat, zxid }: Znode) {
  return [path, data.text(), stat.version, zxid];
}

test("a znode is made, read, changed under conditions, and deleted", async ({ client }) => {
  const made = await client.create("/a", "ein ä");
  expect([made.path, made.stat.czxid, made.zxid]).toEqual(["/a", 1, 1]);
  const znode = await client.get("/a");
  expect(told(znode)).toEqual(["/a", "ein ä", 0, 1]);
  expect(await client.exists("/a")).toEqual(znode.stat);
  expect(await client.exists("/b")).toBeUndefined();
  await expect(client.get("/b")).rejects.toMatchObject({ code: "no_node", details: { path: "/b" } });

  await client.set("/a", Uint8Array.of(0, 255), { ifMatch: znode.stat });
  expect((await client.get("/a")).data.bytes()).toEqual(Uint8Array.of(0, 255));
  await expect(client.set("/a", "x", { ifMatch: znode.stat })).rejects.toMatchObject({
    ...{ code: "bad_version", mayBeDone: false, details: { stat: { version: 1 } } },
  });
  await expect(client.set("/a", "x", { version: 7 })).rejects.toMatchObject({ code: "bad_version" });
  await expect(client.set("/a", "x", { create: "only" })).rejects.toMatchObject({ code: "bad_version" });
  expect((await client.set("/b", "y", { create: "upsert" })).stat.version).toBe(0);
  expect((await client.set("/c", "y", { create: "only" })).path).toBe("/c");

  await client.create("/a/b/c", "", { parents: true });
  await expect(client.delete("/a")).rejects.toMatchObject({ code: "not_empty" });
  await expect(client.delete("/a", { version: 7, recursive: true })).rejects.toMatchObject({
    code: "bad_version",
  });
  await client.delete("/a", { recursive: true });
  expect(await client.exists("/a/b")).toBeUndefined();
});

test("every kind of znode can be made, and what cannot be is refused by the server [C1, C2, P7]", async ({
  client,
}) => {
  const stats = async (mode: Parameters<Client["create"]>[2]) => {
    const { path, stat } = await client.create("/q/.", "", { parents: true, ...mode });
    await client.delete(path);
    return [path, stat.ttlMs, stat.container];
  };
  expect(await stats({ mode: { sequential: true } })).toEqual(["/q/.0000000000", undefined, undefined]);
  const numberedTtl = { mode: { sequential: true, ttlMs: 60_000 } };
  expect(await stats(numberedTtl)).toEqual(["/q/.0000000001", 60_000, undefined]);
  const container = await client.create("/c", "", { mode: { kind: "container" } });
  expect(container.stat.container).toBe(true);
  await expect(client.create("/e", "", { mode: { kind: "ephemeral" } })).rejects.toMatchObject({
    code: "session_required",
  });
  await expect(client.create("/q/.")).rejects.toMatchObject({ code: "bad_path" });
});

test("a read waits for a change [W32]", async ({ client }) => {
  const { zxid } = await client.create("/a", "1");
  const waiting = client.get("/a", { waitAfterZxid: zxid, waitMs: 20_000 });
  const page = client.childrenPage("/a", { waitAfterZxid: zxid, waitMs: 20_000 });
  await client.set("/a", "2");
  expect((await waiting).data.text()).toBe("2");
  await client.create("/a/b");
  expect((await page).children).toEqual(["b"]);
});

test("children come page by page, or all as of one zxid", async ({ client }) => {
  await client.create("/a");
  const names = Array.from({ length: 25 }, (_, index) => `n${String(index).padStart(2, "0")}`);
  await client.batch(names.map((name) => ({ op: "create", path: `/a/${name}`, data: name }) as const));
  expect(await all(client.children("/a", { limit: 10 }))).toEqual(names);
  expect(await all(client.children("/a", { prefix: "n1", after: "n17" }))).toEqual(["n18", "n19"]);
  expect(await client.childrenPage("/a", { limit: 2 })).toMatchObject({
    ...{ path: "/a", children: ["n00", "n01"], next: "n01", stat: { numChildren: 25 } },
  });

  const listing = client.childZnodes("/a", { data: true, prefix: "n0" });
  const first = await listing.next();
  await client.set("/a/n09", "changed");
  const rest = await all(listing);
  expect([first.value?.path, rest.length, rest.at(-1)?.data?.text()]).toEqual(["/a/n00", 9, "n09"]);
  const subtree = await all(client.subtree("/a", { depth: 0, data: false }));
  expect(subtree.map(({ path, data }) => [path, data])).toEqual([["/a", undefined]]);
  expect((await all(client.subtree("/", {}))).map(({ path }) => path)).toHaveLength(27);
  await expect(client.subtree("/nowhere").next()).rejects.toMatchObject({ code: "no_node" });
});

test("a transaction is done as a whole or not at all, and says which operation failed [M2, M3]", async ({
  client,
}) => {
  const { zxid, results } = await client.transaction([
    { op: "create", path: "/a", data: Uint8Array.of(49) },
    { op: "increment", path: "/a", by: 41 },
    { op: "create", path: "/a/s-", mode: { sequential: true } },
    { op: "check", path: "/b", exists: false },
    { op: "set", path: "/a", data: "done", version: 1 },
  ]);
  const [created, increment, numbered, check, set] = results;
  expect([zxid, created.stat.czxid, increment.value, numbered.path, check.stat, set.stat.version]).toEqual([
    ...[1, 1, "42", "/a/s-0000000000", undefined, 2],
  ]);
  const failing = client.transaction([
    { op: "delete", path: "/a/s-0000000000" },
    { op: "delete", path: "/a", version: 7 },
  ]);
  await expect(failing).rejects.toMatchObject({
    code: "bad_version",
    details: { failedOperation: 1, results: [{ code: "rolled_back" }, { code: "bad_version" }] },
  });
  expect(await client.exists("/a/s-0000000000")).toBeDefined();
});

test("in a batch each stands for itself, and what is refused is an error among the results [R1, R3]", async ({
  client,
}) => {
  const { results } = await client.batch([
    { op: "create", path: "/a/b", data: "x", parents: true },
    { op: "delete", path: "/gone" },
    { op: "get", path: "/a/b" },
    { op: "exists", path: "/a" },
    { op: "children", path: "/a" },
    { op: "set", path: "/new", data: Uint8Array.of(255), upsert: true },
    { op: "get", path: "/gone" },
  ]);
  const [made, refused, read, exists, children, , missing] = results;
  expect(made).toMatchObject({ op: "create", path: "/a/b", stat: { dataLength: 1 } });
  expect(refused).toMatchObject({ code: "no_node", status: 404 });
  expect(refused).toBeInstanceOf(RequestError);
  if (read instanceof RequestError) throw read;
  expect([read.data.text(), read.stat.version]).toEqual(["x", 0]);
  expect(exists).toMatchObject({ stat: { numChildren: 1 } });
  expect(children).toMatchObject({ children: ["b"] });
  expect(missing).toBeInstanceOf(RequestError);
  expect((await client.get("/new")).data.isText).toBe(false);
});

test("lists are set, read and exported by a client that shows who it is [A6, A14]", async ({ start }) => {
  const { url } = await start();
  const ann = new Client({ endpoint: url, aclIdentities: ["ann:s3cret"] });
  const nobody = new Client({ endpoint: url });
  const acl = [
    { perms: ["read", "admin"], scheme: "auth" },
    { perms: ["read"], scheme: "ip", id: "127.0.0.0/8" },
  ] as const;
  const made = await ann.create("/a/b", "x", { parents: true, acl });
  expect([made.path, made.stat.aversion]).toEqual(["/a/b", 0]);
  const whole = await ann.getAcl("/a/b");
  expect(whole).toMatchObject({ path: "/a/b", aversion: 0, zxid: 1 });
  expect(whole.acl.map(({ id }) => id)).toEqual(["ann:WC2vyEVmARVG2uI4r2+dPtzK/v4=", "127.0.0.0/8"]);
  expect((await nobody.getAcl("/a/b")).acl[0]).toEqual({
    ...{ perms: ["read", "admin"], scheme: "digest", id: "ann:x" },
  });
  const readers = [{ perms: ["read", "admin"], scheme: "world", id: "anyone" }] as const;
  const set = await nobody.setAcl("/a", readers, { aversion: 0 });
  expect([set.stat.aversion, set.zxid]).toEqual([1, 2]);
  await expect(nobody.setAcl("/a", acl, { aversion: 1 })).rejects.toMatchObject({ code: "bad_acl" });
  await expect(ann.setAcl("/a", acl, { aversion: 0 })).rejects.toMatchObject({
    ...{ code: "bad_version", mayBeDone: false },
  });
  await ann.transaction([{ op: "create", path: "/t", acl }]);
  expect((await ann.getAcl("/t")).acl).toEqual(whole.acl);
  const exported = await all(ann.subtree("/a", { acl: true }));
  expect(exported.map((znode) => znode.acl)).toEqual([readers, whole.acl]);
  expect((await all(ann.subtree("/a"))).map((znode) => znode.acl)).toEqual([undefined, undefined]);
});

test("the bounds in force are told", async ({ client }) => {
  const { bounds, history } = await client.limits();
  expect([bounds.snapshotPageZnodesMax, history.zxid]).toEqual([10, 0]);
});

test("sessions can be looked at by their ids, and are all listed", async ({ client }) => {
  const session = await client.openSession({ name: "web-1" });
  await session.create("/e", "", { mode: { kind: "ephemeral" } });
  await session.withLock("report", {}, async ({ path }) => {
    const [summary, ...others] = await all(client.sessions());
    expect([summary, others]).toMatchObject([{ id: session.id, name: "web-1", ephemeralCount: 2 }, []]);
    const { ephemerals, claims, instances } = await client.session(session.id);
    expect(ephemerals).toEqual(["/e", path]);
    expect([claims, instances]).toMatchObject([[{ path, state: "held" }], []]);
  });
  await session.close();
  await expect(client.session(session.id)).rejects.toMatchObject({ code: "session_expired" });
});
