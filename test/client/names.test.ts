// Names of locks, elections, services, counters and barriers, on their way into URLs.

import { expect } from "vitest";
import { Client } from "../../src/client/index.ts";
import { test } from "./proxied.ts";

const instance = { address: "10.0.0.1", port: 80 };

test("a name that a URL would lose is refused as the server would, and not sent [P4]", async ({ serve }) => {
  const { server } = await serve();
  const client = new Client({ endpoint: server.url });
  const session = await client.openSession();
  for (const name of [".", "..", "", "\ud800"]) {
    const barrier = session.barrier(name, { count: 2 });
    const asked = [
      session.withLock(name, {}, () => {}),
      session.withLock(name, { waitMs: 60_000 }, () => {}),
      session.elect(name, { value: "" }, () => {}),
      session.register(name, instance),
      session.register("web", instance, { id: name }),
      client.register("web", instance, { id: name }),
      client.service(name).ready,
      client.instances(name).next(),
      client.counter(name).add(),
      client.counter(name).get(),
      barrier.enter(),
      barrier.leave(),
      client.session(name),
      client.joinSession({ id: name, token: session.token }),
    ];
    const fates = await Promise.allSettled(asked);
    const codes = fates.map((fate) => fate.status === "rejected" && [fate.reason.code, fate.reason.status]);
    expect(codes).toEqual(asked.map(() => ["bad_path", 400]));
  }
  expect(await session.withLock("...", {}, (lock) => lock.path)).toMatch(/^\/locks\/\.\.\.\//);
  await session.close();
});
