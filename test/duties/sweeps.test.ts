// Sweeps as clients of a whole server see them: by their effect, in the watch, and over a crash.

import { expect } from "vitest";
import { type EventStream, Http } from "../support/http.ts";
import { type ServerProcess, test } from "../support/process.ts";

const everyFiftyMs = ["--sweep-interval-ms", "50"];
const notToday = ["--sweep-interval-ms", "86400000"];

/** Every deletion there ever was, and those to come. */
async function watchDeletions({ url }: ServerProcess, sinceZxid = 0): Promise<EventStream> {
  const query = { path: "/", scope: "subtree", types: "deleted", sinceZxid };
  return await new Http(url).stream("/v1/watch", { query });
}

/** The message in which the stream was told that the znode went. */
function deletionOf(stream: EventStream, path: string) {
  return stream.named("change").find(({ data }) => JSON.stringify(data.events).includes(`"path":"${path}"`));
}

test("a used container and a znode past its TTL go, the cause is told, others stay [K2, K3, K5, K7]", async ({
  start,
}) => {
  const server = await start(...everyFiftyMs);
  const http = new Http(server.url);
  await http.post("/v1/znodes/plain");
  await http.post("/v1/znodes/fresh", { query: "container=true" });
  await http.post("/v1/znodes/long", { query: "ttlMs=3600000" });
  const made = (await http.post("/v1/znodes/t", { query: "ttlMs=300" })).json<{
    stat: { mtimeMs: number };
  }>();
  await http.post("/v1/znodes/c", { query: "container=true" });
  await http.post("/v1/znodes/c/child");
  await http.delete("/v1/znodes/c/child");
  const deletions = await watchDeletions(server);
  await deletions.untilChanges(3);
  const [container, ttl] = [deletionOf(deletions, "/c"), deletionOf(deletions, "/t")];
  expect(container?.data).toMatchObject({ cause: "container", events: [{ stat: { container: true } }] });
  expect(ttl?.data).toMatchObject({ cause: "ttl", events: [{ stat: { ttlMs: 300 } }] });
  expect(Number(ttl?.data.timeMs)).toBeGreaterThan(made.stat.mtimeMs + 300);
  expect((await http.get("/v1/children")).json()).toMatchObject({ children: ["fresh", "long", "plain"] });
});

test("a container that nobody ever used goes after the time that is set [K2]", async ({ start }) => {
  const server = await start(...everyFiftyMs, "--container-never-used-ms-max", "200");
  await new Http(server.url).post("/v1/znodes/never", { query: "container=true" });
  const deletions = await watchDeletions(server);
  expect(await deletions.untilChanges(1)).toEqual(["deleted /never"]);
});

test("what is mortal, and what a sweep took, survives a crash: the next server sweeps the rest [K2, K3, G4]", async ({
  start,
}) => {
  const first = await start(...notToday);
  const http = new Http(first.url);
  await http.post("/v1/znodes/a", { query: "container=true" });
  await http.post("/v1/znodes/a/b", { query: "container=true" });
  await http.post("/v1/znodes/a/b/child");
  await http.delete("/v1/znodes/a/b/child");
  await http.post("/v1/znodes/t", { query: "ttlMs=1" });
  await first.kill();

  const second = await start(...everyFiftyMs, "--sweeps-per-minute-max", "1");
  const seen = await watchDeletions(second);
  expect(await seen.untilChanges(2)).toEqual(["deleted /a/b/child", "deleted /a/b"]);
  const told = deletionOf(seen, "/a/b");
  await second.kill();

  const third = await start(...everyFiftyMs);
  const again = await watchDeletions(third, Number.parseInt(told?.id ?? "", 10) - 1);
  expect((await again.untilChanges(3)).toSorted()).toEqual(["deleted /a", "deleted /a/b", "deleted /t"]);
  expect(deletionOf(again, "/a/b")?.text).toBe(told?.text);
  expect((await new Http(third.url).get("/v1/children")).json()).toMatchObject({ children: [] });
});

test("the bounds of sweeps are listed with the others", async ({ start }) => {
  const server = await start();
  expect((await new Http(server.url).get("/v1/limits")).json()).toMatchObject({
    bounds: { sweepIntervalMs: 60_000, sweepsPerMinuteMax: 10_000, containerNeverUsedMsMax: 300_000 },
  });
});

test("a planned stop amid a sweep is a clean one, and nothing is swept after it began", async ({ start }) => {
  const server = await start(...everyFiftyMs, "--sweeps-per-minute-max", "1");
  const http = new Http(server.url);
  for (const path of ["x", "y"]) await http.post(`/v1/znodes/${path}`, { query: "ttlMs=1" });
  const deletions = await watchDeletions(server);
  expect(await deletions.untilChanges(1)).toEqual(["deleted /x"]);
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
  const next = await start(...notToday);
  expect(next.hasLogged("not a clean one")).toBe(false);
  expect((await new Http(next.url).get("/v1/children")).json()).toMatchObject({ children: ["y"] });
});
