// kill -9 between the commit and the answer, again and again: whoever sends its request again under the same key
// hears what was done, and nothing is done twice.

import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import type { Stat } from "../../src/core/tree/stat.ts";
import { type Answer, Http } from "../support/http.ts";
import { type ServerProcess, test } from "../support/process.ts";
import { random } from "../support/random.ts";

const rounds = 10;
/** Should none of them fall between a commit and its answer, there are more. */
const roundsMax = 100;
const clients = 8;
const seed = Number(process.env.SEED ?? 20_261_122);

interface Ticket {
  readonly key: string;
  readonly answer: Answer;
}

/** Takes one ticket after the other, each under a key of its own; a request without an answer is sent again. */
class Client {
  readonly tickets: Ticket[] = [];
  readonly #name: string;
  readonly #taken: () => void;
  #key: string | null = null;
  retries = 0;

  /** @param taken called with each ticket */
  constructor(name: string, taken: () => void) {
    this.#name = name;
    this.#taken = taken;
  }

  /** Until the server is gone. */
  async run(url: string): Promise<void> {
    const http = new Http(url);
    for (;;) {
      if (this.#key === null) this.#key = `${this.#name} ticket ${this.tickets.length}`;
      else this.retries += 1;
      try {
        await this.#take(http, this.#key);
      } catch (error) {
        if (error instanceof TypeError || (error instanceof Error && error.name === "AbortError")) return;
        throw error;
      }
    }
  }

  /** The one that may be open is answered too. */
  async finish(url: string): Promise<void> {
    if (this.#key !== null) await this.#take(new Http(url), this.#key);
  }

  async #take(http: Http, key: string): Promise<void> {
    const answer = await http.post("/v1/znodes/q/n-", {
      query: "sequential=true",
      body: key,
      headers: { "idempotency-key": key },
    });
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    this.tickets.push({ key, answer });
    this.#key = null;
    this.#taken();
  }
}

test(`over ${rounds} kills every key has exactly one znode, seed ${seed} [D19, G8, N15]`, {
  timeout: 300_000,
}, async ({ start }) => {
  const chance = random(seed);
  let [left, onLast] = [0, () => {}];
  const taken = () => {
    left -= 1;
    if (left === 0) onLast();
  };
  const all = Array.from({ length: clients }, (_, index) => new Client(`client ${index}`, taken));
  let server = await start();
  await new Http(server.url).post("/v1/znodes/q");
  for (let round = 0; round < rounds || (replayedOf(all).length === 0 && round < roundsMax); round += 1) {
    const { url, signal } = { url: server.url, signal: server.signal.bind(server) };
    [left, onLast] = [2 * clients + Math.floor(chance() * 40), () => signal("SIGKILL")];
    const running = all.map((client) => client.run(url));
    await server.exit;
    await Promise.all(running);
    server = await start();
  }
  for (const client of all) await client.finish(server.url);
  await verify(server, all);
});

async function verify(server: ServerProcess, all: readonly Client[]): Promise<void> {
  const tickets = all.flatMap((client) => client.tickets);
  const children = await childrenOf(new Http(server.url));
  expect(tickets.length).toBeGreaterThan(rounds * clients);
  expect(children.map(({ data }) => data).sort()).toEqual(tickets.map(({ key }) => key).sort());
  const answered = tickets.map(({ answer }) => answer.json<{ path: string; stat: Stat }>());
  expect(new Set(answered.map(({ stat }) => stat.sequence)).size).toBe(tickets.length);
  const pathOfKey = new Map(children.map(({ path, data }) => [data, path]));
  for (const [index, { key }] of tickets.entries()) expect(answered[index]?.path).toBe(pathOfKey.get(key));
  const replayed = replayedOf(all);
  const retries = all.reduce((sum, client) => sum + client.retries, 0);
  expect(replayed.length).toBeGreaterThan(0);
  expect(replayed.length).toBeLessThanOrEqual(retries + clients);
}

/** What fell between a commit and its answer. */
function replayedOf(all: readonly Client[]): Ticket[] {
  const isReplayed = ({ answer }: Ticket) => answer.header("idempotency-replayed") === "true";
  return all.flatMap(({ tickets }) => tickets.filter(isReplayed));
}

async function childrenOf(http: Http): Promise<{ path: string; data: string }[]> {
  const children: { path: string; data: string }[] = [];
  for (let after: string | undefined; ; ) {
    const query = { limit: 10_000, include: "data", ...(after !== undefined && { after }) };
    const page = (await http.get("/v1/children/q", { query })).json<{
      znodes: { path: string; data: string }[];
      next?: string;
    }>();
    children.push(...page.znodes);
    if (page.next === undefined) return children;
    after = page.next;
  }
}

test("after a restart, clean or not, a key is known, and the token of its session is the same [D19, N4, N13]", async ({
  start,
  dataDir,
}) => {
  let server = await start();
  const key = "open-sesame-4711";
  const open = (url: string) =>
    new Http(url).post("/v1/sessions", { json: { timeoutMs: 30_000 }, headers: { "idempotency-key": key } });
  const first = await open(server.url);
  await server.kill();
  server = await start();
  const afterKill = await open(server.url);
  await server.terminate();
  const file = new Sqlite(join(dataDir, "treekeeper.db"), { readonly: true });
  const rows = file.prepare("SELECT key, outcome FROM reply").all() as { key: string; outcome: string }[];
  file.close();
  server = await start();
  const afterStop = await open(server.url);
  expect([afterKill.text, afterStop.text]).toEqual([first.text, first.text]);
  expect(afterStop.header("idempotency-replayed")).toBe("true");
  const { id, token } = first.json<{ id: string; token: string }>();
  const kept = await new Http(server.url).put(`/v1/sessions/${id}`, { headers: { "session-token": token } });
  expect(kept.status).toBe(200);
  expect(rows.map((row) => row.key)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  for (const secret of [token, key]) expect(JSON.stringify(rows)).not.toContain(secret);
});

test("keys beyond the bounds are forgotten, oldest first, over restarts and lowered bounds [D19]", async ({
  start,
}) => {
  const take = (url: string, key: string) =>
    new Http(url).post("/v1/znodes/n-", { query: "sequential=true", headers: { "idempotency-key": key } });
  const isReplay = async (url: string, key: string) =>
    (await take(url, key)).header("idempotency-replayed") === "true";
  let server = await start("--idempotency-keys-max", "5");
  for (let index = 0; index < 8; index += 1) await take(server.url, `k${index}`);
  expect([await isReplay(server.url, "k3"), await isReplay(server.url, "k7")]).toEqual([true, true]);
  await server.kill();
  server = await start("--idempotency-keys-max", "3");
  // A lowered bound takes hold with the next key.
  expect(await isReplay(server.url, "k3")).toBe(true);
  expect(await isReplay(server.url, "new")).toBe(false);
  expect([await isReplay(server.url, "k6"), await isReplay(server.url, "k5")]).toEqual([true, false]);
  await server.terminate();
  server = await start("--idempotency-keys-max", "3");
  const found = [];
  for (const key of ["k7", "new", "k5"]) found.push(await isReplay(server.url, key));
  expect(found).toEqual([true, true, true]);
});

test("kept answers never take more than a sixteenth of a file that has a bound", async ({ start }) => {
  const server = await start("--database-bytes-max", "16MiB", "--free-bytes-min", "0");
  const http = new Http(server.url);
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  expect(bounds.idempotencyBytesMax).toBe(1_048_576);
});
