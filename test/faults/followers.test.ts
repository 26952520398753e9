// Servers that follow another: what they show, what they pass on, and what becomes of them when one of the two dies, is put
// back to an earlier moment, or does not come back.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import Sqlite from "better-sqlite3";
import { describe, expect } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openUpstream } from "../../src/store/upstream/open-upstream.ts";
import { readDocument } from "../support/markdown.ts";
import { freePorts } from "../support/ports.ts";
import { cliFile } from "../support/programs.ts";
import { type Place, test, treekeeper } from "./followed.ts";

/** As a start that ends before the database is open. */
async function beginAndGoNoFurther({ dataDir }: Place, { url }: Place): Promise<void> {
  const settings = { follow: url, followTokenFile: "", followCa: "" };
  const surroundings = { clock: systemClock, onWaiting() {}, signal: new AbortController().signal };
  const { begin } = await openUpstream(settings, surroundings);
  await begin(dataDir, { allowUnsafeFilesystem: false });
}

interface Opened {
  readonly id: string;
  readonly token: string;
}

async function openSession(place: Place, timeoutMs = 60_000): Promise<Opened> {
  return (await place.http.post("/v1/sessions", { json: { timeoutMs } })).json<never>();
}

function acting({ token }: Opened) {
  return { headers: { "session-token": token } };
}

/** So many, one after the other. */
async function write(place: Place, count: number, body = "x"): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await place.http.post("/v1/znodes/n-", { query: "sequential=true", body });
}

/** The whole tree as it is shown, with versions and zxids. */
async function treeOf({ http }: Place): Promise<string> {
  return (await http.get("/v1/export")).text;
}

async function untilSame(one: Place, other: Place): Promise<void> {
  await one.until(
    async () => (await one.http.post("/v1/sync")).zxid === (await other.http.post("/v1/sync")).zxid,
  );
  expect(await treeOf(one)).toBe(await treeOf(other));
}

/** The server is put back to where it was before the follower heard the last that it has. */
async function putBackUnder(follower: Place, upstream: Place): Promise<void> {
  await write(upstream, 3);
  await upstream.server?.terminate();
  const old = `${upstream.dataDir}-old`;
  cpSync(upstream.dataDir, old, { recursive: true });
  await upstream.start();
  await write(upstream, 5);
  await follower.until(async () => (await follower.http.get("/v1/znodes/n-0000000007")).status === 200);
  await upstream.server?.kill();
  rmSync(upstream.dataDir, { recursive: true });
  cpSync(old, upstream.dataDir, { recursive: true });
  rmSync(old, { recursive: true });
  expect((await treekeeper("restore", "--rolled-back", "--data-dir", upstream.dataDir)).code).toBe(0);
  await upstream.start();
}

const smallRing = ["--recent-entries-bytes-max", "4KiB"];
const beganAnew = "began with a backup of the server that is followed";

describe("a follower", () => {
  test("shows what was written over there, and what is written through it at once, under the same numbers", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair();
    const created = await follower.http.put("/v1/znodes/colour", { query: "upsert=true", body: "green" });
    expect(await follower.data("/colour")).toBe("green");
    const [here, there] = [
      await follower.http.get("/v1/data/colour"),
      await upstream.http.get("/v1/data/colour"),
    ];
    expect(here.header("etag")).toBe(there.header("etag"));
    expect(created.zxid).toBe(there.zxid);
    const stale = await follower.http.put("/v1/znodes/colour", {
      headers: { "if-match": '"7-7"' },
      body: "red",
    });
    expect(stale.code).toBe("bad_version");
    await untilSame(follower, upstream);
    expect((await follower.http.get("/readyz", { query: "verbose" })).text).toMatch(/\[\+\] followed ok/);
  });

  test("takes up a stream where another server left it, without a gap", async ({ pair }) => {
    const { upstream, follower } = await pair();
    const query = "path=/&scope=subtree";
    const first = await upstream.http.stream("/v1/watch", { query });
    await first.untilEvent("synced");
    await write(upstream, 3);
    await first.untilChanges(3);
    first.close();
    await write(upstream, 5);
    const second = await follower.http.stream("/v1/watch", {
      query,
      headers: { "last-event-id": first.lastId ?? "" },
    });
    await write(follower, 2);
    const told = await second.untilChanges(7);
    second.close();
    expect(second.named("reset")).toEqual([]);
    const names = [...first.changes, ...told].filter((change) => change.startsWith("created"));
    expect(names).toEqual(
      Array.from({ length: 10 }, (_, index) => `created /n-${String(index).padStart(10, "0")}`),
    );
  });

  test("keeps sessions and locks as the server itself, and refuses a master that was deposed", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair();
    const master = await openSession(follower, 1000);
    const claim = await follower.http.post("/v1/locks/l/claims", { json: { waitMs: 0 }, ...acting(master) });
    const { fenceHeader } = claim.json<{ fenceHeader: string }>();
    const fenced = () =>
      follower.http.put("/v1/znodes/guarded", {
        query: "upsert=true",
        headers: { fence: fenceHeader },
        body: "x",
      });
    expect((await fenced()).status).toBe(201);
    // Reads that act for a session are heard of where its silence is measured: for three times its timeout there is nothing else.
    for (let index = 0; index < 12; index += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect((await follower.http.get("/v1/znodes/guarded", acting(master))).status).toBe(200);
    }
    const next = await openSession(upstream);
    const waiting = upstream.http.post("/v1/locks/l/claims", { json: { waitMs: 20_000 }, ...acting(next) });
    expect((await waiting).json()).toMatchObject({ state: "held" });
    expect((await fenced()).code).toBe("fence_stale");
    expect((await follower.http.get("/v1/znodes/guarded", acting(master))).code).toBe("session_expired");
  });

  test("goes on when the server it follows was killed and is back, and says meanwhile that it cannot reach it", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair();
    await write(upstream, 3);
    await follower.until(async () => (await follower.http.get("/v1/znodes/n-0000000002")).status === 200);
    await upstream.server?.kill();
    await follower.server?.logged("the log cannot be reached");
    const refused = await follower.http.put("/v1/znodes/n-0000000000", { body: "y" });
    expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "suspended", "1"]);
    await upstream.start();
    await follower.server?.logged("the log takes writes again");
    await write(follower, 3);
    await untilSame(follower, upstream);
    expect(follower.server?.hasLogged("the store failed")).toBe(false);
  });

  test("that was killed goes on from its own tables", async ({ pair }) => {
    const { upstream, follower } = await pair();
    await write(follower, 5);
    await follower.server?.kill();
    await write(upstream, 5);
    const { logs } = await follower.start();
    expect(logs.some(({ msg }) => msg === beganAnew)).toBe(false);
    await untilSame(follower, upstream);
  });

  test("that was off for longer than entries are kept begins with a backup", async ({ pair }) => {
    const { upstream, follower } = await pair({ upstream: smallRing });
    await follower.server?.terminate();
    await write(upstream, 30);
    const { logs } = await follower.start();
    expect(logs.some(({ msg }) => msg === beganAnew)).toBe(true);
    await untilSame(follower, upstream);
    expect(readdirSync(follower.dataDir).filter((name) => name.startsWith("replaced"))).toEqual([]);
  });

  test("may itself be followed", async ({ pair, place }) => {
    const { upstream, follower } = await pair();
    const third = await place("--follow", follower.url);
    await third.start();
    await third.http.put("/v1/znodes/far", { query: "upsert=true", body: "x" });
    expect(await third.data("/far")).toBe("x");
    await untilSame(third, upstream);
  });

  test("has to show a token that may all, and its readers one of theirs", async ({ place }) => {
    const upstream = await place();
    const init = await treekeeper("token", "init", "--data-dir", upstream.dataDir);
    const secret = /tk_\S+/.exec(init.stdout + init.stderr)?.[0] ?? "";
    await upstream.start();
    const bare = await place("--follow", upstream.url);
    expect(await bare.failedStart()).toMatch(/^1: could not start/);
    const file = join(bare.dataDir, "..", `token-${process.pid}`);
    writeFileSync(file, `${secret}\n`, { mode: 0o644 });
    const args = ["--follow", upstream.url, "--follow-token-file", file];
    expect(await bare.failedStart(args)).toMatch(/can be opened by others: chmod 600/);
    rmSync(file);
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    const follower = await place(...args);
    await follower.start();
    rmSync(file);
    expect((await follower.http.get("/v1/znodes")).code).toBe("unauthenticated");
    expect((await follower.http.put("/v1/znodes/a", { query: "upsert=true" })).code).toBe("unauthenticated");
    const headers = { authorization: `Bearer ${secret}` };
    expect((await follower.http.put("/v1/znodes/a", { query: "upsert=true", headers })).status).toBe(201);
    expect((await follower.http.get("/v1/znodes/a", { headers })).status).toBe(200);
  });

  test("begins anew when the server it follows was put back to an earlier moment, and keeps what it had", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair();
    await putBackUnder(follower, upstream);
    // Past where the follower was.
    await write(upstream, 20);
    expect(await follower.server?.exit).toMatchObject({ code: 74 });
    await follower.start();
    await untilSame(follower, upstream);
    const [kept = ""] = readdirSync(follower.dataDir).filter((name) => name.startsWith("replaced-"));
    expect(existsSync(join(follower.dataDir, kept, "treekeeper.db"))).toBe(true);
  });

  test("keeps what it had of another past, be it that it was late too, and that the start was broken off", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair({ upstream: smallRing });
    await putBackUnder(follower, upstream);
    await follower.server?.terminate();
    // What is in memory over there does not reach back to where the follower was.
    await write(upstream, 60);
    await beginAndGoNoFurther(follower, upstream);
    const { logs } = await follower.start();
    const { keptAt = "" } = (logs as { keptAt?: string }[]).find((line) => line.keptAt !== undefined) ?? {};
    await untilSame(follower, upstream);
    const kept = new Sqlite(join(keptAt, "treekeeper.db"), { readonly: true });
    const count = kept.prepare("SELECT count(*) FROM znode WHERE path LIKE '/n-%'").pluck().get();
    kept.close();
    expect(count).toBe(8);
    expect(readdirSync(follower.dataDir).filter((name) => name.startsWith("replaced"))).toHaveLength(1);
  });

  test("that takes nothing is ended, and what it would have been sent is not kept for it", async ({
    place,
  }) => {
    const upstream = await place(...["--recent-entries-bytes-max", "1MiB"]);
    await upstream.start();
    const answer = await new Promise<IncomingMessage>((resolve) =>
      request(`${upstream.url}/v1/admin/log?after=0`, resolve).end(),
    );
    const ended = once(answer, "close").catch(() => {});
    answer.on("error", () => {});
    answer.pause();
    expect(await upstream.metric("treekeeper_followers")).toBe(1);
    const body = "x".repeat(512 * 1024);
    await upstream.http.put("/v1/znodes/large", { query: "upsert=true", body });
    for (let index = 0; index < 40; index += 1) await upstream.http.put("/v1/znodes/large", { body });
    expect(await upstream.metric("treekeeper_recent_entry_bytes")).toBeLessThan(1024 ** 2);
    // Once it reads on it finds the end.
    answer.resume();
    await ended;
    await upstream.until(async () => (await upstream.metric("treekeeper_followers")) === 0);
  });
});

test("docs/followers.md: its ten minutes on one machine are as it says", async ({ place }) => {
  const [folder, bin] = [(await place()).dataDir, (await place()).dataDir];
  writeFileSync(join(bin, "treekeeper"), `#!/bin/sh\nexec "${process.execPath}" "${cliFile}" "$@"\n`, {
    mode: 0o755,
  });
  const [section = ""] = readDocument("docs/followers.md").split("## Setting one up");
  const blocks = Array.from(section.matchAll(/```sh\n(.*?)```/gs), ([, block]) => block);
  const [one = "", two = ""] = await freePorts(2);
  const script = ["set -e", ...blocks].join("\n").replaceAll("2281", one).replaceAll("2282", two);
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    TREEKEEPER_BALLAST_BYTES: "65536",
    TREEKEEPER_LOG_LEVEL: "warn",
  };
  const shell = spawn("bash", ["-c", script], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // What it has started belongs to its group, and ends with it where it does not end by itself.
  const tooLong = setTimeout(() => process.kill(-(shell.pid as number), "SIGKILL"), 100_000);
  const [out, err, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, "close"),
  ]);
  clearTimeout(tooLong);
  expect([code, out.match(/green/g)?.length], `${out}${err}`).toEqual([0, 2]);
});

describe("the directory of a follower", () => {
  test("is promoted when the server it followed is gone: what was held before is refused", async ({
    pair,
  }) => {
    const { upstream, follower } = await pair();
    const session = await openSession(follower);
    const claim = await follower.http.post("/v1/locks/l/claims", { json: { waitMs: 0 }, ...acting(session) });
    const { fenceHeader } = claim.json<{ fenceHeader: string }>();
    await write(follower, 3);
    const stream = await follower.http.stream("/v1/watch", { query: "path=/&scope=subtree" });
    await stream.untilEvent("synced");
    const busy = await treekeeper("promote", "--data-dir", follower.dataDir);
    expect([busy.code, busy.stderr]).toEqual([1, expect.stringContaining("is in use by another process")]);
    await follower.server?.terminate();
    await upstream.server?.kill();
    expect(await follower.failedStart([])).toMatch(/follows another server .*treekeeper promote --data-dir/);
    const rolledBack = await treekeeper("restore", "--rolled-back", "--data-dir", follower.dataDir);
    expect(rolledBack.stderr).toMatch(/follows another server.*treekeeper promote/s);

    const promoted = await treekeeper("promote", "--data-dir", follower.dataDir);
    expect([promoted.code, promoted.stdout]).toEqual([0, expect.stringMatching(/follows nobody any more/)]);
    await follower.start([]);
    const own = follower;
    expect(await own.data("/n-0000000002")).toBe("x");
    const late = await own.http.put("/v1/znodes/late", {
      query: "upsert=true",
      headers: { fence: fenceHeader },
    });
    expect(late.code).toBe("fence_stale");
    expect((await own.http.put(`/v1/sessions/${session.id}`, acting(session))).code).toBe("session_expired");
    const resumed = await own.http.stream("/v1/watch", {
      query: "path=/&scope=subtree",
      headers: { "last-event-id": stream.lastId ?? "" },
    });
    await resumed.untilEvent("reset");
    for (const open of [stream, resumed]) open.close();
    await own.server?.terminate();
    const again = await treekeeper("promote", "--data-dir", follower.dataDir);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("follows nobody")]);
    await upstream.start();
    expect(await follower.failedStart()).toMatch(/has a store of its own/);
  });

  test("is none that is empty, or that has a store of its own", async ({ place }) => {
    const own = await place();
    expect((await treekeeper("promote", "--data-dir", own.dataDir)).stderr).toMatch(/no server has followed/);
    await own.start();
    await write(own, 1);
    await own.server?.terminate();
    const { code, stderr } = await treekeeper("promote", "--data-dir", own.dataDir);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is a store of its own already")]);
    const other = await place();
    await other.start();
    expect(await own.failedStart(["--follow", other.url])).toMatch(/has a store of its own/);
  });

  test("follows no other cluster, and no server itself", async ({ pair, place }) => {
    const { follower } = await pair();
    await follower.server?.terminate();
    const other = await place();
    await other.start();
    expect(await follower.failedStart(["--follow", other.url])).toMatch(
      /follows cluster .* with an empty one/,
    );
    const itself = await place("--follow", `http://localhost:${new URL(other.url).port}`);
    const port = ["--port", new URL(other.url).port];
    const { stderr } = await treekeeper(
      "serve",
      "--data-dir",
      itself.dataDir,
      ...port,
      "--follow",
      other.url,
    );
    expect(stderr).toMatch(/is where this server listens itself/);
  });
});
