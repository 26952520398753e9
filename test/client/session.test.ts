import { expect } from "vitest";
import { type Client, RequestError, type Session, type SessionState } from "../../src/client/index.ts";
import { test } from "./fixture.ts";
import type { Exchange, ScriptedServer } from "./scripted-server.ts";

const opened = { id: "00000000000000a1", token: "secret", timeoutMs: 12_000, validForMs: 12_000 };
const alive = { id: opened.id, timeoutMs: 12_000, validForMs: 12_000, zxid: 7 };
/** When a keepalive goes out, as chance is one half. */
const keepaliveMs = 3600;

async function open(client: Client, server: ScriptedServer): Promise<Session> {
  const opening = client.openSession({ timeoutMs: 12_000, name: "web-1" });
  (await server.request()).reply(201, opened);
  return await opening;
}

function until(session: Session, wanted: SessionState): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.onStateChanged((state) => {
      if (state !== wanted) return;
      stop();
      resolve();
    });
  });
}

function goneProblem(exchange: Exchange): void {
  exchange.refuse(410, { code: "session_expired", detail: "The session is gone.", status: 410 });
}

test("a session is opened with a key, so that it is opened once", async ({ client, server, clock }) => {
  const opening = client.openSession({ timeoutMs: 12_000, name: "web-1" });
  const first = await server.request();
  expect([first.asked, await first.json()]).toEqual([
    "POST /v1/sessions",
    { timeoutMs: 12_000, name: "web-1" },
  ]);
  first.cut();
  (await clock.timer((ms) => ms === 100)).fire();
  const second = await server.request();
  expect(second.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
  expect(second.headers["idempotency-key"]).toBe(first.headers["idempotency-key"]);
  second.reply(201, opened);
  const session = await opening;
  expect([session.id, session.timeoutMs, session.state, session.isValid()]).toEqual([
    ...[opened.id, 12_000, "connected", true],
  ]);
});

test("a keepalive goes out within a third of the time, each counted from when the last was sent [N14]", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  for (let round = 1; round <= 3; round += 1) {
    clock.advance(keepaliveMs);
    const keepalive = await server.request();
    expect(keepalive.asked).toBe(`PUT /v1/sessions/${opened.id}`);
    expect(keepalive.headers["session-token"]).toBe("secret");
    clock.pause(500);
    keepalive.reply(200, alive);
    await clock.timer((ms) => ms === keepaliveMs - 500);
    expect([session.state, session.remainingMs()]).toEqual(["connected", 11_500]);
    clock.pause(-500);
  }
});

test("an answer that is missing suspends the session, and the answer resumes it [N15]", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  clock.advance(keepaliveMs);
  const keepalive = await server.request();
  clock.advance(1999);
  expect(session.state).toBe("connected");
  clock.advance(1);
  expect([session.state, session.isValid()]).toEqual(["suspended", true]);
  const connected = until(session, "connected");
  keepalive.reply(200, alive);
  await connected;
});

test("a session that hears nothing is suspended, then expiring, then lost for good, each told in time [N14]", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  const told: [SessionState, number][] = [];
  session.onStateChanged((state) => told.push([state, clock.now().monotonicMs]));
  clock.advance(keepaliveMs);
  await server.request();
  clock.advance(12_000 - keepaliveMs);
  expect(told).toEqual([
    ["suspended", keepaliveMs + 2000],
    ["expiring", 8000],
    ["lost", 12_000],
  ]);
  expect(session.isValid()).toBe(false);
  expect(session.lostSignal.reason).toMatchObject({ name: "SessionLostError", end: "unconfirmed" });
  clock.advance(100_000);
  expect([told.length, session.state, clock.timers.size]).toEqual([3, "lost", 0]);
});

test("a keepalive that fails is tried again soon, and only the server's word ends the session [N15]", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  clock.advance(keepaliveMs);
  const failures: ((exchange: Exchange) => void)[] = [
    (exchange) => exchange.cut(),
    (exchange) => exchange.refuse(503, { code: "stopping", detail: "It stops." }, { "Retry-After": "0.9" }),
    (exchange) => exchange.answer(502, "text/html", "<p>Bad gateway"),
    (exchange) => exchange.answer(200, "application/json", "{}"),
  ];
  for (const fail of failures) {
    fail(await server.request());
    const again = await clock.timer((ms) => ms === 450 || ms === 900);
    expect(session.state).toBe("suspended");
    again.fire();
  }
  const connected = until(session, "connected");
  (await server.request()).reply(200, alive);
  await connected;
});

test("a process that stood still finds out by asking, before any timer, and asks the server at once", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  clock.pause(2001);
  expect([session.state, session.isValid()]).toEqual(["suspended", true]);
  const connected = until(session, "connected");
  (await server.request()).reply(200, alive);
  await connected;
  clock.pause(12_000);
  expect([session.isValid(), session.state]).toEqual([false, "lost"]);
  expect(session.lostSignal.aborted).toBe(true);
});

test("a machine that slept finds out, whichever of its clocks went on", async ({ client, server, clock }) => {
  const session = await open(client, server);
  for (const slept of ["wallMs", "bootMs"] as const) {
    clock.move({ [slept]: 2001 });
    expect(session.state).toBe("suspended");
    const connected = until(session, "connected");
    (await server.request()).reply(200, alive);
    await connected;
  }
  clock.move({ bootMs: 12_000 });
  expect(session.state).toBe("lost");
});

test("a keepalive from before a gap is given up for one from after it", async ({ client, server, clock }) => {
  const session = await open(client, server);
  clock.advance(keepaliveMs);
  const before = await server.request();
  clock.pause(2001);
  expect(session.state).toBe("suspended");
  await before.closed;
  const connected = until(session, "connected");
  (await server.request()).reply(200, alive);
  await connected;
});

test("the server's word that the session is gone ends it at once, whoever hears it", async ({
  client,
  server,
  clock,
}) => {
  const byKeepalive = await open(client, server);
  clock.advance(keepaliveMs);
  const lost = until(byKeepalive, "lost");
  goneProblem(await server.request());
  await lost;
  expect(byKeepalive.lostSignal.reason).toMatchObject({ end: "expired" });

  const byRequest = await open(client, server);
  const creating = byRequest.create("/a", "", { mode: { kind: "ephemeral" } });
  goneProblem(await server.request());
  await expect(creating).rejects.toMatchObject({ name: "SessionLostError", end: "expired" });
  expect(byRequest.state).toBe("lost");
  expect(clock.timers.size).toBe(0);
});

test("what is done for a session carries its token, and is not sent once the session is over", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  const reading = session.get("/a");
  const exchange = await server.request();
  expect(exchange.headers["session-token"]).toBe("secret");
  clock.pause(12_000);
  expect(session.isValid()).toBe(false);
  await expect(reading).rejects.toMatchObject({ name: "SessionLostError" });
  await exchange.closed;
  const late = [session.get("/a"), session.create("/b"), session.subtree("/").next()];
  for (const call of late) await expect(call).rejects.toMatchObject({ end: "unconfirmed" });
  clock.pause(-12_000);
  await expect(session.set("/a", "")).rejects.toMatchObject({ end: "unconfirmed" });
});

test("closing ends it here first, then at the server, and closing twice is closing once", async ({
  client,
  server,
  clock,
}) => {
  const session = await open(client, server);
  const closing = [session.close(), session.close()];
  expect([session.state, session.isValid(), session.remainingMs()]).toEqual(["closed", false, 0]);
  const exchange = await server.request();
  expect([exchange.asked, exchange.headers["session-token"]]).toEqual([
    `DELETE /v1/sessions/${opened.id}`,
    "secret",
  ]);
  goneProblem(exchange);
  await Promise.all(closing);
  expect(session.lostSignal.reason).toMatchObject({ end: "closed" });
  expect(clock.timers.size).toBe(0);
});

test("a fault of one listener does not keep the others from hearing", async ({ client, server, clock }) => {
  const session = await open(client, server);
  const faults: unknown[] = [];
  const noteFault = (fault: unknown) => faults.push(fault);
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").once("uncaughtException", noteFault);
  try {
    const told: SessionState[] = [];
    session.onStateChanged(() => {
      throw new RangeError("of the listener");
    });
    session.onStateChanged((state) => told.push(state));
    clock.pause(12_000);
    expect(session.state).toBe("lost");
    await new Promise((resolve) => setImmediate(resolve));
    expect([told, faults]).toEqual([["lost"], [new RangeError("of the listener")]]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  }
});

test("opening can be refused and aborted", async ({ client, server, clock, abort }) => {
  const refused = client.openSession({ timeoutMs: 0 });
  (await server.request()).refuse(400, { code: "bad_request", detail: "At least 1." });
  await expect(refused).rejects.toBeInstanceOf(RequestError);
  const aborted = client.openSession(abort);
  await server.request();
  abort.abort(new Error("enough"));
  await expect(aborted).rejects.toThrow("enough");
  expect(clock.timers.size).toBe(0);
});
