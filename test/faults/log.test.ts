// What the log of a server says, to whoever reads it in the morning.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test("the log says when, who asked for what from where, and which sessions expired", async ({ start }) => {
  const server = await start("--log-level", "debug");
  const http = new Http(server.url);
  const opened = await http.post("/v1/sessions", {
    json: { timeoutMs: 1000, name: "\u202enight\u001b[2Jly" },
  });
  const { id, token } = opened.json<{ id: string; token: string }>();
  await http.post("/v1/znodes/e", { query: "ephemeral=true", headers: { "session-token": token } });
  const expired = await server.logged("a session expired");
  expect(expired).toMatchObject({ level: "info", session: id, timeoutMs: 1000, ephemerals: 1, zxid: 3 });
  expect(expired.name).toBe("\u202enight\u001b[2Jly");
  const request = server.logs.find(({ msg, url }) => msg === "request" && url === "/v1/sessions");
  expect(request).toMatchObject({
    ...{ level: "debug", address: "127.0.0.1", method: "POST", route: "/v1/sessions", status: 201 },
    ms: expect.any(Number),
  });
  for (const { time } of server.logs) expect(time).toMatch(isoTime);
  expect(server.stdout).not.toContain(token);
  // As it stands on a terminal: a name cannot turn the line around, nor wipe the screen.
  expect(server.stdout).not.toMatch(/[\u001b\u202e]/);
  expect(server.stdout).toContain("\\u202enight\\u001b[2Jly");
});
