// The tools that look at data directories, at one that a service writes as fast as it can, at one whose service is killed
// meanwhile, and at media that nobody can write to.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import { CliProcess } from "../cli/fixture.ts";
import { contentOf } from "../offline/fixture.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { direct, ServerProcess, test } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";
import { WriteLoad } from "./write-load.ts";

const mebibyte = 1_048_576;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end, whatever it prints. */
async function tool(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [cliFile, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, stdout, stderr };
}

/** A tree that takes a while to be looked at. */
async function plant(http: Http, count: number): Promise<void> {
  await http.post("/v1/znodes/big");
  for (let first = 0; first < count; first += 500) {
    const operations = Array.from({ length: 500 }, (_, index) => ({
      ...{ op: "create", path: `/big/n${first + index}`, data: "x".repeat(200) },
    }));
    expect((await http.post("/v1/transactions", { json: { operations } })).status).toBe(200);
  }
}

function znodesIn(
  dumped: string,
): Map<string, { readonly data: string; readonly stat: { readonly mzxid: number } }> {
  const lines = dumped.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const znode = JSON.parse(line);
      return [znode.path, znode];
    }),
  );
}

test("beside a service that writes all the time each look is of one moment, and the service does not notice [G8]", async ({
  start,
}) => {
  const server = await start("--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB");
  await plant(new Http(server.url), 5000);
  await WriteLoad.prepare(server.url);
  const load = new WriteLoad();
  const running = load.run(server.url);
  await load.acknowledgedMore(200);
  for (let round = 0; round < rounds({ usual: 3, full: 12 }); round += 1) {
    const acknowledged = load.zxid;
    const before = load.acknowledgedCount;
    const checked = await tool("check", server.dataDir, "--json");
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(checked.stdout)).toMatchObject({ isSound: true, isLive: true });
    const znodes = znodesIn((await tool("dump", server.dataDir)).stdout);
    const [x, y] = ["/load/x", "/load/y"].map((path) => Number(znodes.get(path)?.data));
    expect((x ?? 0) + (y ?? 0)).toBe(1000);
    const newest = Math.max(...[...znodes.values()].map(({ stat }) => stat.mzxid));
    expect(newest).toBeGreaterThanOrEqual(acknowledged);
    expect(load.acknowledgedCount).toBeGreaterThan(before);
  }
  expect(server.logs.filter(({ msg }) => /reader|read it/.test(msg))).toEqual([]);
  await server.kill();
  await running;
});

test("a dump that is read slowly does not make the service's write-ahead log grow", async ({ start }) => {
  const server = await start("--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB");
  const http = new Http(server.url);
  await plant(http, 20_000);
  const dump = new CliProcess(["dump", server.dataDir], {});
  // What nobody reads fills a pipe, and the tool waits with most of it before it.
  await dump.line();
  for (let number = 0; number < 200; number += 1)
    expect((await http.put("/v1/znodes/big", { body: "y".repeat(100_000) })).status).toBe(200);
  expect(statSync(join(server.dataDir, "treekeeper.db-wal")).size).toBeLessThan(8 * mebibyte);
  expect(server.logs.filter(({ msg }) => /reader|write-ahead/.test(msg))).toEqual([]);
  let lines = 1;
  for await (const _ of dump.lines()) lines += 1;
  expect(lines).toBe(20_002);
  expect(await dump.ended).toMatchObject({ code: 0 });
});

test("a service that is killed or stopped while it is looked at finds its directory as it left it", async ({
  dataDir,
  start,
}) => {
  let server: ServerProcess = await start();
  await plant(new Http(server.url), 20_000);
  for (let round = 0; round < rounds({ usual: 4, full: 20 }); round += 1) {
    const http = new Http(server.url);
    expect((await http.put("/v1/znodes/big", { body: `round ${round}` })).status).toBe(200);
    const looks = [tool("check", dataDir), tool("dump", dataDir, "/big/n7"), tool("check", dataDir)];
    await (round % 2 === 0 ? server.kill() : server.terminate());
    server = await start();
    const again = new Http(server.url);
    expect((await again.get("/v1/znodes/big", { query: "raw=true" })).text).toBe(`round ${round}`);
    for (const { code, stderr } of await Promise.all(looks))
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  }
  await server.terminate();
  expect(
    readdirSync(dataDir).filter((name) => !/^(treekeeper\.db|lock\.db|ballast|boot|witness)/.test(name)),
  ).toEqual([]);
});

/** Runs what follows with the folder as media that cannot be written to. */
function onReadOnlyMedia(folder: string): [string, ...string[]] {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, folder];
}

const [probe, ...probeArguments] = [...onReadOnlyMedia("/tmp"), "true"] as const;

test.runIf(spawnSync(probe, probeArguments).status === 0)(
  "a directory on read-only media is looked at as any other, after a crash as well",
  async ({ dataDir, start }) => {
    const server = await start();
    await plant(new Http(server.url), 500);
    await server.kill();
    const media = join(dataDir, "media");
    mkdirSync(media);
    for (const name of readdirSync(dataDir))
      if (name !== "media") cpSync(join(dataDir, name), join(media, name));
    const before = contentOf(media);
    const scratch = join(dataDir, "scratch");
    mkdirSync(scratch);
    const within = onReadOnlyMedia(media);
    for (const [command, output] of [
      ["check", /^all +sound$/m],
      ["dump", /"path":"\/big\/n499"/],
    ] as const) {
      const look = new CliProcess([command, media, "--scratch", scratch], { within });
      const { code, stdout, stderr } = await look.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(output);
    }
    expect(contentOf(media)).toEqual(before);
    expect(readdirSync(scratch)).toEqual([]);
  },
);

const canBeAnother = process.getuid?.() === 0 && canRead(65_534);

/** Whether that user can run the programs at all. */
function canRead(uid: number): boolean {
  return spawnSync(process.execPath, [cliFile, "--version"], { uid, gid: uid, env: {} }).status === 0;
}

test.runIf(canBeAnother)("another user is told whose it is, and nothing else", async ({ dataDir, start }) => {
  const server = await start();
  await server.terminate();
  const run = (command: string) =>
    spawnSync(process.execPath, [cliFile, command, dataDir], {
      uid: 65_534,
      gid: 65_534,
      env: {},
      encoding: "utf8",
    });
  for (const [command, code] of [
    ["check", 2],
    ["dump", 1],
  ] as const) {
    const { status, stderr } = run(command);
    expect(status).toBe(code);
    expect(stderr).toMatch(
      /cannot be read by this user \(65534\)\. Run this as the user of the service, or as root\.\n$/,
    );
  }
});

test.runIf(canBeAnother)(
  "root looks at another user's directory, in use and at rest, and all in it stays its owner's",
  async ({ dataDir }) => {
    chownSync(dataDir, 65_534, 65_534);
    const as = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] as const;
    const server = await ServerProcess.start({ dataDir, command: [...as, ...direct] });
    try {
      const filesOf = () => readdirSync(dataDir).map((name) => [name, ...whatIs(join(dataDir, name))]);
      const before = filesOf();
      expect(await tool("check", dataDir)).toMatchObject({ code: 0 });
      expect(filesOf()).toEqual(before);
      expect((await new Http(server.url).post("/v1/znodes/a")).status).toBe(201);
      await server.terminate();
      const stopped = [contentOf(dataDir), filesOf()];
      expect(await tool("check", dataDir)).toMatchObject({ code: 0 });
      expect([contentOf(dataDir), filesOf()]).toEqual(stopped);
    } finally {
      await server.kill();
    }
  },
);

function whatIs(file: string): number[] {
  const { uid, gid, mode, ino } = statSync(file);
  return [uid, gid, mode, ino];
}
