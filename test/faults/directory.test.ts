// The directory under a running server: removed, moved or replaced. Nobody is told that a write is safe which the next
// start will not find.

import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess, test } from "../support/process.ts";

/** Ended as a store that failed, which is when a supervisor starts it again. */
async function expectFailure(server: ServerProcess, cause: RegExp): Promise<void> {
  expect(await server.exit).toEqual({ code: 74, signal: null });
  expect(server.logs.at(-1)).toMatchObject({ level: "fatal", cause: expect.stringMatching(cause) });
}

test("a server whose directory is moved away takes no more writes and ends with 74, and a start finds what it took", {
  timeout: 180_000,
}, async () => {
  const above = makeDataDir();
  const dataDir = join(above, "data");
  const server = await ServerProcess.start({ dataDir });
  try {
    expect((await new Http(server.url).post("/v1/znodes/a", { body: "1" })).status).toBe(201);
    renameSync(dataDir, join(above, "moved"));
    await expectFailure(server, /data was removed or moved/);
    const next = await ServerProcess.start({ dataDir: join(above, "moved") });
    expect((await new Http(next.url).get("/v1/znodes/a")).status).toBe(200);
    await next.kill();
  } finally {
    await server.kill();
    removeDataDir(above);
  }
});

test("without lock.db a second server gets in, and from then on only the second takes writes", {
  timeout: 180_000,
}, async ({ start, dataDir }) => {
  const first = await start();
  const http = new Http(first.url);
  expect((await http.post("/v1/znodes/before", { body: "1" })).status).toBe(201);
  // Stopped, the first cannot notice: the second is there before it looks.
  first.signal("SIGSTOP");
  rmSync(join(dataDir, "lock.db"));
  const second = new Http((await start()).url);
  expect((await second.get("/v1/znodes/before")).status).toBe(200);
  expect((await second.post("/v1/znodes/second", { body: "2" })).status).toBe(201);
  const late = http.post("/v1/znodes/late", { body: "3" }).then(
    ({ status }) => status,
    () => "no answer",
  );
  first.signal("SIGCONT");
  expect(await late).toBe("no answer");
  await expectFailure(first, /lock\.db was (removed|replaced)/);
  expect((await second.get("/v1/znodes/late")).status).toBe(404);
  expect((await second.post("/v1/znodes/after", { body: "4" })).status).toBe(201);
});
