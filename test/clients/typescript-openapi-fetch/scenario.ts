// The scenario of ../steps.ts with openapi-fetch and the types that openapi-typescript makes.

import { once } from "node:events";
import { EventSource } from "eventsource";
import createClient from "openapi-fetch";
import type { OpenedSession, Problem, paths, Stat, TransactionOperation, WatchChange } from "./treekeeper.js";

const baseUrl = process.env.TREEKEEPER_ENDPOINT as string;
const client = createClient<paths>({ baseUrl });

// openapi-typescript takes each string for text, those of bytes too, and openapi-fetch makes JSON of what it is not told to
// leave alone.
const asBytes = {
  headers: { "Content-Type": "application/octet-stream" },
  bodySerializer: (data: unknown) => data,
};

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
await create("/clients/binary", {}, {}, everyByte);
const read = await client.GET("/v1/data/{path}", {
  params: { path: { path: "/clients/binary" } },
  parseAs: "arrayBuffer",
});
expect("bytes", new Uint8Array(good(read)), everyByte);
ok("binary");

expect("exists", await exists("/clients/binary"), true);
expect("exists", await exists("/clients/nothing"), false);
ok("exists");

const conflict = await set("/clients/binary", "late", { version: 7 });
expect("code", refused(conflict).code, "bad_version");
ok("conflict");

const operations: TransactionOperation[] = [
  { op: "check", path: "/clients", exists: true },
  { op: "create", path: "/clients/t", data: "made" },
  { op: "set", path: "/clients/nothing", data: "lost" },
  { op: "delete", path: "/clients/t" },
];
const problem: Problem = refused(await client.POST("/v1/transactions", { body: { operations } }));
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
const lock = { name: "scenario" };
const claim = { params: { path: lock, header: own } };
const held = good(await client.POST("/v1/locks/{name}/claims", claim));
expect("state", held.state, "held");
const rivalClaim = { params: { path: lock, header: rival }, body: { waitMs: 100 } };
const waiting = good(await client.POST("/v1/locks/{name}/claims", rivalClaim));
expect("state", waiting.state, "waiting");
expect("position", waiting.position, 1);
const ownPlace = { path: { ...lock, id: held.id }, header: own };
done(await client.DELETE("/v1/locks/{name}/claims/{id}", { params: ownPlace }));
const rivalPlace = { path: { ...lock, id: waiting.id }, query: { waitMs: 5_000 }, header: rival };
const standing = await client.GET("/v1/locks/{name}/claims/{id}", { params: rivalPlace });
expect("state", good(standing).state, "held");
ok("lock");

for (const [id, tags] of Object.entries({ one: ["blue", "small"], two: ["green"] })) {
  const params = { path: { service: "echo", id }, header: own };
  const body = { address: "10.0.0.1", port: 8080, tags };
  good(await client.PUT("/v1/services/{service}/instances/{id}", { params, body }));
}
const blue = { path: { service: "echo" }, query: { tag: ["blue"] } };
const { instances } = good(await client.GET("/v1/services/{service}", { params: blue }));
expect(
  "instances",
  instances.map(({ id }) => id),
  ["one"],
);
ok("service");

// --- a watch, over a server that is killed

await create("/clients/watched");
const query: paths["/v1/watch"]["get"]["parameters"]["query"] = { path: ["/clients/watched"] };
const search = new URLSearchParams(query.path.map((path) => ["path", path]));
const stream = new EventSource(`${baseUrl}/v1/watch?${search}`);
const told: string[] = [];
let toldOne = () => {};
stream.addEventListener("change", ({ data }) => {
  const change: WatchChange = JSON.parse(data);
  for (const event of change.events) told.push(event.data ?? "nothing");
  toldOne();
});
await once(stream, "synced");

const values = ["1", "2", "3", "4", "5", "6"];
for (const [index, value] of values.entries()) {
  if (index === 3) await killServer();
  good(await set("/clients/watched", value));
  while (told.length <= index) await new Promise<void>((resolve) => (toldOne = resolve));
}
expect("changes", told, values);
stream.close();
ok("watch");

// --- the end of a session

const end = { path: { id: session.id }, header: own };
done(await client.DELETE("/v1/sessions/{id}", { params: end }));
for (const path of numbered) expect(`${path} is there`, await exists(path), false);
ok("close");
process.stdin.destroy();

// --- what the steps share

async function openSession(): Promise<OpenedSession> {
  return good(await client.POST("/v1/sessions", { body: { timeoutMs: 60_000 } }));
}

type Parameters<Method extends "post" | "put"> = paths["/v1/znodes/{path}"][Method]["parameters"];

async function create(
  path: string,
  query: Parameters<"post">["query"] = {},
  header: Parameters<"post">["header"] = {},
  data: string | Uint8Array = "",
): Promise<string> {
  const body = data as string;
  const params = { path: { path }, query, header };
  return good(await client.POST("/v1/znodes/{path}", { params, body, ...asBytes })).path;
}

async function set(path: string, body: string, query: Parameters<"put">["query"] = {}) {
  return await client.PUT("/v1/znodes/{path}", { params: { path: { path }, query }, body, ...asBytes });
}

async function statOf(path: string): Promise<Stat> {
  const { stat } = good(await client.GET("/v1/znodes/{path}", { params: { path: { path } } }));
  if (stat === undefined) throw new Error(`${path} is not there`);
  return stat;
}

async function exists(path: string): Promise<boolean> {
  const { response } = await client.HEAD("/v1/znodes/{path}", { params: { path: { path } } });
  expect("status", response.status === 200 || response.status === 404, true);
  return response.status === 200;
}

async function* pagesOf(path: string, limit: number): AsyncGenerator<string[]> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const params = { path: { path }, query: { limit, after } };
    const page = good(await client.GET("/v1/children/{path}", { params }));
    yield page.children;
    after = page.next;
  }
}

// --- what any scenario needs

interface Answer<Data, Refusal> {
  readonly data?: Data;
  readonly error?: Refusal;
  readonly response: Response;
}

/** What a call has answered that is to succeed. */
function good<Data>({ data, error, response }: Answer<Data, unknown>): NonNullable<Data> {
  if (data === undefined || data === null) throw new Error(`${response.status}: ${JSON.stringify(error)}`);
  return data;
}

/** That a call without an answer has succeeded. */
function done({ error, response }: Answer<unknown, unknown>): void {
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(error)}`);
}

/** Why a call was refused that is to be refused. */
function refused<Refusal>({ error, response }: Answer<unknown, Refusal>): NonNullable<Refusal> {
  if (error === undefined || error === null) throw new Error(`${response.status}, and not refused`);
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
