// Makes the fixture of a version of the tables: the files of a directory in which a server was killed, and what its clients
// had been told. `npm run fixture` makes that of this version, once its tables are what they will be; for an earlier one the
// `src/main.ts` of a checkout of it is named.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import Sqlite from "better-sqlite3";
import { Http } from "../support/http.ts";
import { fixtureFile, type Known, knownFile } from "./fixtures.ts";

const ownMain = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const [main = ownMain] = process.argv.slice(2);

const directory = mkdtempSync(join(tmpdir(), "treekeeper-fixture-"));
try {
  const dataDir = join(directory, "data");
  const server = spawn(process.execPath, [main, "--port", "0", "--data-dir", dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const known = await use(new Http(await addressOf(server.stdout)));
  server.kill("SIGKILL");
  await once(server, "exit");
  const database = new Sqlite(join(dataDir, "treekeeper.db"), { readonly: true });
  const version = database.pragma("user_version", { simple: true }) as number;
  database.close();
  for (const suffix of ["", "-wal"]) {
    const content = readFileSync(join(dataDir, `treekeeper.db${suffix}`));
    writeFileSync(fixtureFile(version, suffix), gzipSync(content, { level: 9 }));
  }
  writeFileSync(knownFile(version), `${JSON.stringify(known, null, 2)}\n`);
  process.stdout.write(`version ${version}: ${JSON.stringify(known.has)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Where it says that it serves. */
async function addressOf(log: Readable): Promise<string> {
  for await (const line of createInterface({ input: log })) {
    const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
    if (msg === "serving") return String(address);
  }
  throw new Error("It ended, and did not serve.");
}

/** What every version can do, and what else this one can. */
async function use(http: Http): Promise<Known> {
  const has: string[] = [];
  const isDone = async (name: string, asking: Promise<{ readonly status: number }>) => {
    if ((await asking).status < 300) has.push(name);
  };
  const [holder, waiter] = [await openSession(http), await openSession(http)];
  await http.post("/v1/znodes/config", { body: "first" });
  await http.post("/v1/znodes/queue");
  const numbered = [];
  for (let count = 0; count < 3; count += 1)
    numbered.push((await create(http, "/queue/n-", "sequential=true")).path);
  await create(http, "/members", "");
  await http.post("/v1/znodes/members/a", { query: "ephemeral=true", headers: as(holder) });
  await http.post("/v1/znodes/mortal", { query: "ttlMs=86400000" });
  await http.post("/v1/znodes/box", { query: "container=true" });
  const claim = (session: Session) =>
    http.post("/v1/locks/report/claims", { json: { waitMs: 1 }, headers: as(session) });
  const held = (await claim(holder)).json<Held>();
  const waiting = (await claim(waiter)).json<{ id: string }>();
  const keyed = () => ({ query: "sequential=true", headers: { "idempotency-key": "the-job" } });
  const job = await http.post("/v1/znodes/queue/job-", keyed());
  if ((await http.post("/v1/znodes/queue/job-", keyed())).header("idempotency-replayed") === "true")
    has.push("keys");
  await isDone("quotas", http.put("/v1/quotas/queue", { json: { countHard: 1000 } }));
  const instance = { json: { address: "10.0.0.1", port: 80 }, headers: as(holder) };
  await isDone("services", http.put("/v1/services/web/instances/a", instance));
  const acl = [{ scheme: "world", id: "anyone", perms: ["read"] }];
  await http.post("/v1/znodes/listed");
  await isDone("lists", http.put("/v1/acl/listed", { json: { acl } }));
  const stream = await http.stream("/v1/watch", { query: "path=/&scope=subtree" });
  const { id: seenId = "" } = await stream.untilEvent("synced");
  const { zxid } = await http.put("/v1/znodes/config", { body: "missed" });
  await stream.untilEvent("change");
  stream.close();
  const { fenceHeader = `${held.path}@${held.fence}` } = held;
  return {
    ...{ holder, waiter, held: { id: held.id, fenceHeader }, waiting: { id: waiting.id }, numbered },
    ...{ job: job.json<{ path: string }>().path, seenId, zxid, has },
  };
}

interface Session {
  readonly id: string;
  readonly token: string;
}

interface Held {
  readonly id: string;
  readonly path: string;
  readonly fence: number;
  readonly fenceHeader?: string;
}

function as({ token }: Session) {
  return { "session-token": token };
}

async function openSession(http: Http): Promise<Session> {
  const { id, token } = (await http.post("/v1/sessions", { json: { timeoutMs: 30_000 } })).json<Session>();
  return { id, token };
}

async function create(http: Http, path: string, query: string): Promise<{ path: string }> {
  const answer = await http.post(`/v1/znodes${path}`, { query });
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return answer.json<{ path: string }>();
}
