// How a follower begins with a backup that is not as it is said to be, and how long it waits before it asks again.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type OutgoingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { begin } from "../../src/store/upstream/begin.ts";
import { connectionTo } from "../../src/store/upstream/patience.ts";
import { UpstreamRefusal } from "../../src/store/upstream/refusals.ts";
import { Upstream } from "../../src/store/upstream/upstream.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { settle } from "../support/under-way.ts";

const body = "no whole backup";

interface Fixture {
  folder: string;
  /** Begins with a backup that comes with such headers; resolves with why it does not, and how often it was asked for. */
  beginWith: (headers: OutgoingHttpHeaders) => Promise<readonly [string, number]>;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-begin-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },
  beginWith: async ({ folder }, use) => {
    let headers: OutgoingHttpHeaders = {};
    let asked = 0;
    const server = createServer((_, answer) => {
      asked += 1;
      answer.writeHead(200, { "content-length": body.length, ...headers }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const follow = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const upstream = new Upstream({ follow, followTokenFile: "", followCa: "" });
    await use(async (sent) => {
      headers = sent;
      const options = {
        ...{ dataDir: folder, allowUnsafeFilesystem: true, clusterId: "c" },
        ...{ clock: systemClock, onWaiting() {}, signal: new AbortController().signal },
        paces: { suspendAfterMs: 60_000, probeEveryMs: 1000, retryMs: 1 },
      };
      const cause = await begin(upstream, options).catch((error: Error) => error.message);
      return [String(cause), asked];
    });
    upstream.close();
    server.close();
  },
});

function digestOf(text: string): string {
  return `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;
}

test("takes a backup that is damaged on its way so many times, and no more", async ({
  folder,
  beginWith,
}) => {
  const [cause, asked] = await beginWith({ "repr-digest": digestOf("another") });
  expect([cause, asked]).toEqual([expect.stringMatching(/was damaged on its way 5 times/), 5]);
  expect(readdirSync(folder).filter((name) => name.startsWith("snapshot"))).toEqual([]);
});

test("takes none that does not say its digest", async ({ beginWith }) => {
  const [cause, asked] = await beginWith({});
  expect([cause, asked]).toEqual([
    expect.stringMatching(/does not say how long it is and what its digest is/),
    1,
  ]);
});

test("asks again when whoever has enough to do says so, and not before", async () => {
  const clock = new FakeClock();
  const upstream = new Upstream({ follow: "http://127.0.0.1:1", followTokenFile: "", followCa: "" });
  const paces = { suspendAfterMs: 60_000, probeEveryMs: 1000, retryMs: 200 };
  let asked = 0;
  const answer = connectionTo(upstream, clock, paces).insist(async () => {
    asked += 1;
    if (asked === 1) throw new UpstreamRefusal(429, { code: "throttled" }, "5");
    return "done";
  });
  await settle();
  await clock.advance(4999);
  expect(asked).toBe(1);
  await clock.advance(1);
  expect([await answer, asked]).toEqual(["done", 2]);
  upstream.close();
});
