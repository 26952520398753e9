// The largest request of each kind, with a session kept alive beside it from another thread. How long a keepalive waits is
// held against what this machine takes for a fixed piece of work, so that a busy machine is no fault.

import { Worker } from "node:worker_threads";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { type ServerProcess, test } from "../support/process.ts";

/** Longest waits may be as long as so many transactions of a thousand creates. */
const generous = 25;
const treeSize = 9900;
const ephemerals = 5000;

/** Renews a session without a pause; told to, it says how long the longest answer took since it was last asked. */
class Beside {
  readonly #worker: Worker;

  constructor(url: string, session: { id: string; token: string }) {
    const source = `
      const { parentPort, workerData: { url, id, token } } = require("node:worker_threads");
      const { Agent, request } = require("node:http");
      const agent = new Agent({ keepAlive: true });
      const put = () => new Promise((resolve, reject) => {
        const options = { method: "PUT", agent, headers: { "Session-Token": token } };
        request(url + "/v1/sessions/" + id, options, (answer) => answer.resume().on("end", resolve))
          .on("error", reject).end();
      });
      let longestMs = 0;
      let asked = null;
      parentPort.on("message", () => { asked = true; });
      (async () => {
        for (;;) {
          const begun = performance.now();
          await put();
          longestMs = Math.max(longestMs, performance.now() - begun);
          if (asked) { parentPort.postMessage(longestMs); longestMs = 0; asked = null; }
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })();`;
    this.#worker = new Worker(source, { eval: true, workerData: { url, ...session } });
  }

  /** Since the last look. */
  async longestMs(): Promise<number> {
    const answer = new Promise<number>((resolve) => this.#worker.once("message", resolve));
    this.#worker.postMessage("how long?");
    return await answer;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function thousand(prefix: string, data: string, more: object = {}) {
  return Array.from({ length: 1000 }, (_, index) => ({
    ...{ op: "create", path: `${prefix}${index}`, data, ...more },
  }));
}

async function serve(start: () => Promise<ServerProcess>): Promise<{ http: Http; beside: Beside }> {
  const http = new Http((await start()).url);
  const session = (await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 } })).json<never>();
  return { http, beside: new Beside(http.url, session) };
}

test("nobody waits long beside the largest request of any kind", { timeout: 180_000 }, async ({ start }) => {
  const { http, beside } = await serve(start);
  const lines = Array.from(
    { length: treeSize },
    (_, index) => `{"path":"/tree/n${index}","data":"${"x".repeat(50)}"}\n`,
  );
  const owner = (await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 } })).json<{
    id: string;
    token: string;
  }>();
  const headers = { "session-token": owner.token };
  const transact = (operations: readonly object[], more = {}) =>
    http.post("/v1/transactions", { json: { operations }, ...more });
  const own = async () => {
    await http.post("/v1/znodes/own");
    for (let part = 0; part < ephemerals / 1000; part += 1)
      await transact(thousand(`/own/${part}-`, "", { ephemeral: true }), { headers });
    return transact([{ op: "create", path: "/own/one-more", ephemeral: true }], { headers });
  };
  const asLines = { headers: { accept: "application/x-ndjson" } };
  const snapshot = async () => {
    const stream = await http.stream("/v1/watch?path=/tree&scope=subtree&initial=true");
    await stream.untilEvent("synced");
    stream.close();
    return { status: 200 };
  };
  await transact([{ op: "create", path: "/w" }]);
  await beside.longestMs();
  const begun = performance.now();
  for (let round = 0; round < 3; round += 1) await transact(thousand(`/w/${round}-`, ""));
  const workMs = (performance.now() - begun) / 3;
  const kinds: readonly [string, number, () => Promise<{ status: number }>][] = [
    ["an import", 200, () => http.post("/v1/import", { body: lines.join("") })],
    ["as many ephemerals as a session may own", 413, own],
    ["all of a session", 200, () => http.get(`/v1/sessions/${owner.id}?limit=10000`)],
    ["a quota over a large tree", 201, () => http.put("/v1/quotas/tree", { json: { countHard: 1_000_000 } })],
    ["a transaction of much data", 200, () => transact(thousand("/w/large", "x".repeat(8000)))],
    ["a page of children", 200, () => http.get("/v1/children/tree?limit=10000&include=stat,data")],
    ["a page of a tree", 200, () => http.get("/v1/tree/tree?limit=10000")],
    ["an export", 200, () => http.get("/v1/tree/tree", asLines)],
    ["a snapshot", 200, snapshot],
    [
      "a batch",
      200,
      () => http.post("/v1/batch", { json: { operations: thousand("/w/b", "x".repeat(500)) } }),
    ],
    ["the end of a session", 204, () => http.delete(`/v1/sessions/${owner.id}`, { headers })],
    ["a subtree", 204, () => http.delete("/v1/znodes/tree?recursive=true")],
    ["a subtree in parts", 200, () => http.delete("/v1/znodes/w?recursive=true&inParts=true")],
  ];
  const waits: [string, number][] = [];
  for (const [name, status, ask] of kinds) {
    await beside.longestMs();
    const answer = await ask();
    expect([name, answer.status]).toEqual([name, status]);
    waits.push([name, Math.round(await beside.longestMs())]);
  }
  await beside.end();
  const tooLong = waits.filter(([, ms]) => ms > generous * workMs);
  expect({ tooLong, workMs: Math.round(workMs), waits }).toMatchObject({
    tooLong: [],
  });
});
