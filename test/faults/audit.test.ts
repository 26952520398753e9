// The audit log of a server as an operator starts it: in its file from the first write to the last, whatever ends it.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { readDocument } from "../support/markdown.ts";
import { test as base, direct, ServerProcess } from "../support/process.ts";
import { canMount, onSmallDisk } from "../support/small-disk.ts";

type Line = Readonly<Record<string, unknown>>;

/** The data directory beside it is the store's alone. */
const test = base.extend<{ file: string; startAudited: (...args: string[]) => Promise<ServerProcess> }>({
  file: async ({ dataDir }, use) => use(join(dataDir, "audit.jsonl")),
  startAudited: async ({ dataDir, file }, use) => {
    const servers: ServerProcess[] = [];
    await use(async (...args) => {
      const audited = ["--audit-file", file, ...args];
      const server = await ServerProcess.start({ dataDir: join(dataDir, "data"), args: audited });
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.kill();
  },
});

function linesOf(file: string): Line[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

test("everything that is to be noted is in the file when the service has ended, and no secret is", async ({
  file,
  startAudited,
}) => {
  const server = await startAudited();
  const http = new Http(server.url);
  const open = async (timeoutMs: number) =>
    (await http.post("/v1/sessions", { json: { timeoutMs, name: "n" } })).json<
      Record<"id" | "token", string>
    >();
  const long = await open(60_000);
  const headers = { "session-token": long.token };
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers });
  await http.post("/v1/znodes/%1b%5b2J%e2%80%ae%0a", {
    body: "the-data",
    headers: {
      "idempotency-key": "the-key",
      authorization: "Bearer the-credential",
      cookie: "the-credential",
    },
  });
  await http.put("/v1/quotas/e", { json: { countMax: 5 } });
  await http.post("/v1/locks/jobs/claims", { json: {}, headers });
  await http.delete("/v1/locks/jobs/claims/x-0000000000", { query: "force=true" });
  await http.post("/v1/znodes/a", { headers: { origin: "https://evil.example" } });
  await http.delete(`/v1/sessions/${long.id}`, { headers });
  const short = await open(1000);
  await server.logged("a session expired");
  expect((await server.terminate()).code).toBe(0);

  const lines = linesOf(file);
  const events = lines.map(({ event, operation, cause }) => `${event} ${operation ?? cause}`);
  expect(events).toEqual([
    ...["write openSession", "write createZnode", "write createZnode", "admin setQuota"],
    ...["write claimLock", "forced_release releaseClaim", "forbidden createZnode"],
    ...["session_ended session_closed", "write closeSession"],
    ...["write openSession", "session_ended session_expired"],
  ]);
  for (const { at } of lines) expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const [closed, closing, opened, expired] = lines.slice(-4) as [Line, Line, Line, Line];
  expect(closed).toMatchObject({ session: long.id, ephemerals: 1, zxid: closing.zxid });
  expect(closing).toMatchObject({ session: long.id, by: "anyone", address: "127.0.0.1", status: 204 });
  expect(expired).toMatchObject({ session: short.id, ephemerals: 0, by: "system" });
  expect(opened).toMatchObject({ session: short.id, zxid: (expired.zxid as number) - 1 });
  const text = readFileSync(file, "utf8");
  const secrets = [short.token, long.token, "the-data", "the-key", "the-credential"];
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect(text).toMatch(/^[\x20-\x7e\n]*$/);
  expect(text).toContain("\\u001b[2J\\u202e\\n");
  const documented = readDocument("docs/audit.md");
  const words = lines.flatMap((line) => [...Object.keys(line), line.event as string]);
  expect(words.filter((word) => !documented.includes(`\`${word}\``))).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("after a kill every line but the last is whole, and the next start goes on behind it", async ({
  file,
  startAudited,
}) => {
  const server = await startAudited("--audit-sync", "none");
  const http = new Http(server.url);
  let isKilled = false;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let number = 0; !isKilled; number += 1) {
      await http.post(`/v1/znodes/w${writer}-${number}`).catch(() => null);
      if (writer === 0 && number === 50) {
        isKilled = true;
        await server.kill();
      }
    }
  });
  await Promise.all(writers);
  const text = readFileSync(file, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n")).split("\n");
  expect(whole.length).toBeGreaterThan(50);
  for (const line of whole) expect(JSON.parse(line)).toMatchObject({ event: "write" });
  const next = await startAudited();
  await new Http(next.url).post("/v1/znodes/after");
  await next.terminate();
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ path: "/after" });
  expect(lines.slice(0, whole.length)).toEqual(whole);
});

test.runIf(canMount)(
  "a full disk under it costs no write, and nothing is lost that waits until there is room",
  async ({ dataDir }) => {
    const disk = join(dataDir, "disk");
    mkdirSync(disk);
    const args = ["--audit-file", join(disk, "audit.jsonl"), "--audit-bytes-max", "64KiB"];
    const command: [string, ...string[]] = [...onSmallDisk(disk, 1), ...direct];
    const server = await ServerProcess.start({ dataDir: join(dataDir, "data"), args, command });
    try {
      // The disk as the server sees it.
      const seen = join("/proc", String(server.pid), "root", disk);
      writeFileSync(join(seen, "filler"), Buffer.alloc(1_048_576 - 100_000));
      const http = new Http(server.url);
      const transact = async (round: number) => {
        const operations = Array.from({ length: 100 }, (_, n) => ({ op: "create", path: `/r${round}-${n}` }));
        expect((await http.post("/v1/transactions", { json: { operations } })).status).toBe(200);
      };
      let rounds = 0;
      for (; !server.hasLogged("the audit log cannot be written"); rounds += 1) await transact(rounds);
      for (const after = rounds + 5; rounds < after; rounds += 1) await transact(rounds);
      rmSync(join(seen, "filler"));
      await server.logged("the audit log is written again");
      const files = readdirSync(seen).sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
      const lines = files.flatMap((name) => linesOf(join(seen, name)));
      expect(lines.map(({ operations }) => (operations as Line[])[0]?.path)).toEqual(
        Array.from({ length: rounds }, (_, round) => `/r${round}-0`),
      );
      expect((await server.terminate()).code).toBe(0);
    } finally {
      await server.kill();
    }
  },
);

test("without being asked for there is none", async ({ dataDir }) => {
  const server = await ServerProcess.start({ dataDir: join(dataDir, "data") });
  await new Http(server.url).post("/v1/znodes/a");
  await server.terminate();
  expect(readdirSync(dataDir)).toEqual(["data"]);
  for (const name of readdirSync(join(dataDir, "data")))
    expect(readFileSync(join(dataDir, "data", name)).includes('"event":"write"')).toBe(false);
});

test("a file that must not be written ends the start with a sentence, before there is a store", async ({
  dataDir,
  file,
}) => {
  symlinkSync("/dev/null", file);
  const args = ["--audit-file", file];
  const linked = await ServerProcess.runToEnd({ dataDir: join(dataDir, "data"), args });
  expect([linked.code, linked.logs.map(({ msg }) => msg)]).toEqual([
    1,
    [`could not start: The audit file ${file} is a link; the service writes through none.`],
  ]);
  const within = await ServerProcess.runToEnd({ dataDir, args });
  expect([within.code, within.stderr]).toEqual([
    1,
    expect.stringMatching(/^error: .* may not be in the data directory, which is the store's alone\.\n$/),
  ]);
  expect(existsSync(join(dataDir, "data"))).toBe(false);
});
