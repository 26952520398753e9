// How a server ends and what the next one finds: a planned stop is clean, an unplanned one is noticed, and one folder
// has one server.

import { once } from "node:events";
import { existsSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { container, hasContainers, processInside } from "../support/container.ts";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";

const uncleanWarning = "the last stop was not a clean one";

test("SIGTERM says bye on every stream, answers what is under way, and exits with 0 [G4]", async ({
  start,
}) => {
  const server = await start();
  const http = new Http(server.url);
  await http.post("/v1/znodes/a");
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const watch = await http.stream("/v1/watch", { query: "path=/a" });
  const session = await http.stream(`/v1/sessions/${id}/events`);
  await Promise.all([watch.untilEvent("synced"), session.untilEvent("alive")]);
  const writes = Promise.allSettled(
    Array.from({ length: 50 }, () => http.put("/v1/znodes/a", { body: "x" })),
  );
  await watch.untilEvent("change");
  const exit = await server.terminate();
  expect(exit).toEqual({ code: 0, signal: null });
  for (const stream of [watch, session]) {
    await stream.untilEnd();
    expect([stream.isCut, stream.events.at(-1)?.event]).toEqual([false, "bye"]);
    expect(stream.events.at(-1)?.data).toEqual({ reason: "shutdown" });
  }
  // A connection may close as a request sets out on it; but what was done was answered.
  const answers = (await writes).flatMap((write) =>
    write.status === "fulfilled" ? [write.value.status] : [],
  );
  const done = answers.filter((status) => status === 200).length;
  expect(answers.filter((status) => status !== 200 && status !== 503)).toEqual([]);

  const next = await start();
  expect(next.hasLogged(uncleanWarning)).toBe(false);
  const again = new Http(next.url);
  expect((await again.get("/v1/znodes/a")).json()).toMatchObject({ stat: { version: done } });
  expect((await again.put(`/v1/sessions/${id}`, { headers: { "session-token": token } })).status).toBe(200);
});

test("a request that never ends and a connection that idles do not hold up a planned stop", async ({
  start,
}) => {
  const server = await start();
  const http = new Http(server.url);
  const beginnings = [
    "",
    "GET /v1/zno",
    "POST /v1/znodes/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
    "GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n",
  ];
  for (const beginning of beginnings) (await http.connect()).write(beginning);
  await http.get("/v1/znodes");
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
  const next = await start();
  expect(next.hasLogged(uncleanWarning)).toBe(false);
  expect((await new Http(next.url).get("/v1/znodes/half")).status).toBe(404);
});

test("a restart goes on where the last one ended: zxids, numbers, watches [Z5, Q7, W28]", async ({
  start,
}) => {
  const first = await start();
  const http = new Http(first.url);
  for (const _ of [1, 2]) await http.post("/v1/znodes/n-", { query: "sequential=true" });
  const stream = await http.stream("/v1/watch", { query: "path=/&scope=subtree&sinceZxid=0" });
  await stream.untilChanges(2);
  await first.terminate();
  const second = await start();
  const again = new Http(second.url);
  const { path, stat } = (await again.post("/v1/znodes/n-", { query: "sequential=true" })).json<{
    path: string;
    stat: { czxid: number };
  }>();
  expect([path, stat.czxid]).toEqual(["/n-0000000002", 3]);
  const resumed = await again.stream("/v1/watch", {
    query: "path=/&scope=subtree",
    headers: { "last-event-id": "1" },
  });
  expect(await resumed.untilChanges(2)).toEqual(["created /n-0000000001", "created /n-0000000002"]);
  expect(resumed.named("change")[0]?.text).toBe(stream.named("change")[1]?.text);
});

test("an unplanned stop is noticed at the next start, and said", async ({ start }) => {
  const first = await start();
  await new Http(first.url).post("/v1/znodes/a");
  expect(await first.kill()).toEqual({ code: null, signal: "SIGKILL" });
  const second = await start();
  expect(second.hasLogged(uncleanWarning)).toBe(true);
  expect((await new Http(second.url).get("/v1/znodes/a")).status).toBe(200);
});

test("a second server on the same folder is refused with one sentence, the first one serves on", async ({
  dataDir,
  start,
}) => {
  const first = await start();
  const { code, logs } = await ServerProcess.runToEnd({ dataDir });
  expect(code).toBe(1);
  expect(logs.map(({ msg }) => msg)).toEqual([expect.stringMatching(/^could not start: .*is in use.*\.$/)]);
  expect((await new Http(first.url).post("/v1/znodes/a")).status).toBe(201);
});

test("a session is given its full timeout after a restart, and expires then if it stays silent [N13]", async ({
  start,
}) => {
  const first = await start();
  const http = new Http(first.url);
  const opened = await http.post("/v1/sessions", { json: { timeoutMs: 1000 } });
  const { id, token } = opened.json<{ id: string; token: string }>();
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers: { "session-token": token } });
  await first.kill();
  const startedMs = performance.now();
  const second = await start();
  const again = new Http(second.url);
  const stream = await again.stream(`/v1/sessions/${id}/events`);
  await stream.untilEvent("ended");
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1000);
  expect((await again.get("/v1/znodes/e")).status).toBe(404);
});

test("a port that is taken stops the start with a sentence", async ({ start, dataDir }) => {
  const first = await start();
  const { port } = new URL(first.url);
  const { code, logs } = await ServerProcess.runToEnd({
    dataDir: `${dataDir}/other`,
    args: ["--port", port],
  });
  expect(code).toBe(1);
  expect(logs.at(-1)?.msg).toMatch(/^could not start: .*EADDRINUSE/);
});

test("SIGINT ends it as SIGTERM does", async ({ start }) => {
  const server = await start();
  const stream = await new Http(server.url).stream("/v1/watch", { query: "path=/" });
  await stream.untilEvent("synced");
  server.signal("SIGINT");
  await stream.untilEvent("bye");
  expect(await server.exit).toEqual({ code: 0, signal: null });
});

/** Has a process say that it hears a stop from now on, which it does in its first lines. */
const hears = "hears SIGTERM";
const saysWhenItHears = `process.on("newListener",(name)=>name==="SIGTERM"&&console.log('{"msg":"${hears}"}'))`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(saysWhenItHears)}` };

/** The moments of a start at which it may be told to stop. */
const moments: Record<string, (server: ServerProcess) => Promise<unknown>> = {
  hears: (server) => server.logged(hears),
  "opens its store": ({ dataDir }) => appeared(dataDir, "treekeeper.db-wal"),
  "has opened it": (server) => server.logged("store open"),
  serves: (server) => server.logged("serving"),
};

test("a stop is a clean one at every moment of the start", { timeout: 180_000 }, async ({
  dataDir,
  start,
}) => {
  const first = await start();
  await new Http(first.url).post("/v1/znodes/a");
  await first.terminate();
  for (const [name, moment] of Object.entries(moments)) {
    const server = ServerProcess.launch({ dataDir, env });
    await moment(server);
    expect(await server.terminate(), name).toEqual({ code: 0, signal: null });
    expect(readdirSync(dataDir), name).not.toContain("treekeeper.db-wal");
  }
  const last = await start();
  expect(last.hasLogged(uncleanWarning)).toBe(false);
  expect((await new Http(last.url).get("/v1/znodes/a")).status).toBe(200);
});

test("a stop of `npm start` is a planned stop of the service, and npm ends after it", async ({ dataDir }) => {
  const npm = await ServerProcess.start({ dataDir, command: ["npm", "start", "--"] });
  await npm.terminate();
  expect(npm.hasLogged("closed")).toBe(true);
});

test("started by nohup it outlives the terminal, and still hears its stop", async ({ dataDir }) => {
  const nohup = ["sh", "-c", 'trap "" HUP; exec bin/treekeeper serve "$@"', "sh"] as const;
  const server = await ServerProcess.start({ dataDir, command: nohup });
  server.signal("SIGHUP");
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
  expect(server.logs.flatMap(({ msg, signal }) => (msg === "closing" ? [signal] : []))).toEqual(["SIGTERM"]);
});

test.skipIf(!hasContainers)(
  "as process 1 of a container it hears its stop from the start on",
  async ({ dataDir }) => {
    const command = [...container, process.execPath, "src/main.ts"] as const;
    for (const moment of [hears, "serving"]) {
      const unshare = ServerProcess.launch({ dataDir, command, env });
      await unshare.logged(moment);
      process.kill(processInside(unshare), "SIGTERM");
      expect(await unshare.exit).toEqual({ code: 0, signal: null });
    }
  },
);

/** Resolves when the folder has such a file. */
async function appeared(folder: string, name: string): Promise<void> {
  const changes = watch(folder);
  while (!existsSync(join(folder, name))) await once(changes, "change");
  changes.close();
}
