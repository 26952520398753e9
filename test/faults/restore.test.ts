// A backup that was taken while clients wrote, and is restored after they went on: what they had before it is there, and
// what they have of the time that is lost is taken for nothing it is not. The first start on it is killed, too.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";

const sessionsInBackup = 400;
const kills = rounds({ usual: 4, full: 20 });

interface CliEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function treekeeper(...args: string[]): Promise<CliEnd> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cliFile, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Who writes all the time, and what was acknowledged to them, in its order. */
class Writers {
  readonly made: { readonly path: string; readonly zxid: number }[] = [];
  readonly #http: Http;
  #isEnded = false;
  readonly #all: Promise<unknown>;

  constructor(url: string) {
    this.#http = new Http(url);
    this.#all = Promise.all([1, 2, 3, 4].map(() => this.#write()));
  }

  async #write(): Promise<void> {
    while (!this.#isEnded) {
      const answer = await this.#http.post("/v1/znodes/load/n-", { query: "sequential=true", body: "x" });
      this.made.push({ path: answer.json<{ path: string }>().path, zxid: answer.zxid });
    }
  }

  async madeMore(count: number): Promise<void> {
    const wanted = this.made.length + count;
    while (this.made.length < wanted) await pause(1);
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#all;
  }
}

interface Session {
  readonly id: string;
  readonly token: string;
}

const as = ({ token }: Session) => ({ "session-token": token });

async function openSession(http: Http): Promise<Session> {
  return (await http.post("/v1/sessions", { json: { timeoutMs: 60_000 } })).json<
    Session & Record<string, unknown>
  >();
}

/** What somebody holds who has the lock. */
interface Held extends Session {
  readonly fence: string;
  readonly number: number;
}

async function claim(http: Http): Promise<Held> {
  const session = await openSession(http);
  const answer = await http.post("/v1/locks/l/claims", { json: {}, headers: as(session) });
  expect(answer.status).toBe(201);
  const { fenceHeader, fence } = answer.json<{ fenceHeader: string; fence: number }>();
  return { ...session, fence: fenceHeader, number: fence };
}

async function cursor(http: Http): Promise<string> {
  const stream = await http.stream("/v1/watch", { query: "path=/&scope=children&initial=true" });
  const { id = "" } = await stream.untilEvent("synced");
  stream.close();
  return id;
}

async function numbered(http: Http, parent: string): Promise<string> {
  const answer = await http.post(`/v1/znodes${parent}/n-`, { query: "sequential=true&parents=true" });
  expect(answer.status).toBe(201);
  return answer.json<{ path: string }>().path;
}

/** What is in the hands of clients. */
interface Hands {
  readonly holder: Held;
  readonly idle: Session;
  readonly cursor: string;
  readonly paths: readonly string[];
}

async function use(http: Http): Promise<Hands> {
  const holder = await claim(http);
  const paths: string[] = [];
  for (const parent of ["/q", "/q", "/p"]) paths.push(await numbered(http, parent));
  return { holder, idle: await openSession(http), cursor: await cursor(http), paths };
}

interface Scene {
  readonly above: string;
  readonly dataDir: string;
  readonly backup: string;
  readonly common: Hands;
  readonly lost: Hands;
  /** Made with a key, before the backup. */
  readonly keyed: string;
  /** A znode by which somebody says that they lead, and that no session keeps. */
  readonly leaderFence: string;
  /** Acknowledged before the backup was asked for. */
  readonly before: readonly string[];
  readonly made: Writers["made"];
  readonly zxidLost: number;
}

async function play(): Promise<Scene> {
  const above = makeDataDir();
  const [dataDir, backup] = [join(above, "data"), join(above, "the.backup")];
  const server = await ServerProcess.start({ dataDir });
  const http = new Http(server.url);
  for (const path of ["/load", "/leader"]) await http.post(`/v1/znodes${path}`);
  const { czxid } = (await http.get("/v1/znodes/leader")).json<{ stat: { czxid: number } }>().stat;
  for (let count = 0; count < sessionsInBackup; count += 50)
    await Promise.all(Array.from({ length: 50 }, () => openSession(http)));
  const keyed = await keyedCreate(http);
  const common = await use(http);
  const writers = new Writers(server.url);
  await writers.madeMore(50);
  const before = writers.made.map(({ path }) => path);
  const taken = await treekeeper("--endpoint", server.url, "backup", backup);
  expect(taken, taken.stderr).toMatchObject({ code: 0 });
  await writers.madeMore(50);
  // Who held the lock in the backup is deposed, and another has it.
  await http.delete(`/v1/sessions/${common.holder.id}`, { headers: as(common.holder) });
  const lost = await use(http);
  for (const path of ["/only-there", "/only-there/a"]) await http.post(`/v1/znodes${path}`);
  await writers.end();
  const zxidLost = (await http.get("/v1/znodes/load")).zxid;
  await server.kill();
  const leaderFence = `/leader@${czxid}`;
  return { above, dataDir, backup, common, lost, keyed, leaderFence, before, made: writers.made, zxidLost };
}

async function keyedCreate(http: Http): Promise<string> {
  const answer = await http.post("/v1/znodes/keyed-", {
    query: "sequential=true",
    ...{ body: "once", headers: { "idempotency-key": "the-one" } },
  });
  return answer.json<{ path: string }>().path;
}

const restoredMessage =
  "the store was restored: what was acknowledged after it is lost, and all sessions of before have ended";

describe("a backup that is restored", { timeout: 180_000 }, () => {
  let scene: Scene;
  let server: ServerProcess;
  let http: Http;
  let said: CliEnd;
  /** What starts have said that they decided. */
  const decided = new Set<string>();
  const note = ({ logs }: ServerProcess) => {
    for (const { msg, epoch, zxid } of logs) if (msg === restoredMessage) decided.add(`${epoch} at ${zxid}`);
  };

  beforeAll(async () => {
    scene = await play();
    const { dataDir, backup } = scene;
    const refused = await treekeeper("restore", backup, "--data-dir", dataDir);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--force") });
    said = await treekeeper("restore", backup, "--data-dir", dataDir, "--force");
    expect(said, said.stderr).toMatchObject({ code: 0 });
    for (let round = 0; round < kills; round += 1) {
      const started = ServerProcess.launch({ dataDir });
      // Before, while and after it decides: at any moment of a start.
      await Promise.race([pause(150 + Math.random() * 700), started.exit]);
      await started.kill();
      note(started);
    }
    server = await ServerProcess.start({ dataDir });
    note(server);
    http = new Http(server.url);
  }, 180_000);

  afterAll(async () => {
    await server.kill();
    removeDataDir(scene.above);
  });

  test("is told of in words", () => {
    for (const words of ["put back to zxid", "lost", "sequences", "sessions", "reset", "replaced"])
      expect(said.stdout).toContain(words);
  });

  test("has all that was acknowledged before it was asked for, kept answers included [G11]", async () => {
    const paths = new Set<string>();
    let after: string | undefined;
    do {
      const query = { limit: 10_000, ...(after !== undefined && { after }) };
      const page = (await http.get("/v1/children/load", { query })).json<{
        children: string[];
        next?: string;
      }>();
      for (const name of page.children) paths.add(`/load/${name}`);
      after = page.next;
    } while (after !== undefined);
    expect(scene.before.filter((path) => !paths.has(path))).toEqual([]);
    expect((await http.get("/v1/znodes/only-there")).status).toBe(404);
    expect(await keyedCreate(http)).toBe(scene.keyed);
  });

  test("gives no zxid and no number again, also under a parent that is made anew [G11, Q7]", async () => {
    const { made, common, lost, zxidLost } = scene;
    const given = new Set([...made.map(({ path }) => path), ...common.paths, ...lost.paths]);
    for (const parent of ["/load", "/q", "/p", "/only-there"]) {
      for (let count = 0; count < 3; count += 1) {
        const path = await numbered(http, parent);
        expect(given.has(path)).toBe(false);
        given.add(path);
      }
    }
    const { zxid } = await http.get("/v1/znodes/load");
    expect(zxid).toBeGreaterThan(zxidLost + 1_000_000);
    // Once, however often its first start was killed.
    expect(decided.size).toBeLessThanOrEqual(1);
  });

  test("has none of the sessions of before: they get 410 [G11]", async () => {
    for (const session of [scene.common.holder, scene.common.idle, scene.lost.holder, scene.lost.idle]) {
      const kept = await http.put(`/v1/sessions/${session.id}`, { headers: as(session) });
      expect(kept.status).toBe(410);
    }
    const { holders } = (await http.get("/v1/locks/l")).json<{ holders?: unknown[] }>();
    expect(holders ?? []).toEqual([]);
  });

  test("takes no write under a fence of before, whoever held, and has a larger one for who holds now [G11]", async () => {
    const { common, lost, leaderFence } = scene;
    for (const fence of [common.holder.fence, lost.holder.fence, leaderFence]) {
      const late = await http.put("/v1/znodes/load", { body: "late", headers: { fence } });
      expect([fence, late.code]).toEqual([fence, "fence_stale"]);
    }
    const holder = await claim(http);
    expect(holder.number).toBeGreaterThan(lost.holder.number);
    const write = await http.put("/v1/znodes/load", { body: "now", headers: { fence: holder.fence } });
    expect(write.status).toBe(200);
    expect((await http.get("/v1/znodes/load")).json()).toMatchObject({ data: "now" });
  });

  test("resumes no stream of before, be its cursor of the common past or of the lost one [G11]", async () => {
    const { common, lost } = scene;
    const numberOf = (id: string) => id.split(".")[0] as string;
    for (const [id, reason] of [
      [common.cursor, "history_trimmed"],
      [numberOf(common.cursor), "history_trimmed"],
      [lost.cursor, "unknown_zxid"],
      [numberOf(lost.cursor), "history_trimmed"],
    ] as const) {
      const stream = await http.stream("/v1/watch", {
        query: "path=/&scope=children",
        headers: { "last-event-id": id },
      });
      expect((await stream.untilEvent("reset")).data).toMatchObject({ reason });
      await stream.untilEvent("synced");
      stream.close();
    }
  });

  test("is the same after the next starts, and restored no more", async () => {
    const data = async () => (await http.get("/v1/children/q")).json<{ children: string[] }>().children;
    const before = await data();
    await server.kill();
    server = await ServerProcess.start({ dataDir: scene.dataDir });
    http = new Http(server.url);
    expect(await data()).toEqual(before);
    expect(server.hasLogged(restoredMessage)).toBe(false);
    const id = await cursor(http);
    await server.terminate();
    server = await ServerProcess.start({ dataDir: scene.dataDir });
    http = new Http(server.url);
    const stream = await http.stream("/v1/watch", { query: "path=/", headers: { "last-event-id": id } });
    await http.put("/v1/znodes/", { body: "goes on" });
    await stream.untilEvent("change");
    expect(stream.named("reset")).toEqual([]);
    stream.close();
  });
});

describe("what a start says of a directory that was put back", { timeout: 120_000 }, () => {
  let above: string;
  let dataDir: string;
  let backup: string;

  beforeAll(async () => {
    above = makeDataDir();
    [dataDir, backup] = [join(above, "data"), join(above, "the.backup")];
    const server = await ServerProcess.start({ dataDir });
    const http = new Http(server.url);
    await http.post("/v1/znodes/a");
    expect((await treekeeper("--endpoint", server.url, "backup", backup)).code).toBe(0);
    await server.terminate();
    cpSync(dataDir, join(above, "older"), { recursive: true });
    const again = await ServerProcess.start({ dataDir });
    for (const path of ["/b", "/c"]) await new Http(again.url).post(`/v1/znodes${path}`);
    await again.terminate();
  });

  afterAll(() => removeDataDir(above));

  test("a backup in the place of the database is refused with the command that takes it, which works", async () => {
    const directory = join(above, "with-backup");
    cpSync(dataDir, directory, { recursive: true });
    copyFileSync(backup, join(directory, "treekeeper.db"));
    const ended = await ServerProcess.runToEnd({ dataDir: directory });
    expect(ended.code).toBe(1);
    expect(JSON.stringify(ended.logs)).toContain("treekeeper restore --rolled-back");
    expect(await treekeeper("restore", "--rolled-back", "--data-dir", directory)).toMatchObject({ code: 0 });
    const auditFile = join(above, "audit.log");
    const server = await ServerProcess.start({ dataDir: directory, args: ["--audit-file", auditFile] });
    expect(server.hasLogged(restoredMessage)).toBe(true);
    expect((await new Http(server.url).get("/v1/znodes/b")).status).toBe(404);
    await server.terminate();
    const [audited] = readFileSync(auditFile, "utf8").split("\n");
    expect(JSON.parse(audited as string)).toMatchObject({
      ...{ event: "restored", by: "system", zxidBefore: 1, sessions: 0 },
    });
  });

  test("an older database beside a witness of a newer one is refused with the command that goes on", async () => {
    const directory = join(above, "with-older");
    cpSync(dataDir, directory, { recursive: true });
    copyFileSync(join(above, "older", "treekeeper.db"), join(directory, "treekeeper.db"));
    const ended = await ServerProcess.runToEnd({ dataDir: directory });
    expect(ended.code).toBe(1);
    expect(JSON.stringify(ended.logs)).toContain("treekeeper restore --rolled-back");
    expect(await treekeeper("restore", "--rolled-back", "--data-dir", directory)).toMatchObject({ code: 0 });
    const server = await ServerProcess.start({ dataDir: directory });
    expect(server.hasLogged(restoredMessage)).toBe(true);
    await server.terminate();
  });

  test("a whole older directory is served with a warning that it is a copy, and the command for what it may be", async () => {
    const directory = join(above, "copy");
    cpSync(join(above, "older"), directory, { recursive: true });
    const server = await ServerProcess.start({ dataDir: directory });
    expect(server.hasLogged("not the one that was written last")).toBe(true);
    expect(server.hasLogged("treekeeper restore --rolled-back")).toBe(true);
    await server.terminate();
    const again = await ServerProcess.start({ dataDir: directory });
    expect(again.hasLogged("not the one that was written last")).toBe(false);
    await again.terminate();
  });

  test("a restore that is killed at any moment leaves the store there was, or the restored one, or none that a start takes for one", async () => {
    for (let round = 0; round < kills; round += 1) {
      const directory = join(above, `killed-${round}`);
      cpSync(dataDir, directory, { recursive: true });
      const args = ["restore", backup, "--data-dir", directory, "--force"];
      const restoring = spawn(process.execPath, [cliFile, ...args], { stdio: "ignore" });
      await Promise.race([pause(100 + Math.random() * 500), once(restoring, "exit")]);
      restoring.kill("SIGKILL");
      const started = ServerProcess.launch({ dataDir: directory });
      const isServed = await started.logged("serving").then(
        ({ address }) => String(address),
        () => null,
      );
      if (isServed === null) expect(JSON.stringify(started.logs)).toContain("was broken off");
      else {
        const isRestored = (await new Http(isServed).get("/v1/znodes/b")).status === 404;
        expect(isRestored).toBe(started.hasLogged(restoredMessage));
        expect((await new Http(isServed).get("/v1/znodes/a")).status).toBe(200);
      }
      await started.kill();
      expect(await treekeeper(...args)).toMatchObject({ code: 0 });
      const server = await ServerProcess.start({ dataDir: directory });
      expect(server.hasLogged(restoredMessage)).toBe(true);
      await server.kill();
      rmSync(directory, { recursive: true });
    }
  });

  test("damaged and foreign files are refused, and the store that is there is served as before", async () => {
    const damaged = readFileSync(backup);
    // Rows stand at the end of a page.
    for (let page = 2; page * 4096 < damaged.byteLength; page += 1) {
      const last = (page + 1) * 4096 - 20;
      damaged[last] = (damaged[last] as number) ^ 0xff;
    }
    const files = {
      damaged,
      foreign: Buffer.from("not a database, but long enough to be read as one".repeat(100)),
    };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(above, name), content);
      const ended = await treekeeper("restore", join(above, name), "--data-dir", dataDir, "--force");
      expect([name, ended.code, ended.stderr]).toEqual([
        name,
        1,
        expect.stringContaining("nothing was done"),
      ]);
    }
    expect(existsSync(join(dataDir, "restored.part"))).toBe(false);
    const server = await ServerProcess.start({ dataDir });
    expect((await new Http(server.url).get("/v1/znodes/b")).status).toBe(200);
    const inUse = await treekeeper("restore", backup, "--data-dir", dataDir, "--force");
    expect(inUse).toMatchObject({ code: 1, stderr: expect.stringContaining("in use") });
    await server.terminate();
    for (const name of Object.keys(files)) rmSync(join(above, name));
  });
});
