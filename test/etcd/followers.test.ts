// A server that follows one of several over etcd, and goes on at the next when that one is killed.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Cluster } from "./cluster.ts";

let cluster: Cluster;
const dataDir = makeDataDir();
let follower: ServerProcess;

beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, members: 1 });
});

afterAll(async () => {
  await follower?.kill();
  await cluster?.stop();
  removeDataDir(dataDir);
});

async function startFollower(): Promise<Http> {
  follower = await ServerProcess.start({ dataDir, args: ["--follow", cluster.urls.join(",")] });
  return new Http(follower.url);
}

test("it has what any of them wrote, and loses nothing when the one it follows is killed", async () => {
  const [first, second] = cluster.urls.map((url) => new Http(url)) as [Http, Http];
  for (const path of ["a", "b", "c"])
    await first.put(`/v1/znodes/${path}`, { query: "upsert=true", body: path });
  const http = await startFollower();
  const linearizable = { query: "consistency=linearizable" };
  await second.put("/v1/znodes/a", { body: "second" });
  expect((await http.get("/v1/data/a", linearizable)).text).toBe("second");
  const stream = await http.stream("/v1/watch", { query: "path=/&scope=subtree" });
  await stream.untilEvent("synced");
  await cluster.server(0).kill();
  await second.put("/v1/znodes/b", { body: "after" });
  await stream.untilChanges(1);
  expect(stream.changes).toEqual(["changed /b"]);
  await expect
    .poll(async () => (await http.put("/v1/znodes/c", { body: "through" })).status, { timeout: 20_000 })
    .toBe(200);
  expect((await http.get("/v1/data/c")).text).toBe("through");
  await follower.kill();
  await second.put("/v1/znodes/a", { body: "meanwhile" });
  const again = await startFollower();
  expect((await again.get("/v1/data/a", linearizable)).text).toBe("meanwhile");
  expect(follower.hasLogged("began with a backup")).toBe(false);
  expect((await again.get("/v1/export")).text).toBe((await second.get("/v1/export")).text);
});
