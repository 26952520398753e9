// Sessions over real networks and real pauses: the old master stops in time by itself, and what it sends too late is
// refused.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Client, type Session, type SessionState } from "../../src/client/index.ts";
import { test } from "../client/proxied.ts";

const masterScript = fileURLToPath(new URL("../client/master.ts", import.meta.url));

function statesOf(session: Session): { told: SessionState[]; until: (state: SessionState) => Promise<void> } {
  const told: SessionState[] = [];
  const waiting = new Map<SessionState, () => void>();
  session.onStateChanged((state) => {
    told.push(state);
    waiting.get(state)?.();
  });
  return { told, until: (state) => new Promise((resolve) => waiting.set(state, resolve)) };
}

/** The end of a znode, as watchers are told. */
async function endOf(client: Client, path: string, sinceZxid: number) {
  for await (const message of client.watch({ paths: [path], types: ["deleted"], sinceZxid, once: true })) {
    if (message.type === "change") return message;
  }
  throw new Error("the watch ended");
}

test("a session lives on by itself for as long as it is open, and its ephemerals with it [N7, N14]", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const session = await client.openSession({ timeoutMs: 3000 });
  const { told } = statesOf(session);
  const { zxid } = await session.create("/e", "", { mode: { kind: "ephemeral" } });
  const later = await client.get("/e", { waitAfterZxid: zxid, waitMs: 4500 });
  expect([later.zxid, later.stat.ephemeralOwner]).toEqual([zxid, session.id]);
  // On a busy machine an answer may be late; never is the session given up.
  expect(told.filter((state) => state === "lost" || state === "closed")).toEqual([]);
  await session.close();
  expect(await client.exists("/e")).toBeUndefined();
});

test("a restart of the server suspends a session and does not end it [N13, N15]", async ({
  serve,
  start,
}) => {
  const { server, proxy } = await serve();
  const client = new Client({ endpoint: proxy.url });
  // Long enough for a server to start again on a busy machine.
  const session = await client.openSession({ timeoutMs: 18_000 });
  const { told, until } = statesOf(session);
  await session.create("/e", "", { mode: { kind: "ephemeral" } });
  const [suspended, connected] = [until("suspended"), until("connected")];
  await server.kill();
  await suspended;
  expect(session.isValid()).toBe(true);
  proxy.leadTo((await start()).url);
  await connected;
  expect(told).toEqual(["suspended", "connected"]);
  expect(await client.exists("/e")).toMatchObject({ ephemeralOwner: session.id });
  await session.close();
});

test("a holder that is cut off stops before the server gives its place away, and its late write is refused [N14, N15]", async ({
  serve,
}) => {
  const { server, proxy } = await serve();
  const session = await new Client({ endpoint: proxy.url }).openSession({ timeoutMs: 2000 });
  const { told, until } = statesOf(session);
  const master = await session.create("/master", "", { mode: { kind: "ephemeral" } });
  const direct = new Client({ endpoint: server.url });
  await direct.create("/work");
  const gone = endOf(direct, "/master", master.zxid);
  const lost = until("lost");
  proxy.goDark();
  await lost;
  expect(session.isValid()).toBe(false);
  // The server ends no session early: at this moment nobody else can be master.
  expect(await direct.exists("/master")).toBeDefined();
  expect(told).toEqual(["suspended", "expiring", "lost"]);
  await expect(session.set("/work", "late")).rejects.toMatchObject({ end: "unconfirmed" });
  expect((await gone).cause).toBe("session_expired");
  const fences = [{ path: master.path, czxid: master.stat.czxid }];
  await expect(direct.set("/work", "too late", { fences })).rejects.toMatchObject({ code: "fence_stale" });
  expect((await direct.get("/work")).data.text()).toBe("");
});

test("a master that was stopped and goes on finds out before it acts, and its late write is refused [N14]", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  await client.create("/work");
  await withMaster([server.url, "2000"], async (child, lines) => {
    const { czxid } = JSON.parse((await lines.next()).value as string) as { czxid: number };
    const gone = endOf(client, "/master", czxid);
    child.kill("SIGSTOP");
    const { cause, timeMs } = await gone;
    expect(cause).toBe("session_expired");
    child.kill("SIGCONT");
    const end = JSON.parse((await lines.next()).value as string);
    expect(end).toMatchObject({ state: "lost", end: "unconfirmed", lateWrite: "fence_stale" });
    expect(end.actedAtMs).toBeLessThan(timeMs);
  });
  expect((await client.get("/work")).data.text()).not.toBe("too late");
});

test("a master that was stopped for a moment goes on, after the server has said that it may [N14]", async ({
  serve,
}) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  await client.create("/work");
  await withMaster([server.url, "9000"], async (child, lines) => {
    const { zxid } = JSON.parse((await lines.next()).value as string) as { zxid: number };
    child.kill("SIGSTOP");
    // A pause that is longer than a sixth of its time, which it must notice, and well within its time.
    await client.get("/master", { waitAfterZxid: zxid, waitMs: 2000 });
    child.kill("SIGCONT");
    const told = [(await lines.next()).value, (await lines.next()).value].map((line) =>
      JSON.parse(line as string),
    );
    expect(told).toEqual([{ state: "suspended" }, { state: "connected" }]);
  });
});

/** A process that is master, and the lines it says. */
async function withMaster(
  args: readonly string[],
  watchOver: (child: ChildProcess, lines: AsyncIterator<string>) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [masterScript, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  try {
    const output = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    await watchOver(child, output[Symbol.asyncIterator]());
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
