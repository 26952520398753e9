// The scenario of ../steps.ts with the client that orval makes.

import { once } from "node:events";
import { EventSource } from "eventsource";
import * as treekeeper from "./treekeeper.js";

const session = await openSession();
expect("validity", session.validForMs > 0 && session.validForMs <= 60_000, true);
ok("session");
const own = { "Session-Token": session.token };

const folder = "/clients/中文 路径/v1.2/a b";
await create(folder, { parents: true });
const numbered: string[] = [];
for (let count = 0; count < 2; count++) {
  numbered.push(await create(`${folder}/n-`, { ephemeral: true, sequential: true }, own));
}
expect("names", numbered, [`${folder}/n-0000000000`, `${folder}/n-0000000001`]);
expect("owner", (await statOf(`${folder}/n-0000000001`)).ephemeralOwner, session.id);
ok("sequence");

// --- data and conditions

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
await create("/clients/binary", {}, {}, new Blob([everyByte]));
const read: Blob = good(await treekeeper.getData("/clients/binary"), 200);
expect("bytes", new Uint8Array(await read.arrayBuffer()), everyByte);
ok("binary");

expect("exists", await exists("/clients/binary"), true);
expect("exists", await exists("/clients/nothing"), false);
ok("exists");

const conflict = await set("/clients/binary", "late", { version: 7 });
expect("code", good(conflict, 412).code, "bad_version");
ok("conflict");

const operations: treekeeper.TransactionOperation[] = [
  { op: "check", path: "/clients", exists: true },
  { op: "create", path: "/clients/t", data: "made" },
  { op: "set", path: "/clients/nothing", data: "lost" },
  { op: "delete", path: "/clients/t" },
];
const problem = good(await treekeeper.transact({ operations }), 404);
expect("code", problem.code, "no_node");
expect("failed operation", problem.failedOperation, 2);
const fates = problem.results?.map(({ code }) => code);
expect("fates", fates, ["rolled_back", "rolled_back", "no_node", "not_evaluated"]);
expect("exists", await exists("/clients/t"), false);
ok("transaction");

// --- lists and numbers

for (let number = 0; number < 7; number++) {
  await create(`/clients/pages/c${number}`, { parents: true });
}
const pages = await Array.fromAsync(pagesOf("/clients/pages", 3));
expect("pages", pages, [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]);
ok("paging");

const { ctimeMs } = await statOf("/clients");
expect("age", Math.abs(Date.now() - ctimeMs) < 60_000, true);
ok("int64");

// --- locks and services

const rival = { "Session-Token": (await openSession()).token };
const held = good(await treekeeper.claimLock("scenario", {}, { headers: own }), 201);
expect("state", held.state, "held");
const waiting = good(await treekeeper.claimLock("scenario", { waitMs: 100 }, { headers: rival }), 202);
expect("state", waiting.state, "waiting");
expect("position", waiting.position, 1);
good(await treekeeper.releaseClaim("scenario", held.id, {}, { headers: own }), 204);
const standing = await treekeeper.getClaim("scenario", waiting.id, { waitMs: 5_000 }, { headers: rival });
expect("state", good(standing, 200).state, "held");
ok("lock");

for (const [id, tags] of Object.entries({ one: ["blue", "small"], two: ["green"] })) {
  const instance = { address: "10.0.0.1", port: 8080, tags };
  good(await treekeeper.registerInstance("echo", id, instance, {}, { headers: own }), 201);
}
const { instances } = good(await treekeeper.getService("echo", { tag: ["blue"] }), 200);
expect(
  "instances",
  instances.map(({ id }) => id),
  ["one"],
);
ok("service");

// --- a watch, over a server that is killed

await create("/clients/watched");
const stream = new EventSource(treekeeper.getWatchUrl({ path: ["/clients/watched"] }));
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
  good(await set("/clients/watched", value), 200);
  while (told.length <= index) await new Promise<void>((resolve) => (toldOne = resolve));
}
expect("changes", told, values);
stream.close();
ok("watch");

// --- the end of a session

good(await treekeeper.closeSession(session.id, { headers: own }), 204);
for (const path of numbered) expect(`${path} is there`, await exists(path), false);
ok("close");
process.stdin.destroy();

// --- what the steps share

async function openSession(): Promise<treekeeper.OpenedSession> {
  return good(await treekeeper.openSession({ timeoutMs: 60_000 }), 201);
}

async function create(
  path: string,
  params: treekeeper.CreateZnodeParams = {},
  headers: Record<string, string> = {},
  data = new Blob(),
): Promise<string> {
  return good(await treekeeper.createZnode(path, data, params, { headers }), 201).path;
}

async function set(path: string, data: string, params: treekeeper.SetZnodeParams = {}) {
  return await treekeeper.setZnode(path, new Blob([data]), params);
}

async function statOf(path: string): Promise<treekeeper.Stat> {
  const { stat } = good(await treekeeper.getZnode(path), 200);
  if (stat === undefined) throw new Error(`${path} is not there`);
  return stat;
}

async function exists(path: string): Promise<boolean> {
  const { status } = await treekeeper.existsZnode(path);
  expect("status", status === 200 || status === 404, true);
  return status === 200;
}

async function* pagesOf(path: string, limit: number): AsyncGenerator<string[]> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = good(await treekeeper.listChildren(path, { limit, after }), 200);
    yield page.children;
    after = page.next;
  }
}

// --- what any scenario needs

interface Answer {
  readonly status: number;
  readonly data: unknown;
}

/** What a call has answered that is to be answered with this status. */
function good<A extends Answer, Status extends A["status"]>(
  answer: A,
  status: Status,
): Extract<A, { status: Status }>["data"] {
  if (answer.status !== status) throw new Error(`${answer.status}: ${JSON.stringify(answer.data)}`);
  return answer.data as Extract<A, { status: Status }>["data"];
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
