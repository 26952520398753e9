// Backups of a real server: under writes, by slow readers, on a full disk, through a kill, and on a schedule. What was
// acknowledged before one was asked for is in it, it is of one moment, and nothing of it is left where it was broken off.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect } from "vitest";
import { verifyBackup } from "../../src/offline/verify-backup.ts";
import { dropBackupMarker } from "../../src/store/sqlite/backup-marker.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { direct, makeDataDir, removeDataDir, ServerProcess, test } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";
import { canMount, onSmallDisk } from "../support/small-disk.ts";
import { accountSum, WriteLoad } from "./write-load.ts";

const backupUrl = "/v1/admin/backup";

function reportOn(file: string) {
  const verdict = verifyBackup(file);
  if (!verdict.isSound) throw new Error(verdict.faults.join("; "));
  return verdict.report;
}

async function takeInto(file: string, http: Http): Promise<number> {
  const response = await http.fetch("GET", backupUrl);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  writeFileSync(file, Buffer.from(await response.arrayBuffer()));
  return Number(response.headers.get("backup-zxid"));
}

/** Some megabytes, so that a backup takes a while. */
async function fill(http: Http, mebibytes: number): Promise<void> {
  await http.post("/v1/znodes/filled");
  for (let count = 0; count < mebibytes; count += 1) {
    const answer = await http.post(`/v1/znodes/filled/n${count}`, { body: "x".repeat(2 ** 20) });
    expect(answer.status).toBe(201);
  }
}

/** A server on the content of a backup, to be looked at. */
async function servedFrom<T>(file: string, look: (http: Http) => Promise<T>): Promise<T> {
  const dataDir = makeDataDir();
  const database = join(dataDir, "treekeeper.db");
  writeFileSync(database, readFileSync(file), { mode: 0o600 });
  const connection = new Sqlite(database);
  dropBackupMarker(connection);
  connection.close();
  const server = await ServerProcess.start({ dataDir });
  try {
    return await look(new Http(server.url));
  } finally {
    await server.kill();
    removeDataDir(dataDir);
  }
}

interface CliEnd {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function cli(url: string, args: readonly string[], env: Record<string, string> = {}): Promise<CliEnd> {
  const child = spawn(process.execPath, [cliFile, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TREEKEEPER_ENDPOINT: url, ...env },
  });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => stdout.push(piece));
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr };
}

test("a backup under writes has all that was acknowledged before it was asked for, and is of one moment", {
  timeout: 300_000,
}, async ({ start, dataDir }) => {
  const server = await start("--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB");
  const http = new Http(server.url);
  await fill(http, 4);
  await WriteLoad.prepare(server.url);
  const load = new WriteLoad();
  const running = load.run(server.url);
  for (let round = 0; round < rounds({ usual: 3, full: 12 }); round += 1) {
    await load.acknowledgedMore(50);
    const registers = new Map(load.acknowledged);
    const tickets = new Map(load.tickets);
    const { transfersAcknowledged, zxid: zxidBefore } = load;
    const file = join(dataDir, `backup-${round}`);
    const zxid = await takeInto(file, http);
    const [asked, transfersAsked] = [new Map(load.asked), load.transfersAsked];
    expect(zxid).toBeGreaterThanOrEqual(zxidBefore);
    expect(reportOn(file)).toMatchObject({ zxid, bytes: statSync(file).size });
    await servedFrom(file, async (copy) => {
      const dataOf = async (path: string) =>
        Number((await copy.get(`/v1/znodes${path}`, { query: "raw=true" })).text.replace(/x+$/, ""));
      for (const [name, value] of registers) {
        const found = await dataOf(`/load${name}`);
        expect(found).toBeGreaterThanOrEqual(value);
        expect(found).toBeLessThanOrEqual(asked.get(name) as number);
      }
      // Moved within one transaction: both sides of each are there, or neither.
      expect((await dataOf("/load/x")) + (await dataOf("/load/y"))).toBe(accountSum);
      const moves = await dataOf("/load/moves");
      expect(moves).toBeGreaterThanOrEqual(transfersAcknowledged);
      expect(moves).toBeLessThanOrEqual(transfersAsked);
      const children = await childrenOf("/load/tickets", copy);
      const numbers = new Set(children.map((name) => Number(name.slice(2))));
      expect([...tickets.keys()].filter((number) => !numbers.has(number))).toEqual([]);
    });
  }
  await server.kill();
  await running;
});

/** All of them, page by page: a fast machine writes more than one page holds. */
async function childrenOf(path: string, http: Http): Promise<string[]> {
  const children: string[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const query: Record<string, string> = { limit: "10000", ...(next !== "" && { after: next }) };
    const page = (await http.get(`/v1/children${path}`, { query })).json<{
      children: string[];
      next: string | null;
    }>();
    children.push(...page.children);
    next = page.next ?? null;
  }
  return children;
}

test("of two that are asked for at once one is refused with 429, and the other is whole", async ({
  start,
  dataDir,
}) => {
  const server = await start();
  const http = new Http(server.url);
  await fill(http, 4);
  const ask = async () => {
    const response = await http.fetch("GET", backupUrl);
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  const answers = await Promise.all([ask(), ask()]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 429]);
  const file = join(dataDir, "kept");
  writeFileSync(file, answers.find(({ status }) => status === 200)?.body as Buffer);
  expect(reportOn(file).znodes).toBe(6);
});

test("a reader that takes nothing is cut off, and the next backup can be taken", async ({
  start,
  dataDir,
}) => {
  const server = await start("--send-timeout-ms", "500");
  const http = new Http(server.url);
  await fill(http, 16);
  const still = await http.fetch("GET", backupUrl);
  expect(still.status).toBe(200);
  const file = join(dataDir, "kept");
  const taken = async () => await takeInto(file, http).then(() => "taken", String);
  await expect.poll(taken, { timeout: 60_000 }).toBe("taken");
  await expect(still.arrayBuffer()).rejects.toThrow();
  expect(reportOn(file).znodes).toBe(18);
});

test("a server that is killed while it makes one leaves nothing behind the next start", {
  timeout: 180_000,
}, async ({ start, dataDir }) => {
  const server = await start();
  const http = new Http(server.url);
  await fill(http, 24);
  const asked = http.fetch("GET", backupUrl).then(
    ({ status }) => `answered with ${status}`,
    () => "cut off",
  );
  const unfinished = join(dataDir, "backup.part");
  while (!existsSync(unfinished) || statSync(unfinished).size < 2 ** 20)
    await new Promise((resolve) => setImmediate(resolve));
  await server.kill();
  expect(await asked).toBe("cut off");
  expect(existsSync(unfinished)).toBe(true);
  const next = await start();
  expect(readdirSync(dataDir).filter((name) => name.startsWith("backup"))).toEqual([]);
  expect((await new Http(next.url).get("/v1/znodes/filled/n23")).status).toBe(200);
  expect(await takeInto(join(dataDir, "kept"), new Http(next.url))).toBe(25);
});

test("a stop that is asked for while one is made is a clean one, and soon", async ({ start, dataDir }) => {
  const server = await start();
  const http = new Http(server.url);
  await fill(http, 24);
  const asked = http.get(backupUrl).then(
    ({ code }) => code,
    () => "cut off",
  );
  while (!existsSync(join(dataDir, "backup.part"))) await new Promise((resolve) => setImmediate(resolve));
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
  expect(["stopping", "cut off"]).toContain(await asked);
  expect(readdirSync(dataDir).filter((name) => name.startsWith("backup"))).toEqual([]);
});

test.runIf(canMount)(
  "where the disk has no room for one it is refused with 507, and writes go on",
  async ({ dataDir }) => {
    const args = ["--free-bytes-min", "4MiB", "--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB"];
    const command: [string, ...string[]] = [...onSmallDisk(dataDir, 40), ...direct];
    const server = await ServerProcess.start({ dataDir, args, command });
    try {
      const http = new Http(server.url);
      await fill(http, 3);
      expect((await http.get(backupUrl)).status).toBe(200);
      await http.post("/v1/znodes/more");
      let refused = await http.get(backupUrl);
      for (let count = 0; count < 20 && refused.status === 200; count += 1) {
        // Beside what a backup keeps from being emptied a write may meet a full disk, for a moment.
        const write = () => http.post(`/v1/znodes/more/n${count}`, { body: "y".repeat(2 ** 20) });
        await expect.poll(async () => (await write()).status, { timeout: 20_000 }).toSatisfy(isDone);
        refused = await http.get(backupUrl);
      }
      expect([refused.status, refused.code]).toEqual([507, "no_room"]);
      expect(refused.json<{ detail: string }>().detail).toMatch(/bytes left: the backup takes \d+ more/);
      const put = () => http.put("/v1/znodes/filled", { body: "z" });
      await expect.poll(async () => (await put()).status, { timeout: 20_000 }).toBe(200);
      await expect.poll(async () => (await http.get("/readyz")).status, { timeout: 20_000 }).toBe(200);
    } finally {
      await server.kill();
    }
  },
);

/** Made now, or by the attempt before. */
function isDone(status: number): boolean {
  return status === 201 || status === 409;
}

describe("treekeeper backup and verify", () => {
  test("a file appears when all of it is there, of its owner alone, and is overwritten on demand", async ({
    start,
    dataDir,
  }) => {
    const { url } = await start();
    await new Http(url).post("/v1/znodes/a", { body: "data" });
    const folder = join(dataDir, "backups");
    mkdirSync(folder);
    const file = join(folder, "one");
    const first = await cli(url, ["backup", file, "--json"]);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(JSON.parse(first.stdout.toString())).toMatchObject({ zxid: 1, bytes: statSync(file).size });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["one"]);
    const again = await cli(url, ["backup", file]);
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining("--force")]);
    expect((await cli(url, ["backup", file, "--force"])).code).toBe(0);
    const verified = await cli("http://127.0.0.1:1", ["verify", file, "--json"]);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout.toString())).toMatchObject({ isSound: true, zxid: 1, znodes: 2 });

    const piped = await cli(url, ["backup", "-"]);
    writeFileSync(file, piped.stdout);
    expect(reportOn(file).zxid).toBe(1);
    expect((await cli(url, ["backup"])).code).toBe(2);
  });

  test("verify says what is wrong with a damaged, a foreign and a missing file", async ({
    start,
    dataDir,
  }) => {
    const { url } = await start();
    await new Http(url).post("/v1/znodes/a", { body: "data" });
    const file = join(dataDir, "one");
    await cli(url, ["backup", file]);
    const content = readFileSync(file);
    const at = content.indexOf("data", content.indexOf("/a"));
    content.write("date", at);
    writeFileSync(file, content);
    const damaged = await cli(url, ["verify", file]);
    expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringContaining("It could not be restored.")]);
    const foreign = await cli(url, ["verify", join(dataDir, "treekeeper.db")]);
    expect([foreign.code, foreign.stderr]).toEqual([1, expect.stringContaining("is no backup")]);
    expect((await cli(url, ["verify", join(dataDir, "none")])).code).toBe(3);
    const folder = await cli(url, ["verify", dataDir]);
    expect([folder.code, folder.stderr]).toEqual([1, expect.stringContaining("is not a file")]);
  });

  test("--put sends it to a URL that is said nowhere, and says by its code why it was refused", async ({
    start,
    dataDir,
  }) => {
    const { url } = await start();
    await fill(new Http(url), 2);
    const requests: { readonly asked: IncomingMessage; readonly body: Buffer }[] = [];
    let status = 200;
    const store = createServer(async (asked, answer) => {
      const pieces: Buffer[] = [];
      for await (const piece of asked) pieces.push(piece as Buffer);
      requests.push({ asked, body: Buffer.concat(pieces) });
      const text = `<Error><Code>SignatureDoesNotMatch</Code><StringToSign>${asked.url}</StringToSign></Error>`;
      answer.writeHead(status).end(status === 200 ? "" : text);
    }).listen(0, "127.0.0.1");
    await once(store, "listening");
    const target = `http://127.0.0.1:${(store.address() as AddressInfo).port}/bucket/key?signature=hush`;
    const urlFile = join(dataDir, "url");
    writeFileSync(urlFile, `${target}\n`, { mode: 0o600 });
    const put = await cli(url, ["backup", "--put", `@${urlFile}`]);
    expect([put.code, put.stderr]).toEqual([0, ""]);
    const [{ asked, body } = { asked: null, body: Buffer.alloc(0) }] = requests;
    expect([asked?.method, asked?.url]).toEqual(["PUT", "/bucket/key?signature=hush"]);
    expect(asked?.headers["content-length"]).toBe(String(body.byteLength));
    expect(asked?.headers.authorization).toBeUndefined();
    const file = join(dataDir, "one");
    writeFileSync(file, body);
    expect(reportOn(file).znodes).toBe(4);

    status = 403;
    const refused = await cli(url, ["backup"], { TREEKEEPER_PUT_URL: target });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("403 SignatureDoesNotMatch");
    for (const { stdout, stderr } of [put, refused]) expect(`${stdout}${stderr}`).not.toContain("hush");
    const plain = await cli(url, ["backup", "--put", "http://elsewhere.example/key?signature=hush"]);
    expect([plain.code, plain.stderr.includes("hush")]).toEqual([2, false]);
    store.close();
  });
});

describe("scheduled backups", () => {
  test("the folder gets one now and then, keeps the newest, and a command is run with each", {
    timeout: 120_000,
  }, async ({ start, dataDir }) => {
    const folder = join(dataDir, "backups");
    const script = join(dataDir, "hook.mjs");
    const told = join(dataDir, "told");
    const code = `import { appendFileSync } from "node:fs";
      const names = Object.keys(process.env).filter((name) => name.startsWith("TREEKEEPER_"));
      appendFileSync(${JSON.stringify(told)}, JSON.stringify([process.argv.slice(2), names]) + "\\n");`;
    writeFileSync(script, code);
    const server = await start(
      ...["--backup-dir", folder, "--backup-every-ms", "1000", "--backup-keep", "2"],
      ...["--backup-command", `${process.execPath} ${script} --to there`],
    );
    await new Http(server.url).post("/v1/znodes/a");
    await server.loggedTimes("backup taken", 4);
    await server.terminate();
    const names = readdirSync(folder).toSorted();
    expect(names.filter((name) => name.endsWith(".db")).length).toBeLessThanOrEqual(3);
    expect(names.filter((name) => !name.endsWith(".db"))).toEqual([]);
    for (const name of names) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      expect(reportOn(join(folder, name)).zxid).toBe(1);
    }
    const lines = readFileSync(told, "utf8").trim().split("\n");
    const [words, variables] = JSON.parse(lines.at(-1) as string) as [string[], string[]];
    expect(words.slice(0, 2)).toEqual(["--to", "there"]);
    expect(words[2]).toMatch(/backups\/treekeeper-\d{8}T\d{6}Z-1\.db$/);
    expect(variables).toEqual([]);
  });

  test("one that fails is logged, and so is a command that does; the service goes on", async ({
    start,
    dataDir,
  }) => {
    const blocked = join(dataDir, "blocked");
    writeFileSync(blocked, "no folder");
    const server = await start("--backup-dir", blocked);
    const failed = "a scheduled backup failed; it is tried again";
    expect((await server.logged(failed)).reason).toMatch(/EEXIST|ENOTDIR/);
    expect((await new Http(server.url).post("/v1/znodes/a")).status).toBe(201);
    await server.terminate();

    const folder = join(dataDir, "backups");
    const commanded = await start("--backup-dir", folder, "--backup-command", "/bin/false");
    expect((await commanded.logged(failed)).reason).toBe("--backup-command failed: it ended with 1");
    expect(readdirSync(folder).length).toBe(1);
    await commanded.terminate();
    // The newest of the folder is young: the next start takes none.
    const third = await start("--backup-dir", folder);
    expect((await new Http(third.url).get("/v1/znodes/a")).status).toBe(200);
    await third.terminate();
    expect(readdirSync(folder).length).toBe(1);
  });
});
