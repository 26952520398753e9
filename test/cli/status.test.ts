// `treekeeper status`, `locks` and `session ended`: what a person is told of a service that is ready, that is not, that keeps
// its figures to admins, and that is not there.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { layFirstToken } from "../../src/access/first-token.ts";
import { statusRows } from "../../src/cli/status-rows.ts";
import { inBytes, inTime, shellWord } from "../../src/cli/words.ts";
import type { ServiceStats } from "../../src/client/index.ts";
import { readDocument } from "../support/markdown.ts";
import { freePort } from "../support/ports.ts";
import type { ServerProcess } from "../support/process.ts";
import { CliProcess, ownTest, test } from "./fixture.ts";

test("a service that is ready is shown on one screen, as the operator's page has it, and ends it with 0", async ({
  cli,
  run,
  server,
}) => {
  const [shown, asJson] = await Promise.all([run("status"), cli(["status", "--json"]).ended]);
  expect([shown.code, shown.stderr, asJson.code]).toEqual([0, "", 0]);
  const lines = shown.stdout.trim().split("\n");
  expect(lines[0]).toMatch(/^treekeeper \d+\.\d+\.\d+ at http:\/\/127\.0\.0\.1:\d+ is ready$/);
  const page = /```console\n([\s\S]*?)```/.exec(readDocument("docs/operations.md"))?.[1] ?? "";
  expect(labelsIn(shown.stdout)).toEqual(labelsIn(page));
  expect(lines.length).toBeLessThan(24);
  const json = JSON.parse(asJson.stdout) as { readiness: { ready: boolean }; stats: object };
  expect(json.readiness.ready).toBe(true);
  expect(json.stats).toMatchObject({ tree: { znodes: expect.any(Number) }, storage: expect.any(Object) });
  expect(server.logs.filter(({ level }) => level === "error")).toEqual([]);
});

test("of a follower it is said how far it is behind, and of whoever is followed by how many", async ({
  cli,
}) => {
  const { stdout } = await cli(["status", "--json"]).ended;
  const { stats } = JSON.parse(stdout) as { readonly stats: ServiceStats };
  const followed = { lagEntries: 2, lagMs: 1500 };
  const followers = { count: 1, keptEntries: 9, keptBytes: 2048 };
  const rows = new Map(statusRows({ ...stats, followed, followers }));
  expect(rows.get("follows")).toBe("2 entries behind, as it was 1 s ago");
  expect(rows.get("followers")).toBe("1; 2 KiB of the log kept for them");
  expect([...new Map(statusRows(stats)).keys()]).not.toContain("followers");
});

function labelsIn(screen: string): string[] {
  return Array.from(screen.matchAll(/^ {2}(\w+) {2,}/gm), ([, label]) => String(label));
}

/** A service that knows an admin, whose token is in a file. */
const accessTest = ownTest.extend<{ server: ServerProcess }>({
  server: async ({ dataDir, start }, use) => {
    const { secret } = layFirstToken(dataDir, "admin");
    writeFileSync(join(dataDir, "admin.token"), secret, { mode: 0o600 });
    await use(await start());
  },
});

accessTest(
  "who has no token is told whether it is ready, and how to see the rest",
  async ({ cli, dataDir }) => {
    const token = ["--token-file", join(dataDir, "admin.token")];
    const [without, withToken] = await Promise.all([cli(["status"]).ended, cli(["status", ...token]).ended]);
    expect([without.code, without.stdout]).toEqual([
      0,
      expect.stringMatching(/^treekeeper at http:\S+ is ready\n$/),
    ]);
    expect(without.stderr).toContain("Figures are shown to an admin: name an access token by --token-file");
    expect([withToken.code, withToken.stderr]).toEqual([0, ""]);
    expect(withToken.stdout).toContain("  znodes  ");
  },
);

test("without a service it ends with 69 and says so in a sentence", async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const { code, stdout, stderr } = await new CliProcess(["status"], { endpoint }).ended;
  expect([code, stdout, stderr]).toEqual([
    ...[69, "", `treekeeper: The connection to ${endpoint} failed. (ECONNREFUSED)\n`],
  ]);
});

test("a service that is not ready says why, and ends it with 1", async () => {
  const sinceMs = Date.now() - 90_000;
  const checks = [
    { name: "log", status: "ok", sentence: "It takes writes.", sinceMs },
    { name: "disk", status: "failed", sentence: "It does not answer.", cause: "\u001b[2Jit hangs", sinceMs },
  ];
  const server = createServer((request, response) => {
    const isReadiness = request.url?.startsWith("/readyz") === true;
    response.writeHead(isReadiness ? 503 : 401, {
      "content-type": isReadiness ? "application/json" : "application/problem+json",
    });
    response.end(
      JSON.stringify(isReadiness ? { ready: false, checks } : { code: "unauthenticated", detail: "Who?" }),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stdout } = await new CliProcess(["status"], { endpoint }).ended;
  server.close();
  expect(code).toBe(1);
  expect(stdout).toBe(
    `treekeeper at ${endpoint} is not ready\ndisk: It does not answer. (\\u001b[2Jit hangs) For 1 min 30 s.\n`,
  );
});

test("locks says who holds a lock and who waits", async ({ client, output, unique }) => {
  const [first, second] = await Promise.all(["web-1", ""].map((name) => client.openSession({ name })));
  if (first === undefined || second === undefined) throw new Error("there are two");
  const waits = Promise.withResolvers<unknown>();
  let later: Promise<unknown> = Promise.resolve();
  await first.withLock(unique, { metadata: { host: "a" } }, async ({ path, czxid, epoch }) => {
    later = second.withLock(unique, { waiting: waits.resolve }, () => {});
    await waits.promise;
    const [of, all] = await Promise.all([output("locks", unique), output("locks")]);
    const lines = of.split("\n");
    expect(lines[0]).toBe(`held  ${first.id}  web-1  ${path}@${czxid}.${epoch}  {"host":"a"}`);
    expect(lines[1]).toMatch(new RegExp(`^waiting 1  ${second.id}  -  /locks/${unique}/\\S+$`));
    expect(all).toContain(`${unique}  1 held  1 waiting\n`);
  });
  await later;
  await Promise.all([first.close(), second.close()]);
});

test("session ended says why one ended, and lists the last", async ({ client, output }) => {
  const session = await client.openSession({ name: "web-1" });
  await session.close();
  const [one, list] = await Promise.all([
    output("session", "ended", session.id),
    output("session", "ended", "--last", "1"),
  ]);
  expect(one).toMatch(
    new RegExp(
      `^session +${session.id}  web-1\\nwhy +It was closed on request\\.\\nopened +\\S+Z  by local\\n`,
    ),
  );
  expect(list).toMatch(new RegExp(`^${session.id}  closed  [^\\n]+web-1\\n$`));
});

test("figures are said as people say them", () => {
  expect([0, 1023, 1024, 31_008, 110_000_000, 5e12].map(inBytes)).toEqual([
    ...["0 bytes", "1023 bytes", "1 KiB", "30.3 KiB", "105 MiB", "4.5 TiB"],
  ]);
  expect([0, 999, 1000, 61_000, 3_600_000, 90_061_000].map(inTime)).toEqual([
    ...["0 ms", "999 ms", "1 s", "1 min 1 s", "1 h", "1 d 1 h"],
  ]);
});

test("a path in a command that is to be copied is one word to a shell", () => {
  expect(["/var/lib/a-1", "/中文 路径/a%2Fb", "it's", ""].map(shellWord)).toEqual([
    ...["/var/lib/a-1", "'/中文 路径/a%2Fb'", "'it'\\''s'", "''"],
  ]);
});

test("a session that is not known to have ended is not there", async ({ run }) => {
  expect(await run("session", "ended", "0123456789abcdef")).toMatchObject({ code: 3, stdout: "" });
});
