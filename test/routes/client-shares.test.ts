// What one client may have at once of what all share: when it has its share it is refused by name, and others are served.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { askedBy } from "../../src/core/write-context.ts";
import { shareHolderAt } from "../../src/routes/http/share-holder.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { ClientAt } from "../support/client-at.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Keeper, plain } from "../support/keeper.ts";
import { watchesOf } from "../watches/fixture.ts";
import { serveFor, test } from "./server-fixture.ts";

type Limits = NonNullable<NonNullable<Parameters<typeof serveFor>[2]>["limits"]>;

interface Scene {
  readonly one: ClientAt;
  readonly other: ClientAt;
  readonly keeper: Keeper;
  readonly clock: FakeClock;
  readonly connectionCount: () => Promise<number>;
}

async function withClients(limits: Limits, play: (scene: Scene) => Promise<void>, queue = {}): Promise<void> {
  const clock = new FakeClock();
  const keeper = new Keeper(clock, undefined, queue);
  await keeper.store.start();
  const { http, server, close } = await serveFor(keeper, watchesOf(keeper), { limits });
  const connectionCount = () =>
    new Promise<number>((resolve) => server.app.server.getConnections((_, count) => resolve(count)));
  try {
    const [one, other] = [new ClientAt(http.url, "127.0.0.1"), new ClientAt(http.url, "127.0.0.2")];
    await play({ one, other, keeper, clock, connectionCount });
    checkState(keeper.state);
  } finally {
    await close();
  }
}

async function openSession(client: ClientAt, headers = {}) {
  const opened = await client.ask("POST", "/v1/sessions", { headers });
  expect([opened.status, opened.text]).toEqual([201, expect.any(String)]);
  return opened.json<{ id: string; token: string }>();
}

/** That it was refused with 429 for this bound, and when to come back. */
function expectThrottled(answer: Awaited<ReturnType<ClientAt["ask"]>>, limit: string, limitValue: number) {
  const { status, headers, text } = answer;
  expect([status, text]).toEqual([429, expect.any(String)]);
  expect(answer.json()).toMatchObject({ code: "throttled", limit, limitValue });
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
}

const patience = { timeout: 10_000, interval: 5 };

test("a client has so many streams of all kinds together, others have theirs, and one that ends makes room", async () => {
  await withClients({ streamsPerClientMax: 2 }, async ({ one, other }) => {
    const { id } = await openSession(one);
    const [first, second] = [
      await one.open("GET", "/v1/watch?path=/"),
      await one.open("GET", `/v1/sessions/${id}/events`),
    ] as [IncomingMessage, IncomingMessage];
    expect([first.statusCode, second.statusCode]).toEqual([200, 200]);
    const streams = [
      ...["/v1/watch?path=/a", `/v1/sessions/${id}/events`, "/v1/locks/a/events"],
      ...["/v1/elections/a/events", "/v1/services/a/events"],
    ];
    for (const path of streams) expectThrottled(await one.ask("GET", path), "streamsPerClientMax", 2);
    const byBody = await one.ask("POST", "/v1/watch", {
      body: '{"path":["/"]}',
      headers: { "content-type": "application/json" },
    });
    expectThrottled(byBody, "streamsPerClientMax", 2);
    expect((await one.ask("GET", "/v1/znodes")).status).toBe(200);

    const others = await Promise.all(streams.slice(0, 2).map((path) => other.open("GET", path)));
    expect(others.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    second.destroy();
    const again: IncomingMessage[] = [];
    await expect
      .poll(async () => {
        const stream = await one.open("GET", "/v1/locks/a/events");
        again.push(stream);
        return stream.statusCode;
      }, patience)
      .toBe(200);
    for (const stream of [first, ...others, ...again]) stream.destroy();
  });
});

test("a client waits for so many things with long polls and claims together, and others wait all the same", async () => {
  await withClients({ waitsPerClientMax: 2 }, async ({ one, other, keeper }) => {
    const [holder, waiter] = [await openSession(one), await openSession(one)];
    const claim = (client: ClientAt, { token }: { token: string }, body = '{"waitMs":60000}') =>
      client.ask("POST", "/v1/locks/a/claims", {
        body,
        headers: { "session-token": token, "content-type": "application/json" },
      });
    const held = await claim(one, holder, "{}");
    const poll = (client: ClientAt) => client.ask("GET", "/v1/znodes/a?waitAfterZxid=0&waitMs=60000");
    const waits = [poll(one), claim(one, waiter)];
    await expect.poll(() => keeper.reader.queue("/locks/a")?.size, patience).toBe(2);
    for (const wait of [poll(one), claim(one, waiter)]) expectThrottled(await wait, "waitsPerClientMax", 2);
    const stream = await one.open("GET", "/v1/watch?path=/");
    expect(stream.statusCode).toBe(200);
    stream.destroy();

    const others = poll(other);
    const { id } = held.json<{ id: string }>();
    const headers = { "session-token": holder.token };
    expect((await one.ask("DELETE", `/v1/locks/a/claims/${id}`, { headers })).status).toBe(204);
    expect((await one.ask("POST", "/v1/znodes/a")).status).toBe(201);
    expect((await Promise.all([...waits, others])).map(({ status }) => status)).toEqual([200, 201, 200]);
    await expect.poll(async () => (await poll(one)).status, patience).toBe(200);
  });
});

test("a client has so many sessions: one that is closed or expires makes room, and who lost an answer hears it again", async () => {
  await withClients({ sessionsPerClientMax: 2 }, async ({ one, other, clock, keeper }) => {
    const first = await openSession(one);
    const headers = { "idempotency-key": "mine" };
    const second = await openSession(one, headers);
    expectThrottled(await one.ask("POST", "/v1/sessions"), "sessionsPerClientMax", 2);
    const otherKey = { headers: { "idempotency-key": "another" } };
    expectThrottled(await one.ask("POST", "/v1/sessions", otherKey), "sessionsPerClientMax", 2);
    expect(await openSession(one, headers)).toEqual(second);
    await openSession(other);

    const token = { headers: { "session-token": first.token } };
    expect((await one.ask("PUT", `/v1/sessions/${first.id}`, token)).status).toBe(200);
    expect((await one.ask("DELETE", `/v1/sessions/${first.id}`, token)).status).toBe(204);
    await openSession(one);
    expectThrottled(await one.ask("POST", "/v1/sessions"), "sessionsPerClientMax", 2);
    await clock.advance(20_000);
    await expect.poll(() => [...keeper.reader.sessions()].length, patience).toBe(0);
    await openSession(one);
  });
});

test("of a burst that opens sessions no more get in than the client may have", async () => {
  await withClients({ sessionsPerClientMax: 3 }, async ({ one, keeper }) => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => one.ask("POST", "/v1/sessions")));
    expect(answers.filter(({ status }) => status === 201).length).toBe(3);
    expect(answers.filter(({ status }) => status === 429).length).toBe(7);
    expect([...keeper.reader.sessions()].length).toBe(3);
  });
});

test("beyond its connections a client keeps sessions and is else refused, and however many it opens others get in [L2]", async () => {
  await withClients({ connectionsPerClientMax: 2 }, async ({ one, other, connectionCount }) => {
    const { id, token } = await openSession(one);
    const silent: Socket[] = [await one.connect(), await one.connect()];
    await expect.poll(connectionCount, patience).toBe(2);
    expectThrottled(await one.ask("GET", "/v1/znodes"), "connectionsPerClientMax", 2);
    expect((await other.ask("GET", "/v1/znodes")).status).toBe(200);
    const headers = { "session-token": token };
    expect((await one.ask("PUT", `/v1/sessions/${id}`, { headers })).status).toBe(200);
    expect((await one.ask("GET", "/livez")).status).toBe(200);

    for (let count = 0; count < 20; count += 1) silent.push(await one.connect());
    // Those that are served, and as many again that may still say that they keep a session.
    await expect.poll(connectionCount, patience).toBe(4);
    expect((await one.ask("DELETE", `/v1/sessions/${id}`, { headers })).status).toBe(204);
    expect((await other.ask("GET", "/v1/znodes")).status).toBe(200);
    for (const socket of silent) socket.destroy();
    await expect.poll(async () => (await one.ask("GET", "/v1/znodes")).status, patience).toBe(200);
  });
});

test("one client fills its share of the line to the log, and the writes of others get in and are done", async () => {
  const queue = { queueCommandsMax: 4, queueCommandsPerClientMax: 2 };
  await withClients(
    {},
    async ({ one, other, keeper }) => {
      keeper.log.hold();
      const writes: ReturnType<ClientAt["ask"]>[] = [];
      // Two entries are on their way, and then the line fills.
      for (let count = 1; count <= 4; count += 1) {
        writes.push(one.ask("POST", `/v1/znodes/one-${count}`));
        await expect.poll(() => keeper.store.waitingCount, patience).toBe(count);
      }
      expectThrottled(await one.ask("POST", "/v1/znodes/one-5"), "queueCommandsPerClientMax", 2);
      expectThrottled(await one.ask("POST", "/v1/sessions"), "queueCommandsPerClientMax", 2);
      writes.push(other.ask("POST", "/v1/znodes/other-1"), other.ask("POST", "/v1/sessions"));
      await expect.poll(() => keeper.store.waitingCount, patience).toBe(6);
      expectThrottled(await other.ask("POST", "/v1/znodes/other-2"), "queueCommandsMax", 4);
      keeper.log.release();
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual(Array(6).fill(201));
      expect((await one.ask("POST", "/v1/znodes/one-5")).status).toBe(201);
    },
    queue,
  );
});

test("a client's share of the line is bounded in bytes too, and a single write gets in whatever it has", async () => {
  const queue = { queueBytesMax: 1_000_000, queueBytesPerClientMax: 1000 };
  await withClients(
    {},
    async ({ one, other, keeper }) => {
      keeper.log.hold();
      const writes: ReturnType<ClientAt["ask"]>[] = [];
      const body = "x".repeat(2000);
      for (let count = 1; count <= 3; count += 1) {
        writes.push(one.ask("POST", `/v1/znodes/one-${count}`, { body }));
        await expect.poll(() => keeper.store.waitingCount, patience).toBe(count);
      }
      expectThrottled(await one.ask("POST", "/v1/znodes/one-4"), "queueBytesPerClientMax", 1000);
      writes.push(other.ask("POST", "/v1/znodes/other", { body }));
      await expect.poll(() => keeper.store.waitingCount, patience).toBe(4);
      keeper.log.release();
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    },
    queue,
  );
});

test("answers that one client does not take leave room for those of others, and the stillest goes first when it asks again", async () => {
  const mebibyte = 1024 ** 2;
  // Each byte of the data is six of JSON: more than any socket takes at once.
  const limits = { answerBytesPerClientMax: 9 * mebibyte };
  await withClients(limits, async ({ one, other, clock, keeper }) => {
    await keeper.create("/large", plain, "\x01".repeat(mebibyte));
    const unread = await one.connect();
    unread.pause().write("GET /v1/znodes/large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const large = (client: ClientAt) => client.ask("GET", "/v1/znodes/large");
    await expect.poll(async () => (await large(one)).status, patience).toBe(429);
    expectThrottled(await large(one), "answerBytesPerClientMax", 9 * mebibyte);
    expect((await one.ask("GET", "/v1/children")).status).toBe(200);
    expect((await large(other)).status).toBe(200);
    await clock.advance(5000);
    expect((await large(one)).status).toBe(200);
    unread.destroy();
  });
});

test("whose share is taken is not written down", () => {
  const command = { type: "delete", path: "/a" } as const;
  const batch = (commands: Command[]) => encodeBatch({ timeMs: 1, commands });
  expect(batch([{ ...command, [askedBy]: "192.0.2.1" }])).toEqual(batch([command]));
});

test("a client is the network it comes from; this machine's usual addresses are one, others of it their own", () => {
  expect(shareHolderAt("2001:db8:1:2:3::4")).toBe(shareHolderAt("2001:db8:1:2::1"));
  expect(shareHolderAt("2001:db8:1:2:3::4")).not.toBe(shareHolderAt("2001:db8:1:3:3::4"));
  expect(shareHolderAt("192.0.2.1")).not.toBe(shareHolderAt("192.0.2.2"));
  expect(shareHolderAt("::ffff:192.0.2.1")).toBe(shareHolderAt("192.0.2.1"));
  expect([shareHolderAt("::1"), shareHolderAt("::ffff:127.0.0.1")]).toEqual(
    Array(2).fill(shareHolderAt("127.0.0.1")),
  );
  expect(shareHolderAt("127.0.0.2")).not.toBe(shareHolderAt("127.0.0.1"));
  expect(shareHolderAt("::ffff:127.0.0.2")).toBe(shareHolderAt("127.0.0.2"));
});
