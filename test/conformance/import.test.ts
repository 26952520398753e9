// A tree moves: what one export gave, an import takes, whole or with a say in what happens to what is there.

import { randomBytes } from "node:crypto";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Answer, Http } from "../support/http.ts";
import { expect, expectProblem, expectStatus, type Read, test, tokenOf, urlOf } from "./fixture.ts";

interface Imported {
  readonly dryRun: boolean;
  readonly lines: number;
  readonly created: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly ephemerals: number;
  readonly zxid: number;
}

const none = { dryRun: false, created: 0, replaced: 0, unchanged: 0, skipped: 0, ephemerals: 0 };

async function exported(http: Http, path: string): Promise<string> {
  const answer = await http.get(`/v1/tree${path}`, { headers: { accept: "application/x-ndjson" } });
  return expectStatus(answer, 200).text;
}

function lineOf(path: string, data = "", more: object = {}): string {
  return `${JSON.stringify({ path, data, ...more })}\n`;
}

function importing(http: Http, body: string, query = "", headers = {}): Promise<Answer> {
  return http.post("/v1/import", { body, query, headers });
}

async function imported(http: Http, body: string, query = ""): Promise<Imported> {
  return expectStatus(await importing(http, body, query), 200).json<Imported>();
}

/** What a znode is, whichever tree it is in. */
function essence({ path, data, dataBase64, stat }: Read) {
  const { sequence, ttlMs, container, numChildren, dataLength } = stat;
  return { path, data, dataBase64, sequence, ttlMs, container, numChildren, dataLength };
}

function essences(lines: string) {
  return lines
    .trim()
    .split("\n")
    .map((line) => essence(JSON.parse(line)));
}

test("what was exported comes back as it was: paths, data, kinds and numbers", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/text`, "grüße\u2028\n");
  await znodes.create(`${root}/bytes`, "", { body: new Uint8Array([0, 255, 128]) });
  await znodes.create(`${root}/short-lived`, "", { query: "ttlMs=3600000" });
  await znodes.create(`${root}/container`, "", { query: "container=true" });
  await znodes.create(`${root}/container/a b/é`, "deep", { query: "parents=true" });
  for (let number = 0; number < 3; number += 1)
    await znodes.create(`${root}/text/n-`, "", { query: "sequential=true" });
  await znodes.delete(`${root}/text/n-0000000002`);
  const before = await exported(http, root);
  await http.delete(`/v1/znodes${root}`, { query: "recursive=true" });
  const answer = await imported(http, before);
  expect(answer).toMatchObject({ ...none, lines: 9, created: 9 });
  expect(essences(await exported(http, root))).toEqual(essences(before));
  const next = await znodes.create(`${root}/text/n-`, "", { query: "sequential=true" });
  expect(Number(next.path.slice(-10))).toBeGreaterThanOrEqual(3);
});

test("missing parents of the first lines are made", async ({ http, root, znodes }) => {
  expect(await imported(http, lineOf(`${root}/x/y/z`, "deep"))).toMatchObject({ lines: 1, created: 1 });
  expect(await znodes.read(`${root}/x/y/z`)).toMatchObject({ data: "deep" });
  expect(await znodes.read(`${root}/x/y`)).toMatchObject({ data: "" });
});

test("what is there already stops the import, is left, or gets the data of the line", async ({
  http,
  root,
  znodes,
}) => {
  for (const name of ["same", "other"]) await znodes.create(`${root}/${name}`, name);
  const lines = ["new", "same", "other"].map((name) =>
    lineOf(`${root}/${name}`, name === "other" ? "x" : name),
  );
  const problem = expectProblem(await importing(http, lines.join("")), 409, "node_exists");
  expect(problem).toMatchObject({ line: 2, imported: { created: 0 }, path: `${root}/same` });
  expect(await znodes.exists(`${root}/new`)).toBe(false);

  expect(await imported(http, lines.join(""), "onConflict=skip")).toMatchObject({
    ...none,
    created: 1,
    skipped: 2,
  });
  expect(await znodes.read(`${root}/other`)).toMatchObject({ data: "other", stat: { version: 0 } });

  const replaced = await imported(http, lines.join(""), "onConflict=replace");
  expect(replaced).toMatchObject({ ...none, unchanged: 2, replaced: 1 });
  expect(await znodes.read(`${root}/other`)).toMatchObject({ data: "x", stat: { version: 1 } });
  expect(await znodes.read(`${root}/same`)).toMatchObject({ stat: { version: 0 } });
});

test("a dry run says what would be done, refusals too, and does nothing", async ({ http, root, znodes }) => {
  await znodes.create(`${root}/there`, "old");
  const lines = lineOf(`${root}/new`) + lineOf(`${root}/there`, "new");
  const before = await exported(http, root);
  const answer = await imported(http, lines, "dryRun=true&onConflict=replace");
  expect(answer).toMatchObject({ ...none, dryRun: true, created: 1, replaced: 1, lines: 2 });
  expectProblem(await importing(http, lines, "dryRun=true"), 409, "node_exists");
  expect(await exported(http, root)).toBe(before);
});

test("ephemerals stay with the session they live with, and are counted", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  await znodes.create(`${root}/alive`, "", { query: "ephemeral=true", ...tokenOf(session) });
  const lines = await exported(http, root);
  expect(await imported(http, lines, "onConflict=skip")).toMatchObject({ skipped: 1, ephemerals: 1 });
});

test("what an import brings below a lock or an election is no claim: it holds nothing, and stands before nobody [Q4]", async ({
  http,
  openSession,
}) => {
  const name = `import-${randomBytes(8).toString("hex")}`;
  const session = await openSession();
  for (const [path, claims, number] of [
    [`/locks/${name}`, `/v1/locks/${name}/claims`, "x-0000000000"],
    [`/elections/${name}`, `/v1/elections/${name}/candidates`, "c-0000000000"],
  ] as const) {
    const free = lineOf(path) + lineOf(`${path}/${number}`, "", { stat: { sequence: 0 } });
    expect(await imported(http, free, "onConflict=skip")).toMatchObject({ created: 2 });
    const holder = expectStatus(await http.post(claims, { json: {}, ...tokenOf(session) }), 201).json();
    expect(holder.path).toBe(`${path}/${number.slice(0, -1)}1`);
    const jump = lineOf(`${path}/a-0000000000`, "", { stat: { sequence: 0 } });
    expect(await imported(http, jump)).toMatchObject({ created: 1 });
    const view = (await http.get(`/v1${path}`)).json<{ holders?: object[]; candidates?: object[] }>();
    expect(view.holders ?? view.candidates).toMatchObject([{ id: holder.id }]);
    await http.delete(urlOf(path), { query: "recursive=true" });
  }
});

test("an import lets nobody into a barrier, and opens none", async ({ http, openSession }) => {
  const name = `import-${randomBytes(8).toString("hex")}`;
  const url = `/v1/barriers/${name}`;
  const lines = ["", "/ready", "/someone", "/ready/deeper"].map((end) => lineOf(`/barriers/${name}${end}`));
  expect(await imported(http, lines.join(""))).toMatchObject({ created: 1, ephemerals: 3 });
  const enter = { json: { action: "enter", count: 2 }, ...tokenOf(await openSession()) };
  expect(expectStatus(await http.post(url, enter), 202).json()).toMatchObject({ participantCount: 1 });
  await http.delete(urlOf(`/barriers/${name}`), { query: "recursive=true" });
});

test("a long import says how far it is, as lines and as events, and ends with done", async ({
  http,
  root,
  znodes,
}) => {
  const lines = Array.from({ length: 2200 }, (_, index) => lineOf(`${root}/n${index}`)).join("");
  const answer = await importing(http, lines, "", { accept: "application/x-ndjson" });
  expect(answer.header("content-type")).toBe("application/x-ndjson");
  const told = answer.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(told.map(({ event }) => event)).toEqual([...Array(5).fill("progress"), "done"]);
  expect(told.at(-1)).toMatchObject({ ...none, lines: 2200, created: 2200 });
  expect((await znodes.stat(root)).numChildren).toBe(2200);

  const events: EventSourceMessage[] = [];
  const again = await importing(http, lines, "onConflict=skip", { accept: "text/event-stream" });
  createParser({ onEvent: (event) => events.push(event) }).feed(again.text);
  expect(events.at(-1)?.event).toBe("done");
  expect(JSON.parse(events.at(-1)?.data as string)).toMatchObject({ ...none, skipped: 2200 });
});

test("an import sent again under its key is answered as it was, and says so [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const lines = Array.from({ length: 700 }, (_, index) => lineOf(`${root}/n${index}`)).join("");
  const headers = { "idempotency-key": `import-${root}` };
  for (const url of ["/v1/import", "/v1/import-with-progress"]) {
    const send = async () => {
      const answer = expectStatus(await http.post(url, { body: lines, headers }), 200);
      return { text: answer.text, replayed: answer.header("idempotency-replayed") };
    };
    const first = await send();
    expect(first.replayed).toBeNull();
    expect(await send()).toEqual({ ...first, replayed: "true" });
    await znodes.delete(root, { query: "recursive=true" });
    await znodes.create(root);
    headers["idempotency-key"] += "-again";
  }
});

test("a refusal names the line; parts done before it stay, and going on with skip does the rest", async ({
  http,
  root,
  znodes,
}) => {
  const good = Array.from({ length: 700 }, (_, index) => lineOf(`${root}/n${index}`)).join("");
  const problem = expectProblem(await importing(http, `${good}\n{"path":"relative"}\n`), 400, "bad_path");
  expect(problem).toMatchObject({ line: 702, imported: { created: 500 } });
  expect((await znodes.stat(root)).numChildren).toBe(500);
  expect(await imported(http, good, "onConflict=skip")).toMatchObject({ created: 200, skipped: 500 });

  const streamed = await importing(http, `${good}{`, "onConflict=skip", { accept: "application/x-ndjson" });
  const last = JSON.parse(streamed.text.trim().split("\n").at(-1) as string);
  expect(last).toMatchObject({ event: "failed", code: "bad_request", line: 701, status: 400 });
});

test("a line that is no znode is refused by its number, and changes nothing", async ({
  http,
  root,
  znodes,
}) => {
  const bad: [string, string][] = [
    ["{", "bad_request"],
    ["[]", "bad_request"],
    ["{}", "bad_request"],
    [`{"path":"${root}/a","data":1}`, "bad_request"],
    [`{"path":"${root}/a","date":"x"}`, "bad_request"],
    [`{"path":"${root}/a","data":"x","dataBase64":"eA=="}`, "bad_request"],
    [`{"path":"${root}/a","dataBase64":"?"}`, "bad_request"],
    [`{"path":"${root}/a","stat":{"ttlMs":0}}`, "bad_ttl"],
    [`{"path":"${root}/a","stat":{"ttlMs":5,"container":true}}`, "bad_mode"],
    [`{"path":"${root}//a"}`, "bad_path"],
  ];
  for (const [line, code] of bad) {
    const status = 400;
    const problem = expectProblem(await importing(http, `${lineOf(`${root}/first`)}${line}\n`), status, code);
    expect([line, problem.line]).toEqual([line, 2]);
  }
  expect(await znodes.children(root)).toEqual([]);
  expectProblem(await importing(http, lineOf(`${root}/a`, "x".repeat(1_048_577))), 413, "too_large");
  expectProblem(await importing(http, "", "onConflict=perhaps"), 400, "bad_request");
  expectProblem(await importing(http, "", "", { accept: "text/html" }), 406, "not_acceptable");
  expect(await imported(http, "")).toMatchObject({ ...none, lines: 0 });
});

test("an import acts for its session and under its fence, in every part", async ({
  http,
  root,
  openSession,
}) => {
  const session = await openSession();
  const stale = { fence: `${root}/master@1` };
  expectProblem(await importing(http, lineOf(`${root}/a`), "", stale), 409, "fence_stale");
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expectProblem(
    await importing(http, lineOf(`${root}/a`), "", tokenOf(session).headers),
    410,
    "session_expired",
  );
});

test("an import sent again with its Idempotency-Key does only what was left undone [D19]", async ({
  http,
  root,
  znodes,
}) => {
  const key = { "idempotency-key": `${root} import` };
  const lines = Array.from({ length: 600 }, (_, index) => lineOf(`${root}/n${index}`)).join("");
  const broken = await importing(http, `${lines}{`, "", key);
  expect(expectProblem(broken, 400, "bad_request").imported).toMatchObject({ created: 500 });
  const whole = expectStatus(await importing(http, lines, "", key), 200).json<Imported>();
  expect(whole).toMatchObject({ ...none, created: 600, lines: 600 });
  expect((await znodes.stat(root)).numChildren).toBe(600);
  const other = lineOf(`${root}/other`);
  expectProblem(await importing(http, other, "", key), 422, "idempotency_key_reused");
});

test("an import brings no number that counting could not go on from, and says which line has one", async ({
  http,
  root,
  znodes,
}) => {
  for (const member of ["cversion", "numChildren", "sequence"]) {
    const numbered = (number: number) =>
      importing(
        http,
        lineOf(root) + lineOf(`${root}/b`, "", { stat: { [member]: number } }),
        "onConflict=skip",
      );
    const problem = expectProblem(await numbered(Number.MAX_SAFE_INTEGER), 400, "bad_request");
    expect([member, problem.line]).toEqual([member, 2]);
    expectStatus(await numbered(2 ** 52), 200);
    for (let round = 0; round < 3; round += 1)
      await znodes.create(`${root}/b/n-`, "", { query: "sequential=true" });
    await znodes.delete(`${root}/b`, { query: "recursive=true" });
  }
});
