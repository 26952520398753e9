// The scenario of ../steps.ts with the client that Hey API makes.

import { once } from "node:events";
import { EventSource } from "eventsource";
import { client } from "./treekeeper/client.gen.js";
import * as treekeeper from "./treekeeper/index.js";

const baseUrl = process.env.TREEKEEPER_ENDPOINT as string;
client.setConfig({ baseUrl });

const session = await openSession();
expect("validity", session.validForMs > 0 && session.validForMs <= 60_000, true);
ok("session");
const own = { "Session-Token": session.token };

const folder = "/clients/中文 路径/v1.2/a b";
await create(folder, { query: { parents: true } });
const numbered: string[] = [];
for (let count = 0; count < 2; count++) {
  numbered.push(await create(`${folder}/n-`, { query: { ephemeral: true, sequential: true }, headers: own }));
}
expect("names", numbered, [`${folder}/n-0000000000`, `${folder}/n-0000000001`]);
expect("owner", (await statOf(`${folder}/n-0000000001`)).ephemeralOwner, session.id);
ok("sequence");

// --- data and conditions

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
await create("/clients/binary", { body: new Blob([everyByte]) });
const read: Blob = good(await treekeeper.getData({ path: { path: "/clients/binary" } }));
expect("bytes", new Uint8Array(await read.arrayBuffer()), everyByte);
ok("binary");

expect("exists", await exists("/clients/binary"), true);
expect("exists", await exists("/clients/nothing"), false);
ok("exists");

const conflict = await treekeeper.setZnode({
  path: { path: "/clients/binary" },
  query: { version: 7 },
  body: new Blob(["late"]),
});
expect("code", refused(conflict).code, "bad_version");
ok("conflict");

const operations: treekeeper.TransactionOperation[] = [
  { op: "check", path: "/clients", exists: true },
  { op: "create", path: "/clients/t", data: "made" },
  { op: "set", path: "/clients/nothing", data: "lost" },
  { op: "delete", path: "/clients/t" },
];
const problem = refused(await treekeeper.transact({ body: { operations } }));
expect("code", problem.code, "no_node");
expect("failed operation", problem.failedOperation, 2);
const fates = problem.results?.map(({ code }) => code);
expect("fates", fates, ["rolled_back", "rolled_back", "no_node", "not_evaluated"]);
expect("exists", await exists("/clients/t"), false);
ok("transaction");

// --- lists and numbers

for (let number = 0; number < 7; number++) {
  await create(`/clients/pages/c${number}`, { query: { parents: true } });
}
const pages = await Array.fromAsync(pagesOf("/clients/pages", 3));
expect("pages", pages, [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]);
ok("paging");

const { ctimeMs } = await statOf("/clients");
expect("age", Math.abs(Date.now() - ctimeMs) < 60_000, true);
ok("int64");

// --- locks and services

const rival = { "Session-Token": (await openSession()).token };
const lock = { name: "scenario" };
const held = good(await treekeeper.claimLock({ path: lock, headers: own }));
expect("state", held.state, "held");
const waiting = good(await treekeeper.claimLock({ path: lock, headers: rival, body: { waitMs: 100 } }));
expect("state", waiting.state, "waiting");
expect("position", waiting.position, 1);
done(await treekeeper.releaseClaim({ path: { ...lock, id: held.id }, headers: own }));
const standing = await treekeeper.getClaim({
  path: { ...lock, id: waiting.id },
  query: { waitMs: 5_000 },
  headers: rival,
});
expect("state", good(standing).state, "held");
ok("lock");

for (const [id, tags] of Object.entries({ one: ["blue", "small"], two: ["green"] })) {
  const body = { address: "10.0.0.1", port: 8080, tags };
  good(await treekeeper.registerInstance({ path: { service: "echo", id }, headers: own, body }));
}
const { instances } = good(
  await treekeeper.getService({ path: { service: "echo" }, query: { tag: ["blue"] } }),
);
expect(
  "instances",
  instances.map(({ id }) => id),
  ["one"],
);
ok("service");

// --- a watch, over a server that is killed

await create("/clients/watched");
const query: treekeeper.WatchData["query"] = { path: ["/clients/watched"] };
const stream = new EventSource(client.buildUrl({ url: "/v1/watch", query }));
const told: string[] = [];
let toldOne = () => {};
stream.addEventListener("change", ({ data }) => {
  const change: treekeeper.WatchChange = JSON.parse(data);
  for (const event of change.events) told.push(event.data ?? "nothing");
  toldOne();
});
await once(stream, "synced");

const values = ["1", "2", "3", "4", "5", "6"];
for (const [index, value] of values.entries()) {
  if (index === 3) await killServer();
  good(await treekeeper.setZnode({ path: { path: "/clients/watched" }, body: new Blob([value]) }));
  while (told.length <= index) await new Promise<void>((resolve) => (toldOne = resolve));
}
expect("changes", told, values);
stream.close();
ok("watch");

// --- the end of a session

done(await treekeeper.closeSession({ path: { id: session.id }, headers: own }));
for (const path of numbered) expect(`${path} is there`, await exists(path), false);
ok("close");
process.stdin.destroy();

// --- what the steps share

async function openSession(): Promise<treekeeper.OpenedSession> {
  return good(await treekeeper.openSession({ body: { timeoutMs: 60_000 } }));
}

type CreateOptions = Omit<treekeeper.CreateZnodeData, "path" | "url">;

async function create(path: string, options: CreateOptions = {}): Promise<string> {
  return good(await treekeeper.createZnode({ path: { path }, ...options })).path;
}

async function statOf(path: string): Promise<treekeeper.Stat> {
  const { stat } = good(await treekeeper.getZnode({ path: { path } }));
  if (stat === undefined) throw new Error(`${path} is not there`);
  return stat;
}

async function exists(path: string): Promise<boolean> {
  const { response } = await treekeeper.existsZnode({ path: { path } });
  expect("status", response?.status === 200 || response?.status === 404, true);
  return response?.status === 200;
}

async function* pagesOf(path: string, limit: number): AsyncGenerator<string[]> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = good(
      await treekeeper.listChildren({
        path: { path },
        query: after === undefined ? { limit } : { limit, after },
      }),
    );
    yield page.children;
    after = page.next;
  }
}

// --- what any scenario needs

interface Answer<Data, Refusal> {
  readonly data?: Data;
  readonly error?: Refusal;
  readonly response?: Response;
}

/** What a call has answered that is to succeed. */
function good<Data>({ data, error, response }: Answer<Data, unknown>): NonNullable<Data> {
  if (data === undefined || data === null) throw new Error(`${response?.status}: ${JSON.stringify(error)}`);
  return data;
}

/** That a call without an answer has succeeded. */
function done({ error, response }: Answer<unknown, unknown>): void {
  if (!response?.ok) throw new Error(`${response?.status}: ${JSON.stringify(error)}`);
}

/** Why a call was refused that is to be refused. */
function refused<Refusal>({ error, response }: Answer<unknown, Refusal>): NonNullable<Refusal> {
  if (error === undefined || error === null) throw new Error(`${response?.status}, and not refused`);
  return error;
}

async function killServer(): Promise<void> {
  process.stdout.write("kill me\n");
  const [line] = await once(process.stdin.setEncoding("utf8"), "data");
  expect("server", line, "killed and back\n");
}

function ok(step: string): void {
  process.stdout.write(`ok ${step}\n`);
}

function expect<T>(what: string, actual: T, expected: NoInfer<T>): void {
  const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== shouldBe) throw new Error(`${what}: ${is}, not ${shouldBe}`);
}
