// A subtree larger than one transaction may be goes in parts: told of while it goes on, stopped when its client leaves,
// gone on with when it is asked for again.

import { once } from "node:events";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { expect } from "vitest";
import { Client } from "../../src/client/index.ts";
import { expectProblem, expectStatus } from "../conformance/fixture.ts";
import { type Keeper, plain } from "../support/keeper.ts";
import { test } from "./server-fixture.ts";

/** `/many` and so many children. */
async function makeMany(keeper: Keeper, count: number): Promise<void> {
  for (let made = 0; made < count; made += 5000) {
    const znodes = Array.from({ length: Math.min(5000, count - made) }, (_, index) => ({
      ...{ path: `/many/n${made + index}`, data: new Uint8Array(), mode: plain },
      ...{ sequence: null, nextSequence: 0 },
    }));
    await keeper.store.submit({ type: "import", znodes, onConflict: "fail" });
  }
}

const inParts = { query: { recursive: true, inParts: true } };

test("a subtree too large for one transaction is refused whole, and goes in parts", async ({
  keeper,
  http,
}) => {
  await makeMany(keeper, 11_000);
  const refused = expectProblem(
    await http.delete("/v1/znodes/many", { query: { recursive: true } }),
    413,
    "too_many_changes",
  );
  expect(refused).toMatchObject({ limit: "transactionChangesMax", limitValue: 10_000, size: 11_001 });
  expect(keeper.state.tree.usageOf("/many").count).toBe(11_001);
  const before = keeper.store.zxid;
  const answer = expectStatus(await http.delete("/v1/znodes/many", inParts), 200);
  expect(answer.json()).toEqual({ path: "/many", deleted: 11_001, remaining: 0, zxid: before + 12 });
  expect(keeper.children("/")).toEqual([]);
  expectProblem(await http.delete("/v1/znodes/many", inParts), 404, "no_node");
});

test("how far a delete is comes as lines or as events, and a refusal as the last of them", async ({
  keeper,
  http,
}) => {
  await makeMany(keeper, 1500);
  const lines = await http.delete("/v1/znodes/many", {
    ...inParts,
    headers: { accept: "application/x-ndjson" },
  });
  const told = lines.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(told.map(({ event, deleted, remaining }) => [event, deleted, remaining])).toEqual([
    ["progress", 1000, 501],
    ["progress", 1501, 0],
    ["done", 1501, 0],
  ]);
  await makeMany(keeper, 1500);
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  // The root is set between the first part and the next.
  const unsubscribe = keeper.store.onApplied(() => {
    unsubscribe();
    void keeper.set("/many", "new");
  });
  const asEvents = { headers: { accept: "text/event-stream" } };
  const versioned = { query: { ...inParts.query, version: 0 } };
  parser.feed((await http.delete("/v1/znodes/many", { ...asEvents, ...versioned })).text);
  const heard = events.map(({ event, data }) => [event, JSON.parse(data).deleted, JSON.parse(data).code]);
  expect(heard).toEqual([
    ["progress", 1000, undefined],
    ["failed", 1000, "bad_version"],
  ]);
  const refused = await http.delete("/v1/znodes/many", { ...asEvents, ...versioned });
  expectProblem(refused, 412, "bad_version");
});

test("what is asked of parts is judged like any delete, and a part needs a whole", async ({
  keeper,
  http,
}) => {
  await keeper.create("/a");
  expectProblem(await http.delete("/v1/znodes/a", { query: { inParts: true } }), 400, "bad_request");
  expectProblem(
    await http.delete("/v1/znodes/a", { ...inParts, headers: { accept: "text/html" } }),
    406,
    "not_acceptable",
  );
  const versioned = { query: { recursive: true, inParts: true, version: 7 } };
  expect(expectProblem(await http.delete("/v1/znodes/a", versioned), 412, "bad_version").deleted).toBe(0);
  expectProblem(await http.delete("/v1/znodes", inParts), 403, "reserved_path");
  expect(keeper.exists("/a")).toBe(true);
});

test("a delete in parts stops when its client leaves, and goes on when it is asked for again", async ({
  keeper,
  http,
}) => {
  await makeMany(keeper, 6000);
  for (const accept of ["application/json", "application/x-ndjson"]) {
    const { count } = keeper.state.tree.usageOf("/many");
    const parts: PromiseWithResolvers<void> = Promise.withResolvers();
    const unsubscribe = keeper.store.onApplied(() => {
      // The part after the first waits in the log until its client has left.
      keeper.log.hold();
      parts.resolve();
    });
    const socket = await http.connect();
    socket.write(
      `DELETE /v1/znodes/many?recursive=true&inParts=true HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`,
    );
    await parts.promise;
    unsubscribe();
    socket.destroy();
    await once(socket, "close");
    await http.get("/livez");
    keeper.log.release();
    await keeper.store.submit({ type: "check", path: "/many" });
    await http.get("/livez");
    await keeper.store.submit({ type: "check", path: "/many" });
    const left = keeper.state.tree.usageOf("/many").count;
    expect(count - left).toBeGreaterThanOrEqual(1000);
    expect(left).toBeGreaterThan(0);
  }
  expectStatus(await http.delete("/v1/znodes/many", inParts), 200);
  expect(keeper.exists("/many")).toBe(false);
});

test("the client tells how far a delete is, and which refusal ended it", async ({ keeper, http }) => {
  await makeMany(keeper, 1500);
  const client = new Client({ endpoint: http.url });
  const told: unknown[] = [];
  for await (const { event, deleted, remaining } of client.deleteTree("/many"))
    told.push([event, deleted, remaining]);
  expect(told.at(-1)).toEqual(["done", 1501, 0]);
  await expect(client.deleteTree("/many").next()).rejects.toMatchObject({ code: "no_node" });
});
