// etcd is put back to an older copy, as its own manual has it, under servers that run and under servers that start. Whoever has
// seen what is lost stops and says so, also when the log has grown beyond it by then; nobody goes on with two pasts. Then
// what the operator does: empty data directories and --etcd-restored. Clients of the lost past are told, and what was
// given there does not come again.

import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { sealMeta } from "../../src/store/sqlite/meta.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { ServerProcess } from "../support/process.ts";
import { monotonicMs } from "../trials/evidence.ts";
import type { Cluster } from "./cluster.ts";
import { putBackupBack, saveBackup } from "./etcdctl.ts";
import { lastIdAt } from "./nemesis/beginning.ts";
import { logPositionOf } from "./nemesis/digests.ts";
import { expectHeld } from "./nemesis/hold.ts";
import { Journal } from "./nemesis/journal.ts";
import { faultsOf } from "./nemesis/judge.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import type { History, Message, NemesisRecord } from "./nemesis/record.ts";
import { type Found, faultsOfRestore, type Restore } from "./nemesis/restore-judge.ts";
import { historyAt, Workload } from "./nemesis/workload.ts";

const roundCount = rounds({ usual: 2, full: 20 });
const restoredFromOlder = "etcd was restored from an older copy";

test(
  "whoever has seen the lost past stops, and what is given afterwards was never given before",
  endsWithin,
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-restored-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const cluster = await quickCluster({ servers: 2, members: 1 });
    onTestFinished(() => cluster.stop());
    const { urls } = cluster;
    await new Http(urls[0] as string).post("/v1/znodes/held");
    let previous: Era | null = null;
    for (let round = 0; round < roundCount; round += 1) {
      const era = await loseAndGoOn(cluster, folder, round);
      expect(faultsOf(era.before)).toEqual([]);
      if (previous !== null) expectRestored(previous, era.before);
      previous = era;
    }
    const work = await Workload.start({ urls, seed: roundCount });
    await work.goesOn();
    expectRestored(previous as Era, await expectHeld(cluster, work));
  },
);

/** All that was told before etcd was put back, and what was found then. */
interface Era {
  readonly before: NemesisRecord;
  readonly restore: Restore;
}

function expectRestored({ before, restore }: Era, next: NemesisRecord): void {
  expect(faultsOfRestore(before, restore, next)).toEqual([]);
}

test("without the name of its last entry a directory would go on with two pasts, and that is found", async ({
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-forked-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const cluster = await quickCluster({ servers: 2, members: 1 });
  onTestFinished(() => cluster.stop());
  const { urls } = cluster;
  const [url, other] = urls as [string, string];
  await new Http(url).post("/v1/znodes/held");
  const fromId = await lastIdAt(url);
  await grow(url, 5);
  const backup = join(folder, "etcd.db");
  await saveBackup(cluster.etcd, backup);
  await grow(url, 12);
  await Promise.all(cluster.servers.map((server) => server.terminate()));
  await putBackupBack(cluster.etcd, backup);
  forgetEntryName(cluster.dataDir(0));
  rmSync(cluster.dataDir(1), { recursive: true, force: true });
  await cluster.startServer(1);
  await grow(other, 36);
  await cluster.startServer(0);
  const histories = await Promise.all(urls.map((each) => toldSince(each, fromId)));
  const broken = faultsOf({ ...nothingAsked, histories }).map((fault) => fault.split(":")[0]);
  expect(broken).toContain("oneHistory");
});

const nothingAsked: NemesisRecord = {
  ...new Journal(),
  trials: [],
  histories: [],
  wallOffsetMs: 0,
  isCutOff: false,
};

/** A planted fault: as a file is that was written before names were noted. */
function forgetEntryName(dataDir: string): void {
  const connection = new Sqlite(join(dataDir, "treekeeper.db"));
  connection.exec("UPDATE meta SET entry_name = ''");
  sealMeta(connection);
  connection.close();
}

async function loseAndGoOn(cluster: Cluster, folder: string, round: number): Promise<Era> {
  const { urls, etcd } = cluster;
  const work = await Workload.start({ urls, seed: round, willBeCutOff: true });
  await work.goesOn();
  const backup = join(folder, "etcd.db");
  const beganMs = monotonicMs();
  await saveBackup(etcd, backup);
  const copied = { beganMs, endedMs: monotonicMs() };
  await work.goesOn();
  const lost = await seeWhatWillBeLost(cluster);
  // The first server was stopped before, and starts on what it knows; the second runs while etcd is put back.
  await cluster.server(0).terminate();
  // The second has heard of all that the first was answered.
  await work.goesOn(1);
  await etcd.stopAll();
  const goneMs = monotonicMs();
  const lostPosition = await logPositionOf(urls[1] as string);
  await work.outage(false, async () => {
    await putBackupBack(etcd, backup);
    expect(await cluster.server(1).exit).toMatchObject({ code: 74 });
  });
  expect(cluster.server(1).logs.at(-1)?.cause).toContain(restoredFromOlder);
  const before = await work.cutOff(goneMs);
  // In some rounds the log has come further by then than what is lost; in some of these nobody has said that it was restored.
  const isOvertaken = round % 2 === 1;
  const isSaid = round % 4 !== 1;
  const more = isSaid ? ["--etcd-restored", `round-${round}`] : [];
  const kept = join(folder, `kept-${round}`);
  renameSync(cluster.dataDir(1), kept);
  if (isOvertaken) {
    await cluster.startServer(1, ...more);
    const isBehind = async () => (await logPositionOf(urls[1] as string)) <= lostPosition;
    while (await isBehind()) await grow(urls[1] as string, 10);
  }
  const refused = await ServerProcess.runToEnd(await cluster.optionsOf(0));
  expect(refused.code).toBe(1);
  expect(refused.logs.at(-1)?.msg).toContain(restoredFromOlder);
  renameSync(cluster.dataDir(0), `${kept}-0`);
  await cluster.startServer(0, ...more);
  if (!isOvertaken) await cluster.startServer(1, ...more);
  await work.gone();
  await expectToldOfTheLoss(cluster, lost, isSaid);
  const [url] = urls as [string, ...string[]];
  // A cursor of the common past goes on, unless the history begins anew.
  const told = await toldSince(url, isSaid ? await beginningOf(url) : work.fromId);
  const restore = { copied, isSaid, found: await foundAt(url), told: told.map(messageOf) };
  return { before, restore };
}

function messageOf(text: string): Message {
  return JSON.parse(text) as Message;
}

async function toldSince(url: string, fromId: string): Promise<History> {
  const { zxid } = (await new Http(url).post("/v1/sync")).json<{ zxid: number }>();
  return await historyAt(url, fromId, zxid);
}

/** Of its history. */
async function beginningOf(url: string): Promise<string> {
  const { history } = (await new Http(url).get("/v1/limits")).json<{ history: { oldestZxid: number } }>();
  return String(history.oldestZxid);
}

/** What the workload has left that outlives sessions. */
async function foundAt(url: string): Promise<readonly Found[]> {
  const lists = ["/n/r", "/n/p", "/n/s", "/counters"].map(async (parent) => {
    const query = "include=stat,data&limit=1000&consistency=linearizable";
    const answer = await new Http(url).get(`/v1/children${parent}`, { query });
    // Nobody has added to a counter yet.
    if (answer.status === 404) return [];
    expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
    const page = answer.json<{
      readonly znodes: readonly { path: string; data?: string; stat: { version: number; mzxid: number } }[];
      readonly next?: string | null;
    }>();
    expect(page.next ?? null).toBeNull();
    return page.znodes.map(({ path, data = "", stat }) => ({ path, value: data, ...stat }));
  });
  return (await Promise.all(lists)).flat();
}

interface Lost {
  /** As a stream gives it out, with its epoch. */
  readonly cursor: string;
  readonly fence: string;
  readonly etag: string;
  readonly path: string;
  readonly session: { readonly id: string; readonly token: string };
}

/** What a client has in hand that was given after the backup. */
async function seeWhatWillBeLost(cluster: Cluster): Promise<Lost> {
  const http = new Http(cluster.urls[1] as string);
  const session = (await http.post("/v1/sessions", { json: { timeoutMs: 30_000 } })).json<Lost["session"]>();
  const headers = { "session-token": session.token };
  const held = (await http.post("/v1/locks/l/claims", { headers, json: { waitMs: 1 } })).json<{
    readonly fenceHeader?: string;
    readonly id: string;
  }>();
  const writes = 12;
  let path = "";
  for (let count = 0; count < writes; count += 1)
    path = (await http.post("/v1/znodes/held/s-", { query: "sequential=true" })).json<{ path: string }>()
      .path;
  const { headers: tagged } = await http.put("/v1/znodes/held", { body: "lost" });
  const cursor = await lastEventId(http, path);
  // Both have it all.
  await new Http(cluster.urls[0] as string).get("/v1/znodes/held?consistency=linearizable");
  return { cursor, path, session, fence: String(held.fenceHeader), etag: String(tagged.get("etag")) };
}

/** Of a stream that begins now. */
async function lastEventId(http: Http, path: string): Promise<string> {
  return (await textOfWatch(`${http.url}/v1/watch?path=${path}`, /^id: ?(\S+)$/m))[1] as string;
}

/** Reads until the stream has said something of this form. */
async function textOfWatch(url: string, form: RegExp, lastEventId?: string): Promise<RegExpExecArray> {
  const headers = {
    accept: "text/event-stream",
    ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
  };
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
  let text = "";
  for await (const piece of answer.body as ReadableStream<Uint8Array>) {
    text += Buffer.from(piece).toString();
    const found = form.exec(text);
    if (found !== null) return found;
  }
  throw new Error(`the stream ended and had said: ${text}`);
}

async function grow(url: string, writes: number): Promise<void> {
  const http = new Http(url);
  for (let count = 0; count < writes; count += 1)
    await http.put("/v1/znodes/held", { body: `other ${count}` });
}

/** @param isSaid whether the operator has said that etcd was restored: else its numbers and sessions may come again */
async function expectToldOfTheLoss(cluster: Cluster, lost: Lost, isSaid: boolean): Promise<void> {
  for (const url of cluster.urls) {
    const http = new Http(url);
    const [resumed] = await textOfWatch(`${url}/v1/watch?path=/held`, /^event: ?(\w+)$/m, lost.cursor);
    expect(resumed).toMatch(/reset/);
    const fenced = await http.put("/v1/znodes/held", { headers: { fence: lost.fence }, body: "late" });
    expect(fenced.code).toBe("fence_stale");
    const tagged = await http.put("/v1/znodes/held", { headers: { "if-match": lost.etag }, body: "late" });
    expect(tagged.status).toBe(412);
    const kept = await http.put(`/v1/sessions/${lost.session.id}`, {
      headers: { "session-token": lost.session.token },
    });
    expect(kept.status).toBe(410);
    if (!isSaid) continue;
    const next = (await http.post("/v1/znodes/held/s-", { query: "sequential=true" })).json<{
      path: string;
    }>();
    expect(numberOf(next.path)).toBeGreaterThan(numberOf(lost.path));
  }
}

function numberOf(path: string): number {
  return Number(path.slice(path.lastIndexOf("-") + 1));
}
