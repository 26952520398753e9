// etcd's quota is used up, by somebody else, again and again: writes are refused with the reason, reads go on, nobody's session
// ends for what could not be heard, and with room again and the alarm off everything goes on.

import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import type { Cluster } from "./cluster.ts";
import { etcdctl, makeRoom } from "./etcdctl.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";

/** Short, so that whoever counts silence where nobody could be heard ends them soon. */
const keptTimeoutMs = 2000;
const roundCount = rounds({ usual: 2, full: 20 });
const quotaBytes = 16 * 2 ** 20;
const patienceMs = 30_000;

test(
  "without room in etcd nothing is taken and nobody's session ends; it heals when there is",
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster({ etcdArgs: ["--quota-backend-bytes", String(quotaBytes)] });
    onTestFinished(() => cluster.stop());
    const work = await Workload.start({ urls: cluster.urls, seed: 1, keptTimeoutMs });
    for (let round = 0; round < roundCount; round += 1) {
      await fill(cluster);
      await Promise.all(cluster.urls.map(untilReadOnly));
      await work.outage(true, async () => {
        // In some rounds for longer than sessions may be silent.
        await wait(round % 4 === 1 ? keptTimeoutMs + 500 : 50);
        for (const url of cluster.urls) expect((await new Http(url).get("/v1/znodes/n")).status).toBe(200);
      });
      await etcdctl(cluster.etcd.endpoints, "del", "--prefix", "/other/");
      await makeRoom(cluster.etcd);
      await work.goesOn();
      await Promise.all(cluster.urls.map(untilReady));
    }
    await expectHeldAndNobodyLost(cluster, work);
  },
);

/** With what is none of the service's, until etcd takes nothing more. */
async function fill(cluster: Cluster): Promise<void> {
  const [endpoint] = cluster.etcd.endpoints;
  const value = Buffer.alloc(2 ** 20, 1).toString("base64");
  for (let count = 0; ; count += 1) {
    const key = Buffer.from(`/other/${count}`).toString("base64");
    const answer = await fetch(`${endpoint}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key, value }),
    });
    const text = await answer.text();
    if (text.includes("space exceeded")) return;
    expect(answer.status).toBe(200);
  }
}

async function untilReadOnly(url: string): Promise<void> {
  const http = new Http(url);
  const refused = async () => (await http.post("/v1/znodes/none", { body: "x" })).code;
  await expect.poll(refused, { timeout: patienceMs }).toBe("read_only");
  expect((await http.get("/readyz")).status).toBe(503);
}

async function untilReady(url: string): Promise<void> {
  const status = async () => (await new Http(url).get("/readyz")).status;
  await expect.poll(status, { timeout: patienceMs }).toBe(200);
}
