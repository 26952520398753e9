// A database that may grow no further: writes are refused in good order, reads and keepalives go on, nothing that was
// acknowledged is lost, and with more room everything goes on.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const settings = [
  ...["--database-bytes-max", "2MiB", "--free-bytes-min", "0", "--ballast-bytes", "1MiB"],
  ...["--checkpoint-bytes", "1MiB", "--wal-bytes-max", "1MiB", "--history-bytes-max", "1MiB"],
];

/** Writes until the server refuses; answers the names of the znodes that were acknowledged. */
async function fill(http: Http): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let count = 0; count < 400; count += 1) {
    const name = `n${count}`;
    const answer = await http.post(`/v1/znodes/full/${name}`, { body: name.padEnd(50_000, ".") });
    if (answer.status === 503) return acknowledged;
    expect(`${answer.status} ${answer.text.slice(0, 200)}`).toMatch(/^201/);
    acknowledged.push(name);
  }
  throw new Error("the database was never full");
}

test("a full database refuses writes with 503 read_only, reads and keepalives go on, and nothing is lost [G4, L2]", {
  timeout: 60_000,
}, async ({ start }) => {
  const server = await start(...settings);
  const http = new Http(server.url);
  await http.post("/v1/znodes/full");
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const headers = { "session-token": token };
  await http.post("/v1/znodes/full/member", { query: "ephemeral=true", headers });
  const names = await fill(http);
  expect(names.length).toBeGreaterThan(5);

  const refused = await http.put("/v1/znodes/full", { body: "x" });
  expect([refused.status, refused.code, refused.header("retry-after")]).toEqual([503, "read_only", "5"]);
  expect((await http.post("/v1/sessions")).status).toBe(503);
  expect((await http.get("/readyz")).status).toBe(503);
  expect((await http.get("/livez")).status).toBe(200);
  expect((await http.put(`/v1/sessions/${id}`, { headers })).status).toBe(200);
  for (const name of names) {
    const read = await http.get(`/v1/znodes/full/${name}`, { query: "raw=true" });
    expect(read.text.startsWith(`${name}.`), name).toBe(true);
  }

  await server.kill();
  const next = await start(...settings, "--database-bytes-max", "32MiB");
  const again = new Http(next.url);
  const listed = (await again.get("/v1/children/full", { query: "limit=10000" })).json<{
    children: string[];
  }>();
  expect(listed.children.filter((name) => name !== "member").toSorted()).toEqual(names.toSorted());
  expect((await again.put("/v1/znodes/full", { body: "x" })).status).toBe(200);
  for (const name of names) expect((await again.delete(`/v1/znodes/full/${name}`)).status).toBe(204);
  expect((await again.delete(`/v1/sessions/${id}`, { headers })).status).toBe(204);
  expect((await again.get("/v1/znodes/full/member")).status).toBe(404);
});
