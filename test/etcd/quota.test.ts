// etcd's quota as servers heed it: they slow down, make the log short and refuse before etcd has to, and go on by
// themselves; and when somebody else fills etcd, they are read-only until there is room again.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { Http } from "../support/http.ts";
import { Cluster } from "./cluster.ts";

const quotaBytes = 33_554_432;
const quotaArgs = ["--quota-backend-bytes", String(quotaBytes)];
const serverArgs = ["--etcd-quota-bytes", String(quotaBytes), "--etcd-snapshot-bytes", "1GiB"];
const data = "x".repeat(60_000);

async function etcdctl(cluster: Cluster, ...args: readonly string[]): Promise<string> {
  const environment = { ...process.env, ETCDCTL_API: "3" };
  const all = ["--endpoints", cluster.etcd.endpoints.join(","), ...args];
  return (await promisify(execFile)("etcdctl", all, { env: environment })).stdout;
}

async function start(): Promise<{ cluster: Cluster; http: Http; client: EtcdClient }> {
  const cluster = await Cluster.start({ servers: 1, members: 1, etcdArgs: quotaArgs, serverArgs });
  onTestFinished(() => cluster.stop());
  const client = new EtcdClient({ endpoints: cluster.etcd.endpoints });
  return { cluster, http: new Http(cluster.urls[0] as string), client };
}

test("writers that overwrite without end are slowed down, and the log is made short: etcd's alarm is never theirs", async () => {
  const { cluster, http, client } = await start();
  await http.post("/v1/znodes/a");
  const keepAlive = await openSession(http);
  let [written, throttled, isDone] = [0, 0, false];
  const overwrite = async () => {
    while (!isDone) {
      const { status, code } = await http.put("/v1/znodes/a", { body: data });
      if (status === 200) written += data.length;
      else throttled += 1;
      if (status !== 200) expect(["throttled", "read_only"]).toContain(code);
      if (status !== 200) await wait(50);
    }
  };
  const look = async () => {
    const hasSnapshot = () => cluster.server(0).logs.some(({ msg }) => msg === snapshotTaken);
    while (written < 1.2 * quotaBytes || throttled === 0 || !hasSnapshot()) {
      expect(await client.alarms()).toEqual([]);
      await keepAlive();
      await wait(200);
    }
    isDone = true;
  };
  await Promise.all([overwrite(), overwrite(), overwrite(), overwrite(), look()]);
  expect(await client.alarms()).toEqual([]);
  const { text } = await http.get("/metrics");
  expect(text).toMatch(/treekeeper_etcd_throttled_writes_total [1-9]/);
  expect(text).toMatch(/treekeeper_etcd_snapshots_total [1-9]/);
});

test("above 85 % only what makes room is taken, up to the alarm; each heals by itself when there is room again", async () => {
  const { cluster, http, client } = await start();
  await http.post("/v1/znodes/a");
  await http.post("/v1/znodes/b");
  const keepAlive = await openSession(http);
  const write = async () => {
    const answer = await http.put("/v1/znodes/a", { body: "x" });
    return answer.status === 200 ? "written" : answer.code;
  };
  let last = 0;
  const fillOnce = async () => {
    const success = Array.from({ length: 20 }, () => {
      last += 1;
      return { put: { key: bytesOf(`/others/${last}`), value: randomBytes(20_000) } };
    });
    await client.txn({ compare: [], success });
  };
  const inUse = async () => Number((await client.statuses())[0]?.dbSizeInUse ?? 0n);

  while ((await inUse()) < 0.87 * quotaBytes) {
    await fillOnce();
    // etcd knows the size of its file a tenth of a second later.
    await wait(150);
  }
  await expect.poll(write, patience).toBe("read_only");
  await keepAlive();
  expect((await http.delete("/v1/znodes/b")).status).toBe(204);
  expect((await http.get("/readyz")).status).toBe(503);
  expect(await client.alarms()).toEqual([]);
  await empty(cluster);
  // The file may have come near the quota, too, and only that makes it smaller.
  await etcdctl(cluster, "defrag");
  await expect.poll(write, patience).toBe("written");

  const fill = async () => {
    for (;;) await fillOnce();
  };
  await expect(fill()).rejects.toThrow(/space/);
  await expect.poll(write, patience).toBe("read_only");
  await expect.poll(async () => (await http.get("/metrics")).text, patience).toContain("etcd_alarms 1");
  expect((await http.get("/v1/znodes/a")).status).toBe(200);
  await empty(cluster);
  await etcdctl(cluster, "defrag");
  await etcdctl(cluster, "alarm", "disarm");
  await expect.poll(write, patience).toBe("written");
  await keepAlive();
  await expect.poll(async () => (await http.get("/readyz")).status, patience).toBe(200);
});

const snapshotTaken = "a snapshot took the place of the log";
const patience = { timeout: 60_000, interval: 100 };

/** It never ends for want of room. */
async function openSession(http: Http): Promise<() => Promise<void>> {
  const opened = await http.post("/v1/sessions", { json: { timeoutMs: 120_000 } });
  const { id, token } = opened.json<{ id: string; token: string }>();
  return async () => {
    const kept = await http.put(`/v1/sessions/${id}`, { headers: { "session-token": token } });
    expect(kept.status, kept.text).toBe(200);
  };
}

/** What the others have put there goes, with its history. */
async function empty(cluster: Cluster): Promise<void> {
  await etcdctl(cluster, "del", "--prefix", "/others/");
  const status = await etcdctl(cluster, "endpoint", "status", "--write-out", "json");
  const [{ Status }] = JSON.parse(status) as [{ Status: { header: { revision: number } } }];
  // The server may have done so already.
  await etcdctl(cluster, "compaction", String(Status.header.revision)).catch(() => {});
}
