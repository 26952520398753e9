// What servers say while etcd does not answer them, and afterwards: all of them, when its members stand still; one of them,
// when it alone is cut off.

import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/index.ts";
import { CuttingProxy } from "../client/cutting-proxy.ts";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Cluster } from "./cluster.ts";
import { Etcd } from "./etcd-process.ts";

const patience = { timeout: 30_000, interval: 50 };

async function codeOf(http: Http, path: string): Promise<string | number> {
  const answer = await http.get(path);
  return answer.status === 503 ? answer.code : answer.status;
}

test("while no member answers nothing is read but what was last known, and a stream goes on with every change once", async () => {
  const cluster = await Cluster.start({ servers: 2, members: 3 });
  onTestFinished(() => cluster.stop());
  const [here, there] = cluster.urls.map((url) => new Http(url)) as [Http, Http];
  const session = (await here.post("/v1/sessions", { json: { timeoutMs: 6000 } })).json<{
    id: string;
    token: string;
  }>();
  await here.post("/v1/znodes/w", { body: "0" });
  const stream = await here.stream("/v1/watch?path=/w&consistency=linearizable");
  await stream.untilEvent("synced");
  for (const member of cluster.etcd.members) member.signal("SIGSTOP");
  const stoppedAtMs = performance.now();
  // It is in the log once, whenever that may be.
  const sent = there.put("/v1/znodes/w", { body: "1" });
  await stream.untilEvent("suspended");
  expect(performance.now() - stoppedAtMs).toBeLessThan(8000);
  expect(await codeOf(here, "/v1/znodes/w")).toBe("suspended");
  const stale = await here.get("/v1/znodes/w?stale=ok");
  expect([stale.json().data, Number(stale.header("stale-ms")) >= 2500]).toEqual(["0", true]);
  expect((await here.get("/v1/limits")).status).toBe(200);
  // Longer than the session may be silent: nobody can end it, and nobody may.
  await wait(7000);
  for (const member of cluster.etcd.members) member.signal("SIGCONT");
  await stream.untilEvent("connected");
  const keepalive = { headers: { "session-token": session.token } };
  const kept = async () => (await here.put(`/v1/sessions/${session.id}`, keepalive)).status;
  await expect.poll(kept, patience).toBe(200);
  expect((await sent).status).toBe(200);
  for (const body of ["2", "3"]) expect((await here.put("/v1/znodes/w", { body })).status).toBe(200);
  await stream.untilChanges(3);
  expect(stream.events.map(({ event }) => event)).toEqual([
    ...["synced", "suspended", "connected", "change", "change", "change"],
  ]);
  const data = stream.named("change").map(({ data: { events } }) => (events as { data: string }[])[0]?.data);
  expect(data).toEqual(["1", "2", "3"]);
  stream.close();
});

/** Servers over one member, each by a way of its own. */
async function serversByProxies(count: number) {
  const etcd = await Etcd.start(1);
  onTestFinished(() => etcd.stop());
  const made = Array.from({ length: count }, async () => {
    const way = await CuttingProxy.start(etcd.endpoints[0] as string);
    onTestFinished(() => way.stop());
    const dataDir = makeDataDir();
    const args = ["--log", "etcd", "--etcd-endpoints", way.url];
    const server = await ServerProcess.start({ dataDir, args });
    onTestFinished(async () => {
      await server.kill();
      removeDataDir(dataDir);
    });
    return { way, url: server.url, http: new Http(server.url) };
  });
  return await Promise.all(made);
}

test("a client goes on elsewhere when its server alone is cut off, misses nothing and keeps what it holds", async () => {
  const [cutOff, elsewhere, third] = await serversByProxies(3);
  if (cutOff === undefined || elsewhere === undefined || third === undefined)
    throw new Error("three were asked for");
  await cutOff.http.post("/v1/znodes/w", { body: "0" });
  const client = new Client({ endpoint: [cutOff.url, elsewhere.url, third.url] });
  const watching = watch(client);
  const session = await client.openSession({ timeoutMs: 10_000 });
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<AbortSignal>();
  const holding = session.withLock("l", {}, async ({ signal }) => {
    held.resolve(signal);
    await letGo.promise;
  });
  const { aborted: isLost } = await held.promise;
  await elsewhere.http.put("/v1/znodes/w", { body: "1" });
  await expect.poll(() => watching.told, patience).toEqual(["1"]);

  cutOff.way.goDark();
  await expect.poll(() => codeOf(cutOff.http, "/v1/znodes/w"), patience).toBe("suspended");
  await elsewhere.http.put("/v1/znodes/w", { body: "2" });
  await expect.poll(() => watching.told, patience).toEqual(["1", "2"]);
  expect((await client.get("/w")).data.text()).toBe("2");
  expect(watching.failures).toContain(`${cutOff.url} cannot reach its log.`);
  // Longer than the session may be silent.
  await wait(11_000);
  expect([session.state, isLost, (await held.promise).aborted]).toEqual(["connected", false, false]);
  const holders = (await elsewhere.http.get("/v1/locks/l")).json<{ holders: { session: string }[] }>()
    .holders;
  expect(holders.map((holder) => holder.session)).toEqual([session.id]);

  cutOff.way.goLight();
  await expect.poll(() => codeOf(cutOff.http, "/v1/znodes/w"), patience).toBe(200);
  const last = await cutOff.http.put("/v1/znodes/w", { body: "3" });
  expect(last.status).toBe(200);
  await expect.poll(() => watching.told, patience).toEqual(["1", "2", "3"]);
  letGo.resolve();
  await holding;
  await session.close();
  watching.end();
});

/** What is written to /w, as a client is told that goes on wherever it can. */
function watch(client: Client) {
  const [told, failures, abort] = [[] as string[], [] as string[], new AbortController()];
  const { signal } = abort;
  const disconnected = ({ message }: Error) => failures.push(message);
  const run = async () => {
    for await (const message of client.watch({ paths: ["/w"], heartbeatMs: 1000 }, { signal, disconnected }))
      if (message.type === "change") told.push(...message.events.map(({ data }) => data?.text() ?? "-"));
  };
  run().catch((error: unknown) => {
    if (!signal.aborted) failures.push(String(error));
  });
  return { told, failures, end: () => abort.abort() };
}
