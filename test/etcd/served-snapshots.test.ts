// A log that grows makes way for a snapshot, and a server that is new begins with that: seen from outside.

import { expect, test } from "vitest";
import { EntriesRead } from "../../src/store/etcd/entries-read.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { Keys } from "../../src/store/etcd/keys.ts";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Etcd } from "./etcd-process.ts";

test("a server that is new begins with the snapshot of another, and has what was written since", async ({
  onTestFinished,
}) => {
  const etcd = await Etcd.start(1);
  onTestFinished(() => etcd.stop());
  const start = async () => {
    const dataDir = makeDataDir();
    const args = [
      "--log",
      "etcd",
      "--etcd-endpoints",
      etcd.endpoints.join(","),
      "--etcd-snapshot-bytes",
      "4096",
    ];
    const server = await ServerProcess.start({ dataDir, args });
    onTestFinished(async () => {
      await server.kill();
      removeDataDir(dataDir);
    });
    return server;
  };
  const first = await start();
  const http = new Http(first.url);
  await http.post("/v1/znodes/a", { body: "x".repeat(5000) });
  await first.logged("a snapshot took the place of the log");
  const read = new EntriesRead(new EtcdClient({ endpoints: etcd.endpoints }), new Keys("/treekeeper/"));
  await expect.poll(async () => (await read.extent()).first).toBeGreaterThan(1);
  const { zxid } = await http.put("/v1/znodes/a", { body: "written since" });
  const second = await start();
  expect(second.logs.map(({ msg }) => msg)).toContain("began with the snapshot that the servers share");
  const { text } = await new Http(second.url).get("/v1/data/a", { headers: { "min-zxid": String(zxid) } });
  expect(text).toBe("written since");
});
