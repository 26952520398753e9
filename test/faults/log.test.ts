// What the log of a server says, to whoever reads it in the morning.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const exposed =
  "there is no access control: whoever can reach these addresses may read and change everything";

test("the log says when, who asked for what from where, and which sessions expired", async ({ start }) => {
  const server = await start("--log-level", "debug");
  const http = new Http(server.url);
  const opened = await http.post("/v1/sessions", {
    json: { timeoutMs: 1000, name: "\u202enight\u001b[2Jly" },
  });
  const { id, token } = opened.json<{ id: string; token: string }>();
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers: { "session-token": token } });
  const expired = await server.logged("a session expired");
  expect(expired).toMatchObject({ level: 30, session: id, timeoutMs: 1000, ephemerals: 1, zxid: 3 });
  expect(expired.name).toBe("\u202enight\u001b[2Jly");
  const request = server.logs.find(({ msg, url }) => msg === "request" && url === "/v1/sessions");
  expect(request).toMatchObject({ method: "POST", remoteAddress: "127.0.0.1", status: 201 });
  for (const { time } of server.logs) expect(time).toMatch(isoTime);
  // As it stands on a terminal: a name cannot turn the line around, nor wipe the screen.
  expect(server.stdout).not.toMatch(/[\u001b\u202e]/);
  expect(server.stdout).toContain("\\u202enight\\u001b[2Jly");
});

test("a server that others can reach says where, and that it keeps nobody out", async ({
  dataDir,
  start,
}) => {
  const closed = await start();
  expect(closed.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(closed.hasLogged(exposed)).toBe(false);
  await closed.terminate();
  const open = await ServerProcess.start({ dataDir, args: ["--host", "0.0.0.0"] });
  try {
    const warning = await open.logged(exposed);
    expect(open.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
    expect(warning).toMatchObject({ level: 40, addresses: [open.url] });
  } finally {
    await open.kill();
  }
});
