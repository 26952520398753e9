// The stall guard with nothing faked: the system's clock, a real socket, an event loop that is really blocked.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import { type Ended, Sessions } from "../../src/sessions/sessions.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { Store } from "../../src/store/store.ts";

const timeoutMs = 100;

async function startSessions(): Promise<Sessions> {
  const store = new Store({
    state: State.fresh(),
    position: { appliedLsn: 0, historyFloorZxid: 0 },
    log: new MemoryLog("stall-test"),
    clock: systemClock,
    limits: { ...defaultLimits, queueCommandsMax: 100, queueBytesMax: 1_000_000 },
  });
  await store.start();
  const sessions = new Sessions(store, { timeoutMsMin: timeoutMs });
  sessions.start();
  onTestFinished(async () => {
    sessions.stop();
    await store.close();
  });
  return sessions;
}

/** A connection to a server that takes each message for a request with that token. */
async function connectTo(sessions: Sessions): Promise<Socket> {
  const server = createServer((socket) => {
    socket.on("data", (token) => sessions.authenticate(token.toString()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  return socket;
}

function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The end of a session, and when it was told. */
function endOf(sessions: Sessions, id: string): Promise<Ended & { readonly atMs: number }> {
  return new Promise((resolve) => {
    sessions.onEnded(id, (ended) => resolve({ ...ended, atMs: performance.now() }));
  });
}

test("a request that waits in its socket while the process is blocked saves its session [N8]", async () => {
  const sessions = await startSessions();
  const socket = await connectTo(sessions);
  const heard = await sessions.open({ timeoutMs });
  const silent = await sessions.open({ timeoutMs });
  const order: string[] = [];
  const silentEnd = endOf(sessions, silent.session.id).then(() => order.push("silent"));
  const heardEnd = endOf(sessions, heard.session.id).then(() => order.push("heard"));
  sessions.authenticate(heard.token);
  sessions.authenticate(silent.token);
  socket.write(heard.token);
  blockEventLoop(10 * timeoutMs);
  await Promise.all([silentEnd, heardEnd]);
  expect(order).toEqual(["silent", "heard"]);
  expect(sessions.stats().stallsTotal).toBeGreaterThanOrEqual(1);
});

test("no session ends before its timeout is over [N8]", async () => {
  const sessions = await startSessions();
  const { session, token } = await sessions.open({ timeoutMs });
  const end = endOf(sessions, session.id);
  const touchedMs = performance.now();
  sessions.authenticate(token);
  expect((await end).reason).toBe("session_expired");
  expect((await end).atMs).toBeGreaterThan(touchedMs + timeoutMs);
});
