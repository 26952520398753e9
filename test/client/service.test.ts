// What the client says of the service: whether it is ready, how it is in figures, and why sessions ended.

import { expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import { test } from "../support/process.ts";

test("a client asks whether the service is ready, for its figures, for who holds a lock and why sessions ended", async ({
  start,
}) => {
  const client = new Client({ endpoint: (await start()).url });
  const { ready, checks } = await client.readiness();
  expect([ready, checks.map(({ status }) => status)]).toEqual([true, checks.map(() => "ok")]);
  const session = await client.openSession({ name: "web-1" });
  await session.withLock("report", {}, async ({ czxid }) => {
    const lock = await client.lockState("report");
    expect(lock).toMatchObject({ holderCount: 1, holders: [{ session: session.id, fence: czxid }] });
  });
  const stats = await client.stats();
  expect(stats).toMatchObject({ coordination: { locks: 1 }, sessions: { oldest: { id: session.id } } });
  await session.close();
  const ended = [];
  for await (const each of client.endedSessions()) ended.push(each);
  expect(ended).toMatchObject([{ id: session.id, reason: "closed" }]);
  expect(await client.endedSession(session.id)).toEqual(ended[0]);
});
