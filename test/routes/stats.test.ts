// The figures of the service: each follows what there is, and what is worth a warning is said in words.

import { expect } from "vitest";
import { Histogram } from "../../src/histogram.ts";
import { limitsInUse, warningsOf } from "../../src/routes/operations/limits-in-use.ts";
import { durationFigures, type ServiceFigures } from "../../src/routes/operations/service-figures.ts";
import type { Http } from "../support/http.ts";
import { Http as Client } from "../support/http.ts";
import { readDocument } from "../support/markdown.ts";
import { test as processTest } from "../support/process.ts";
import { test } from "./server-fixture.ts";

interface Stats {
  readonly [member: string]: unknown;
}

async function stats(http: Http): Promise<Stats> {
  return (await http.get("/v1/stats")).json<Stats>();
}

test("what there is, is counted", async ({ http, keeper }) => {
  const before = await stats(http);
  expect(before).toMatchObject({
    ...{ version: "0.0.0", upForMs: 0, readiness: { ready: true }, warnings: [], storage: null },
    tree: { znodes: 1, dataBytes: 0 },
    sessions: { open: 0, oldest: null },
  });
  const opened = [];
  for (const name of ["web-1", "web-2"]) {
    const answer = await http.post("/v1/sessions", { json: { name } });
    opened.push(answer.json<{ id: string; token: string }>());
    await keeper.clock.advance(1000);
  }
  const headers = { "session-token": opened[1]?.token ?? "" };
  await http.post("/v1/locks/a/claims", { headers });
  await http.post("/v1/elections/e/candidates", { headers });
  await http.post("/v1/znodes/data", { body: "12345" });
  const watch = await http.stream("/v1/watch", { query: "path=/data" });
  expect((await http.get("/v1/znodes/none")).status).toBe(404);
  expect(await stats(http)).toMatchObject({
    ...{ upForMs: 2000, zxid: keeper.store.zxid },
    tree: { dataBytes: expect.toSatisfy((bytes: number) => bytes >= 5) },
    sessions: { open: 2, openedTotal: 2, oldest: { id: opened[0]?.id, name: "web-1" } },
    coordination: { locks: 1, elections: 1, waiters: 0 },
    streams: { watches: 1, others: 0, behind: 0 },
    requests: { clientFaultsTotal: 1, serverFaultsTotal: 0 },
    connections: { open: expect.toSatisfy((open: number) => open >= 2), clients: 1 },
  });
  await http.delete(`/v1/sessions/${opened[0]?.id}`, {
    headers: { "session-token": opened[0]?.token ?? "" },
  });
  await http.delete("/v1/tree/locks");
  expect(await stats(http)).toMatchObject({
    sessions: { open: 1, closedTotal: 1, oldest: { name: "web-2" } },
    coordination: { locks: 0, elections: 1 },
  });
  watch.close();
});

/** Nothing is used, and there is room for all. */
const idle = {
  state: { memoryBytes: 0, memoryBytesMax: 100, unknownPastsTotal: 0 },
  proposer: { queuedCommands: 0, queuedCommandsMax: 100, queuedBytes: 0, queuedBytesMax: 100 },
  storage: {
    diskBytes: 100,
    diskFreeBytes: 100,
    databaseBytes: 10,
    emptyBytes: 10,
    databaseBytesMax: 100,
    walBlockedMs: 0,
  },
  sessions: { expiryLatenessMsMax: 100, stallsTotal: 0, stalledMsTotal: 0 },
  watches: { streams: 0, streamsMax: 100, lagZxidsMax: 0, streamsBehind: 0 },
  coordination: { waiters: 0, waitersMax: 100 },
  connections: { open: 0, openMax: 100 },
  answers: { heldBytes: 0, heldBytesMax: 100 },
  runtime: { heapUsedBytes: 0, heapBytesMax: 100 },
  scheduledBackups: { lastFailure: null },
  etcd: { silentServers: 0, alarms: 0, dbBytes: 0, dbBytesInUse: 0, quotaBytes: 100 },
  snapshots: { lastFailure: null },
};

type Part = keyof typeof idle;

function warned(part: Part, changed: object): { code: string; message: string }[] {
  return warningsOf({ ...idle, [part]: { ...idle[part], ...changed } } as unknown as ServiceFigures);
}

test("each bound that is nearly exhausted is a warning, and no other is", () => {
  expect(warningsOf(idle as unknown as ServiceFigures)).toEqual([]);
  const used: [part: Part, figure: string, limit: string, value?: number][] = [
    ["storage", "diskFreeBytes", "disk", 8],
    ["storage", "databaseBytes", "databaseBytesMax", 102],
    ["state", "memoryBytes", "treeBytesMax"],
    ["runtime", "heapUsedBytes", "heap"],
    ["connections", "open", "connectionsMax"],
    ["watches", "streams", "streamsMax"],
    ["coordination", "waiters", "claimWaitersMax"],
    ["proposer", "queuedCommands", "queueCommandsMax"],
    ["proposer", "queuedBytes", "queueBytesMax"],
    ["answers", "heldBytes", "answerBytesMax"],
    ["etcd", "dbBytes", "etcdQuotaBytes"],
  ];
  const limits = limitsInUse(idle as unknown as ServiceFigures).map(({ limit }) => limit);
  expect(used.map(([, , limit]) => limit).sort()).toEqual(limits.sort());
  for (const [part, figure, limit, value = 92] of used) {
    expect(warned(part, { [figure]: value })).toEqual([
      { code: `near_${limit}`, message: expect.stringContaining("92 %") },
    ]);
    const less = limit === "disk" ? 11 : limit === "databaseBytesMax" ? 99 : 89;
    expect(warned(part, { [figure]: less })).toEqual([]);
  }
  expect(warned("storage", { diskFreeBytes: 8 })[0]?.message).toBe("the disk is 92 % full");
  // A bound of 0 is none.
  expect(warned("state", { memoryBytes: 92, memoryBytesMax: 0 })).toEqual([]);
});

test("each trouble is a warning in words, which the operator's page explains", () => {
  const troubles: [part: Part, figures: object, code: string, words: string][] = [
    ["storage", { walBlockedMs: 90_000 }, "wal_blocked", "from being emptied for 90 s"],
    ["watches", { lagZxidsMax: 5000, streamsBehind: 1 }, "watch_lag", "1 stream is behind, the last by 5000"],
    ["sessions", { expiryLatenessMsMax: 1260 }, "late_expiry", "expired 1.3 s late"],
    [
      "sessions",
      { stallsTotal: 2, stalledMsTotal: 3000 },
      "stalls",
      "stood still 2 times since its start, 3 s in all",
    ],
    ["scheduledBackups", { lastFailure: "a secret" }, "backup_failed", "failed; the log of the process"],
    ["state", { unknownPastsTotal: 1 }, "unknown_past", "what never happened here"],
    ["etcd", { silentServers: 1 }, "silent_servers", "1 cannot be heard"],
    ["etcd", { alarms: 1 }, "etcd_alarm", "see `etcdctl alarm list`"],
    ["etcd", { dbBytesInUse: 71 }, "etcd_quota", "71 % of etcd's quota is in use"],
    ["snapshots", { lastFailure: "a reason" }, "snapshot_failed", "and the log grows"],
  ];
  for (const [part, figures, code, words] of troubles) {
    expect(warned(part, figures)).toEqual([{ code, message: expect.stringContaining(words) }]);
  }
  const table = readDocument("docs/operations.md").split("| code |")[1]?.split("\n\n")[0] ?? "";
  const codes = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, code]) => code);
  expect(codes).toEqual(troubles.map(([, , code]) => code));
});

test("how long things took is told by the bounds that half and 99 in 100 keep to", () => {
  const [some, others] = [new Histogram([1, 10, 100]), new Histogram([1, 10, 100])];
  expect(durationFigures([some])).toEqual({ count: 0, meanMs: 0, halfWithinMs: 0, p99WithinMs: 0 });
  expect(durationFigures([])).toEqual({ count: 0, meanMs: 0, halfWithinMs: 0, p99WithinMs: 0 });
  for (let count = 0; count < 98; count += 1) some.observe(0.5);
  others.observe(50);
  expect(durationFigures([some, others])).toEqual({
    count: 99,
    meanMs: 1,
    halfWithinMs: 1,
    p99WithinMs: 100,
  });
  others.observe(500);
  others.observe(500);
  expect(durationFigures([some, others])).toMatchObject({ count: 101, halfWithinMs: 1, p99WithinMs: null });
});

processTest("a service with a file tells of it, and of its process", async ({ start }) => {
  const http = new Client((await start()).url);
  await http.post("/v1/znodes/a");
  const {
    storage,
    process: figures,
    durations,
  } = (await http.get("/v1/stats")).json<Record<string, never>>();
  const positive = expect.toSatisfy((value: number) => value > 0);
  expect(storage).toMatchObject({
    ...{ directoryBytes: positive, databaseBytes: positive, diskBytes: positive, diskFreeBytes: positive },
    ...{ commitsTotal: positive, lastCommitMs: positive, walBlockedMs: 0 },
  });
  expect(figures).toMatchObject({ residentBytes: positive, heapUsedBytes: positive });
  expect(durations).toMatchObject({ commits: { count: positive }, writes: { count: positive } });
});
