// A service that moves from its directory into etcd and back, as its operator and its clients see it: all that clients hold
// of it holds on the other side, and there is never more than one of it.

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf, Keys } from "../../src/store/etcd/keys.ts";
import { openFormat } from "../../src/store/etcd/log-format.ts";
import { Moves } from "../../src/store/etcd/moves.ts";
import { CliProcess } from "../cli/fixture.ts";
import { Http, type RequestOptions } from "../support/http.ts";
import { type Moved, newFolder, Site } from "./moving.ts";

/** Somebody who shows a token with each request. */
class Bearing extends Http {
  readonly #secret: string;

  constructor(url: string, secret: string) {
    super(url);
    this.#secret = secret;
  }

  override fetch(method: string, path: string, options: RequestOptions = {}, signal?: AbortSignal) {
    const authorization = `Bearer ${this.#secret}`;
    return super.fetch(method, path, { ...options, headers: { authorization, ...options.headers } }, signal);
  }
}

interface Held {
  readonly admin: string;
  readonly red: string;
  readonly session: { readonly id: string; readonly token: string };
  readonly claimId: string;
  readonly fence: string;
  readonly lastId: string;
  readonly keyed: { readonly status: number; readonly text: string };
}

const key = { headers: { "idempotency-key": "order 66" } };
const watched = "/v1/watch?path=/&scope=subtree";

/** Something of all that clients may hold. */
async function use(url: string, admin: string): Promise<Held> {
  const http = new Bearing(url, admin);
  await http.put("/v1/admin/policies/red", {
    json: { rules: [{ prefix: "/teams/red", allow: ["read", "write"] }] },
  });
  const made = await http.post("/v1/admin/tokens", { json: { name: "red", policies: ["red"] } });
  const { secret: red } = made.json<{ secret: string }>();
  await http.post("/v1/znodes/config", { body: "green" });
  await http.post("/v1/znodes/teams/red", { query: "parents=true", body: "theirs" });
  const session = (await http.post("/v1/sessions", { json: { timeoutMs: 120_000 } })).json<Held["session"]>();
  const headers = { "session-token": session.token };
  await http.post("/v1/znodes/member", { query: "ephemeral=true", headers });
  const claim = await http.post("/v1/locks/report/claims", { json: {}, headers });
  const { id: claimId, fenceHeader: fence } = claim.json<{ id: string; fenceHeader: string }>();
  const { status, text } = await http.post("/v1/znodes/job-", { query: "sequential=true", ...key });
  const stream = await http.stream(watched);
  await http.put("/v1/znodes/config", { body: "blue" });
  await stream.untilChanges(1);
  const lastId = String(stream.lastId);
  stream.close();
  await http.put("/v1/znodes/config", { body: "told while nobody listened" });
  return { admin, red, session, claimId, fence, lastId, keyed: { status, text } };
}

/** What must be the same everywhere, and is asked without changing it. */
async function answersOf(url: string, { admin, red, session }: Held) {
  const [http, team] = [new Bearing(url, admin), new Bearing(url, red)];
  const paths = ["config", "teams/red", "member", "job-0000000000"];
  const znodes = await Promise.all(
    paths.map(async (path) => {
      const answer = await http.get(`/v1/znodes/${path}`);
      return [answer.status, answer.header("etag"), answer.text];
    }),
  );
  const lock = (await http.get("/v1/locks/report")).json<{
    holders: { session: string; fenceHeader: string }[];
  }>();
  return {
    znodes,
    holders: lock.holders.map(({ session: id, fenceHeader }) => [id, fenceHeader]),
    isHolder: lock.holders[0]?.session === session.id,
    team: [(await team.get("/v1/znodes/teams/red")).status, (await team.get("/v1/znodes/config")).status],
    nobody: (await new Http(url).get("/v1/znodes/config")).status,
    policy: (await http.get("/v1/admin/policies/red")).json().rules,
  };
}

/** That what is held holds, which changes something. */
async function goOn(url: string, held: Held, name: string): Promise<string> {
  const http = new Bearing(url, held.admin);
  const headers = { "session-token": held.session.token };
  const stream = await http.stream(watched, { headers: { "last-event-id": held.lastId } });
  const kept = await http.put(`/v1/sessions/${held.session.id}`, { headers });
  expect(kept.json()).toMatchObject({ id: held.session.id, validForMs: 120_000 });
  const again = await http.post("/v1/znodes/job-", { query: "sequential=true", ...key });
  expect([again.status, again.text, again.header("idempotency-replayed")]).toEqual([
    ...[held.keyed.status, held.keyed.text, "true"],
  ]);
  const other = (await http.post("/v1/sessions", { json: { timeoutMs: 120_000 } })).json<Held["session"]>();
  const claim = await http.post("/v1/locks/report/claims", {
    json: { waitMs: 0 },
    headers: { "session-token": other.token },
  });
  expect(claim.code).toBe("lock_held");
  await http.delete(`/v1/sessions/${other.id}`, { headers: { "session-token": other.token } });
  const fenced = { headers: { ...headers, fence: held.fence } };
  expect((await http.put("/v1/znodes/config", { body: `fenced ${name}`, ...fenced })).status).toBe(200);
  await stream.until(() => stream.changes.length >= 2);
  expect(stream.named("reset")).toEqual([]);
  expect(stream.changes).toEqual(["changed /config", "changed /config"]);
  const { lastId } = stream;
  stream.close();
  await http.put("/v1/znodes/config", { body: `told while nobody listened ${name}` });
  return String(lastId);
}

async function firstToken(site: Site, name: string): Promise<string> {
  const { stdout } = await site.cli("token", "init", "--data-dir", site.directory(name));
  return stdout.trim();
}

test("what clients hold holds in etcd and back: sessions, locks, fences, cursors, answers, rights", async () => {
  const site = await Site.open(3);
  const admin = await firstToken(site, "one");
  const alone = await site.serve("one");
  let held = await use(alone.url, admin);
  const before = await answersOf(alone.url, held);
  expect(before).toMatchObject({ isHolder: true, team: [200, 403], nobody: 401 });
  await alone.terminate();

  const into = await site.moved(site.directory("one"), site.place());
  expect(into).toMatchObject({ sessions: 1 });
  const checked = await site.cli("check", site.directory("one"));
  expect(checked.stdout).toContain(`digest ${into.digest}`);
  expect(await site.refusal("one")).toMatchObject({ code: 1, said: expect.stringContaining(site.place()) });
  // Its own directory is as good as an empty one for a server over etcd.
  const names = ["one", "two", "three"];
  const servers = await Promise.all(names.map((name) => site.serve(name, site.overEtcd())));
  for (const { url } of servers) expect(await answersOf(url, held)).toEqual(before);
  held = { ...held, lastId: await goOn(servers[1]?.url as string, held, "in etcd") };
  const meanwhile = await answersOf(servers[1]?.url as string, held);

  // They are not stopped for it: they stop by themselves.
  const back = await site.moved(site.place(), site.directory("back"));
  expect(back).toMatchObject({ clusterId: into.clusterId, sessions: 1 });
  expect(back.position).toBeGreaterThan(into.position);
  for (const server of servers) {
    expect((await server.exit).code).toBe(74);
    expect(server.logs.at(-1)?.cause).toContain(site.directory("back"));
  }
  expect(await site.refusal("two", site.overEtcd())).toMatchObject({
    ...{ code: 1, said: expect.stringContaining(`the log was moved to `) },
  });
  expect(await site.refusal("three")).toMatchObject({ code: 1 });
  expect(await site.cli("check", site.directory("back"))).toMatchObject({ code: 0, stderr: "" });
  const again = await site.serve("back");
  expect(again.hasLogged("not the one that was written last")).toBe(false);
  expect(await answersOf(again.url, held)).toEqual(meanwhile);
  await goOn(again.url, held, "back");
  await again.terminate();
});

test("nothing that was acknowledged while it moved is lost, and nothing is acknowledged behind it", async () => {
  const site = await Site.open();
  const servers = await Promise.all(["one", "two"].map((name) => site.serve(name, site.overEtcd())));
  let isOver = false;
  const acknowledged: string[] = [];
  const writers = servers.map(async ({ url }, writer) => {
    const http = new Http(url);
    for (let count = 0; !isOver; count += 1) {
      const path = `w${writer}-${count}`;
      const answer = await http.post(`/v1/znodes/${path}`).catch(() => null);
      if (answer?.status === 201) acknowledged.push(path);
    }
  });
  await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(20);
  const { znodes } = await site.moved(site.place(), site.directory("back"));
  await Promise.all(servers.map(({ exit }) => exit));
  isOver = true;
  await Promise.all(writers);
  const { stdout } = await site.cli("dump", site.directory("back"));
  const paths = new Set(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).path),
  );
  expect(acknowledged.filter((path) => !paths.has(`/${path}`))).toEqual([]);
  expect(znodes).toBeGreaterThan(acknowledged.length);
});

test("killed in the middle of it, it is finished by doing it again", async () => {
  const site = await Site.open();
  const moves = new Moves(new EtcdClient({ endpoints: site.etcd.endpoints }), "/treekeeper/");
  const alone = await site.serve("one");
  await fill(alone.url, 100);
  await alone.terminate();
  const into = await killedAndRepeated(site.directory("one"), site.place(), async () => {
    while ((await moves.look())?.format.move?.state !== "coming");
  });
  const over = await site.serve("over", site.overEtcd());
  await over.terminate();
  const back = await killedAndRepeated(site.place(), site.directory("back"), async () => {
    while ((await moves.look())?.format.move?.state !== "going");
  });
  expect(back.znodes).toBe(into.znodes);
  const diff = await site.cli("diff", "--stat", site.directory("one"), site.directory("back"));
  expect(diff).toMatchObject({ code: 0, stdout: "" });
});

/** Znodes of 60 kB that cannot be made smaller. */
async function fill(url: string, count: number): Promise<void> {
  const http = new Http(url);
  const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64");
  for (let index = 0; index < count; index += 1) await http.post(`/v1/znodes/n${index}`, { body: random() });
}

/** As soon as what is waited for has come. */
async function killedAndRepeated(from: string, to: string, come: () => Promise<void>): Promise<Moved> {
  const args = ["migrate", "--from", from, "--to", to, "--json"];
  const cli = new CliProcess(args, {});
  await come();
  cli.signal("SIGKILL");
  expect(await cli.ended).toMatchObject({ signal: "SIGKILL", stdout: "" });
  const { code, stdout, stderr } = await new CliProcess(args, {}).ended;
  if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Moved;
}

test("what is there already is left alone: other keys, a directory that is not empty, a service that runs", async () => {
  const site = await Site.open();
  const client = new EtcdClient({ endpoints: site.etcd.endpoints });
  const keys = new Keys("/other/");
  const put = { put: { key: bytesOf("/other/mine"), value: bytesOf("x") } };
  await client.txn({ compare: [], success: [put] });
  const alone = await site.serve("one");
  await new Http(alone.url).post("/v1/znodes/a");
  expect(await site.migrate(site.directory("one"), site.place())).toMatchObject({
    ...{ code: 1, stdout: "", stderr: expect.stringContaining("in use by another process") },
  });
  await alone.terminate();
  expect(await site.migrate(site.directory("one"), site.place("/other/"))).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("del --prefix /other/") },
  });
  expect((await client.range({ ...keys.all, countOnly: true })).count).toBe(1n);
  await site.moved(site.directory("one"), site.place());
  const full = newFolder();
  writeFileSync(join(full, "notes.txt"), "mine");
  expect(await site.migrate(site.place(), full)).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('not empty ("notes.txt" is there)') },
  });
  expect(await site.migrate(site.place("/none/"), site.directory("new"))).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("There is no log in ") },
  });
  // Nobody was stopped for it.
  const over = await site.serve("over", site.overEtcd());
  expect((await new Http(over.url).get("/v1/znodes/a")).status).toBe(200);
  expect(await site.migrate(site.directory("over"), site.place("/third/"))).toMatchObject({ code: 1 });
  await over.terminate();
  // One that is no more of one past: an operator may only have restored it.
  expect(await site.migrate(site.directory("over"), site.place("/third/"))).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining(`is ${site.place()}, and goes on there`) },
  });
});

test("a move into a directory that is lost is taken back from another machine, by its name", async () => {
  const site = await Site.open();
  const client = new EtcdClient({ endpoints: site.etcd.endpoints });
  const { format, revision } = await openFormat(client, "/treekeeper/");
  const [moves, lost] = [new Moves(client, "/treekeeper/"), site.directory("lost")];
  const move = { state: "going", id: "1", place: `elsewhere:${lost}` } as const;
  await moves.say({ ...format, move }, { format, revision });
  expect(await site.migrate(site.place(), site.directory("new"))).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining(`is on its way to elsewhere:${lost}`) },
  });
  const undone = await site.migrate(site.place(), lost, "--undo", "--abandoned");
  expect([undone.code, JSON.parse(undone.stdout)]).toEqual([0, { undone: true }]);
  expect((await moves.look())?.format).toEqual(format);
});

test("etcd without room is known before anything is written, and left as it was", async () => {
  const site = await Site.open(1, ["--quota-backend-bytes", "2097152"]);
  const client = new EtcdClient({ endpoints: site.etcd.endpoints });
  const alone = await site.serve("one");
  const http = new Http(alone.url);
  for (let count = 0; count < 3; count += 1)
    await http.post(`/v1/znodes/n${count}`, { body: "x".repeat(900_000) });
  await alone.terminate();
  const { revision } = (await client.range({ key: bytesOf("/any") })).header;
  expect(await site.migrate(site.directory("one"), site.place())).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("its quota (--quota-backend-bytes) is 2097152") },
  });
  expect((await client.range({ key: bytesOf("/any") })).header.revision).toBe(revision);
  const again = await site.serve("one");
  expect((await new Http(again.url).get("/v1/znodes/n2")).status).toBe(200);
});

test("a tree of 30 MB is there within a minute", async () => {
  const site = await Site.open();
  const alone = await site.serve("one");
  await fill(alone.url, 375);
  await alone.terminate();
  const startedMs = performance.now();
  const into = await site.moved(site.directory("one"), site.place());
  const backMs = performance.now();
  const back = await site.moved(site.place(), site.directory("back"));
  const endedMs = performance.now();
  expect(back.digest).toBe(into.digest);
  const took = [backMs - startedMs, endedMs - backMs];
  expect(Math.max(...took)).toBeLessThan(60_000);
  rmSync(site.directory("one"), { recursive: true });
  expect(readdirSync(site.directory("back"))).toContain("treekeeper.db");
});
