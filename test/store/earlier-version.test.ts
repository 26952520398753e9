// A data directory that the version before this one was killed in: whoever used it goes on as if nothing had happened.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const fixtures = join(import.meta.dirname, "fixtures");

interface Known {
  readonly holder: { readonly id: string; readonly token: string };
  readonly waiter: { readonly id: string; readonly token: string };
  readonly held: { readonly id: string; readonly fenceHeader: string };
  readonly waiting: { readonly id: string };
  readonly leads: { readonly id: string; readonly fenceHeader: string };
  /** A znode that was made by a request with the key "the-job", and deleted since. */
  readonly keyed: { readonly path: string; readonly czxid: number };
  /** The last that a watcher had seen; two transactions came after it. */
  readonly seenZxid: number;
  readonly lastZxid: number;
}

/** What its clients had been told. */
const known = JSON.parse(readFileSync(join(fixtures, "schema-6.json"), "utf8")) as Known;

function unpack(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of ["treekeeper.db", "treekeeper.db-wal"]) {
    const packed = readFileSync(join(fixtures, `schema-6-${name}.gz`));
    writeFileSync(join(directory, name), gunzipSync(packed), { mode: 0o600 });
  }
}

test("a directory of the version before is opened with its sessions, claims, kept answers and watch cursors", async ({
  dataDir,
  start,
}) => {
  unpack(dataDir);
  const http = new Http((await start()).url);
  const { holder, waiter, held, waiting, leads, keyed, seenZxid, lastZxid } = known;

  const watch = await http.stream("/v1/watch", {
    query: "path=/&scope=subtree",
    headers: { "Last-Event-ID": String(seenZxid) },
  });
  await watch.untilEvent("change", 2);
  expect(watch.named("reset")).toEqual([]);
  expect(watch.named("change").map(({ data }) => data)).toMatchObject([
    { zxid: seenZxid + 1, events: [{ type: "changed", path: "/config", data: "missed" }] },
    { zxid: lastZxid, events: [{ type: "deleted", path: keyed.path }] },
  ]);
  watch.close();

  const as = ({ token }: { readonly token: string }) => ({ "Session-Token": token });
  for (const session of [holder, waiter]) {
    const kept = await http.put(`/v1/sessions/${session.id}`, { headers: as(session) });
    expect(kept.json()).toMatchObject({ id: session.id });
  }
  const again = await http.post("/v1/locks/report/claims", { headers: as(holder), json: {} });
  expect([again.status, again.json<{ id: string }>().id]).toEqual([201, held.id]);
  for (const Fence of [held.fenceHeader, leads.fenceHeader]) {
    expect((await http.put("/v1/znodes/config", { headers: { Fence }, body: "fenced" })).status).toBe(200);
  }
  const registered = await http.get("/v1/services/web");
  expect(registered.json()).toMatchObject({ instances: [{ id: "a", address: "10.0.0.1" }] });

  const replayed = await http.post("/v1/znodes/queue/job-", {
    query: "sequential=true&parents=true",
    ...{ body: "job", headers: { "Idempotency-Key": "the-job" } },
  });
  expect([replayed.header("idempotency-replayed"), replayed.json()]).toMatchObject([
    "true",
    { path: keyed.path, stat: { czxid: keyed.czxid } },
  ]);

  const next = http.get(`/v1/locks/report/claims/${waiting.id}`, {
    ...{ query: "waitMs=60000", headers: as(waiter) },
  });
  await http.delete(`/v1/locks/report/claims/${held.id}`, { headers: as(holder) });
  expect((await next).json()).toMatchObject({ id: waiting.id, state: "held" });
});
