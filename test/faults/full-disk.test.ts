// A disk that something else has filled: what needs no room goes on, sessions live, the rest is refused with the reason, and
// once there is room everything goes on by itself. The disk is a real one, of little room.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { freePort } from "../support/ports.ts";
import { test as base, direct, ServerProcess } from "../support/process.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";

const settings = [
  ...["--free-bytes-min", "4MiB", "--ballast-bytes", "2MiB", "--history-bytes-max", "1MiB"],
  ...["--checkpoint-bytes", "1MiB", "--wal-bytes-max", "2MiB", "--session-timeout-ms-min", "1000"],
];
const diskMebibytes = 32;

interface DiskFixture {
  disk: SmallDisk;
  /** Where the data is, on the disk. */
  data: string;
  /** Starts a server on the disk; one that still runs at the end of the test is killed. */
  serve: (...args: string[]) => Promise<ServerProcess>;
}

const test = base.extend<DiskFixture>({
  disk: async ({ dataDir }, use) => {
    const disk = await SmallDisk.mount(dataDir, diskMebibytes);
    await use(disk);
    await disk.unmount();
  },
  data: async ({ dataDir }, use) => {
    await use(join(dataDir, "data"));
  },
  serve: async ({ disk, data }, use) => {
    const servers: ServerProcess[] = [];
    await use(async (...args) => {
      const command: [string, ...string[]] = [...disk.entry, ...direct];
      const server = await ServerProcess.start({ dataDir: data, args: [...settings, ...args], command });
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.kill();
  },
});

interface Opened {
  readonly id: string;
  readonly headers: { readonly "session-token": string };
}

async function openSession(http: Http, timeoutMs: number): Promise<Opened> {
  const opened = await http.post("/v1/sessions", { json: { timeoutMs } });
  const { id, token } = opened.json<{ id: string; token: string }>();
  return { id, headers: { "session-token": token } };
}

async function ephemeral(http: Http, path: string, { headers }: Opened): Promise<void> {
  const made = await http.post(`/v1/znodes${path}`, { query: "ephemeral=true", headers });
  expect(made.status).toBe(201);
}

async function untilRefused(http: Http): Promise<void> {
  await expect
    .poll(async () => (await http.put("/v1/znodes/a", { body: "x".repeat(1000) })).status, {
      timeout: 20_000,
    })
    .toBe(503);
}

async function untilReady(http: Http): Promise<void> {
  await expect.poll(async () => (await http.get("/readyz")).status, { timeout: 20_000 }).toBe(200);
}

const describedAs503 = { status: 503, code: "read_only" };

test.runIf(canMount)(
  "sessions outlive a disk that is full for many times their timeout; who is silent ends; it heals by itself [G4, L2]",
  async ({ disk, serve }) => {
    const server = await serve();
    const http = new Http(server.url);
    for (const name of ["a", "b", "c"]) await http.post(`/v1/znodes/${name}`);
    // The one that is kept may be silent for a quarter of the time that passes until the other one ends.
    const kept = await openSession(http, 1_000);
    const silent = await openSession(http, 4_000);
    const closed = await openSession(http, 30_000);
    for (const [path, session] of [
      ["/kept", kept],
      ["/silent", silent],
      ["/closed", closed],
    ] as const)
      await ephemeral(http, path, session);
    disk.fill();
    await untilRefused(http);
    while ((await http.get("/v1/znodes/silent")).status === 200) {
      expect((await http.put(`/v1/sessions/${kept.id}`, { headers: kept.headers })).status).toBe(200);
      await pause(50);
    }
    const refused = await http.put("/v1/znodes/a", { body: "x" });
    expect(refused).toMatchObject(describedAs503);
    expect(refused.text).toMatch(/room|full/);
    expect(refused.header("retry-after")).toBe("5");
    expect((await http.get("/readyz")).text).toMatch(/room|full/);
    expect((await http.get("/livez")).status).toBe(200);
    expect(await http.post("/v1/sessions")).toMatchObject(describedAs503);
    expect((await http.get("/v1/znodes/kept")).status).toBe(200);
    expect((await http.delete("/v1/znodes/b")).status).toBe(204);
    expect((await http.delete(`/v1/sessions/${closed.id}`, { headers: closed.headers })).status).toBe(204);
    expect((await http.get("/v1/znodes/closed")).status).toBe(404);

    disk.free();
    const keeping = (async () => {
      while ((await http.get("/readyz")).status !== 200) {
        expect((await http.put(`/v1/sessions/${kept.id}`, { headers: kept.headers })).status).toBe(200);
        await pause(50);
      }
    })();
    await keeping;
    expect((await http.put("/v1/znodes/a", { body: "x" })).status).toBe(200);
    expect((await http.get("/v1/znodes/kept")).status).toBe(200);
    expect((await http.get("/v1/znodes/b")).status).toBe(404);
    expect((await http.put(`/v1/sessions/${silent.id}`, { headers: silent.headers })).status).toBe(410);
  },
);

test.runIf(canMount)(
  "a start on a full disk serves what needs no room, and heals by itself [G4, L2]",
  async ({ disk, serve }) => {
    const first = await serve();
    const before = new Http(first.url);
    for (const name of ["a", "b"]) await before.post(`/v1/znodes/${name}`, { body: "before" });
    const session = await openSession(before, 2_000);
    await ephemeral(before, "/member", session);
    disk.fill();
    await untilRefused(before);
    await first.kill();
    disk.fill();

    const next = await serve();
    const http = new Http(next.url);
    expect((await http.get("/v1/znodes/b", { query: "raw=true" })).text).toBe("before");
    expect((await http.put(`/v1/sessions/${session.id}`, { headers: session.headers })).status).toBe(200);
    await untilRefused(http);
    expect((await http.delete("/v1/znodes/b")).status).toBe(204);
    disk.free();
    while ((await http.get("/readyz")).status !== 200)
      expect((await http.put(`/v1/sessions/${session.id}`, { headers: session.headers })).status).toBe(200);
    expect((await http.put("/v1/znodes/a", { body: "x" })).status).toBe(200);
    expect((await http.get("/v1/znodes/member")).status).toBe(200);
    expect((await http.get("/v1/znodes/b")).status).toBe(404);
    await next.terminate();
  },
);

test.runIf(canMount)(
  "a start after a clean stop gives up the ballast for what it takes; without one it says what is missing",
  async ({ disk, data, serve }) => {
    const first = await serve();
    expect((await new Http(first.url).post("/v1/znodes/a", { body: "before" })).status).toBe(201);
    await first.terminate();
    disk.fill();
    const second = await serve();
    const http = new Http(second.url);
    expect((await http.get("/v1/znodes/a", { query: "raw=true" })).text).toBe("before");
    await untilRefused(http);
    expect((await http.get("/v1/znodes/a")).status).toBe(200);
    await second.terminate();
    disk.fill();
    const command: [string, ...string[]] = [...disk.entry, ...direct];
    const { code, logs } = await ServerProcess.runToEnd({ dataDir: data, args: settings, command });
    expect([code, logs.at(-1)?.msg]).toEqual([
      1,
      `could not start: The disk of ${data} is full; make room on it, then start again.`,
    ]);
    disk.free();
    const last = new Http((await serve()).url);
    expect((await last.put("/v1/znodes/a", { body: "after" })).status).toBe(200);
  },
);

test.runIf(canMount)(
  "a first start without any room ends with a sentence, and leaves a directory that the next one takes",
  async ({ disk, data, serve }) => {
    disk.fill();
    const command: [string, ...string[]] = [...disk.entry, ...direct];
    const { code, logs, stderr } = await ServerProcess.runToEnd({ dataDir: data, args: settings, command });
    expect(code).toBe(1);
    expect(`${stderr}${logs.map(({ msg }) => msg).join()}`).toMatch(/disk|space|ENOSPC/);
    disk.free();
    const server = await serve();
    expect((await new Http(server.url).post("/v1/znodes/a")).status).toBe(201);
  },
);

test.runIf(canMount)(
  "the log of the process and the audit log on the same full disk cost nothing but lines, and go on by themselves",
  async ({ disk, data, dataDir }) => {
    mkdirSync(disk.seen("logs"));
    const port = await freePort();
    const [program, ...entry] = disk.entry;
    const log = join(dataDir, "logs", "server.log");
    const audit = join(dataDir, "logs", "audit.jsonl");
    const args = [
      "--port",
      port,
      "--data-dir",
      data,
      "--audit-file",
      audit,
      "--log-level",
      "debug",
      ...settings,
    ];
    const script = 'log=$1; shift; exec "$@" >>"$log" 2>&1';
    const child = spawn(program, [...entry, "sh", "-c", script, "sh", log, ...direct, ...args], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    try {
      const http = new Http(`http://127.0.0.1:${port}`);
      await expect
        .poll(
          () =>
            http.get("/livez").then(
              ({ status }) => status,
              () => 0,
            ),
          { timeout: 30_000 },
        )
        .toBe(200);
      await http.post("/v1/znodes/a");
      for (let number = 0; number < 20; number += 1) await http.post(`/v1/znodes/n${number}`);
      disk.fill();
      await untilRefused(http);
      for (let number = 0; number < 20; number += 1)
        expect((await http.delete(`/v1/znodes/n${number}`)).status).toBe(204);
      disk.free();
      await untilReady(http);
      expect((await http.put("/v1/znodes/a", { body: "healed" })).status).toBe(200);
      const sizeOf = () => statSync(disk.seen("logs", "server.log")).size;
      const size = sizeOf();
      await http.get("/v1/znodes/a");
      await expect.poll(sizeOf, { timeout: 10_000 }).toBeGreaterThan(size);
      const audited = () =>
        readFileSync(disk.seen("logs", "audit.jsonl"), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { path?: string; operation?: string });
      await expect.poll(() => audited().filter(({ path }) => /^\/n\d+$/.test(path ?? "")).length).toBe(40);
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  },
);
