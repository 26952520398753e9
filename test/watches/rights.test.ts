// What streams are told of a tree that their readers may read in part.

import { expect } from "vitest";
import type { Rule } from "../../src/core/access/policy.ts";
import type { ReadContext } from "../../src/core/reader.ts";
import { Selection, watchEventTypes } from "../../src/watches/selection.ts";
import type { StreamRequest } from "../../src/watches/stream.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { addTokenWith, turnOnAccess } from "../support/access.ts";
import { type Keeper, plain } from "../support/keeper.ts";
import { requestOf, test, watchesOf } from "./fixture.ts";
import { RecordingSink } from "./recording-sink.ts";

const bySystem = { principal: "system" } as const;
const readApp: Rule[] = [{ prefix: "/app", allow: ["read"] }];
const readAppInPart: Rule[] = [...readApp, { prefix: "/app/secret", deny: ["read"] }];

/** Somebody with a token and a policy of their own. */
async function reader(keeper: Keeper, name: string, rules: Rule[], root = "/"): Promise<ReadContext> {
  await addTokenWith(keeper.store, name, rules, root);
  const { access, timeMs } = keeper.store;
  const principal = { token: name, made: access.token(name)?.madeZxid as number };
  return { principal, permits: access.permitsOf(principal, timeMs) };
}

function requestFor(context: ReadContext, path: string, initial = false): StreamRequest {
  const { permits } = context;
  const parts = { paths: [path], scope: "subtree", types: watchEventTypes, withData: false } as const;
  return { ...requestOf({ initial }), selection: new Selection({ ...parts, permits }), context };
}

function open(watches: Watches, request: StreamRequest): RecordingSink {
  const sink = new RecordingSink();
  watches.open(request, sink);
  return sink;
}

async function create(keeper: Keeper, ...paths: string[]): Promise<void> {
  for (const path of paths) await keeper.create(path, plain, "", bySystem);
}

test("those who may read all that is watched are sent the same bytes, whatever their policies", async ({
  keeper,
  watches,
}) => {
  await turnOnAccess(keeper.store);
  const contexts = [
    await reader(keeper, "a", readApp),
    await reader(keeper, "b", [{ prefix: "/", allow: ["read"] }]),
    await reader(keeper, "c", [...readApp, { prefix: "/other", deny: ["read"] }]),
  ];
  const sinks = contexts.map((context) => open(watches, requestFor(context, "/app")));
  await create(keeper, "/app");
  const [first, ...others] = sinks.map(({ frames }) => frames.at(-1));
  expect(sinks[0]?.changes).toEqual(["created /app"]);
  for (const frame of others) expect(frame).toBe(first);
});

test("those with the same policies are sent the same bytes, and their rights are asked for once for each event", async ({
  keeper,
  watches,
}) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", readAppInPart);
  const asked: string[] = [];
  const permits = {
    ...context.permits,
    may: (path: string, verb: "read") => asked.push(path) > 0 && context.permits.may(path, verb),
  };
  const sinks = Array.from({ length: 3 }, () =>
    open(watches, requestFor({ ...context, permits: permits as never }, "/app")),
  );
  asked.length = 0;
  await keeper.multi(
    ["/app", "/app/secret", "/app/open"].map((path) => ({
      type: "create",
      path,
      data: new Uint8Array(),
      mode: plain,
    })),
    bySystem,
  );
  expect(asked).toEqual(["/app", "/app/secret", "/app/open"]);
  const [first, ...others] = sinks.map(({ frames }) => frames.at(-1));
  expect(sinks[0]?.changes).toEqual(["created /app", "created /app/open"]);
  for (const frame of others) expect(frame).toBe(first);
});

test("where nothing of a transaction may be told nothing is sent, and the resume point moves on", async ({
  keeper,
  watches,
}) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", readAppInPart);
  await create(keeper, "/app");
  const sink = open(watches, { ...requestFor(context, "/app"), bookmarkMs: 1000 });
  const { length } = sink.frames;
  await create(keeper, "/app/secret", "/app/secret/x");
  expect(sink.frames.length).toBe(length);
  await keeper.clock.advance(1100);
  expect(sink.named("bookmark").map(({ data }) => data.zxid)).toEqual([keeper.store.zxid]);
});

test("the pages of a snapshot are the same, whatever else is there", async ({ keeper }) => {
  await turnOnAccess(keeper.store);
  const rules: Rule[] = [
    ...readApp,
    { prefix: "/app/b", deny: ["read"] },
    { prefix: "/app/b/m", allow: ["read"] },
  ];
  const context = await reader(keeper, "a", rules);
  const watches = watchesOf(keeper, { snapshotPageZnodesMax: 3 });
  await create(keeper, "/app", "/app/a", "/app/b", "/app/b/m", "/app/b/m/x", "/app/c", "/app/d");
  const pages = async () => {
    const sink = open(watches, requestFor(context, "/app", true));
    await keeper.clock.advance(0);
    expect(sink.named("synced").length).toBe(1);
    return sink
      .named("snapshot")
      .map(({ data }) => (data.znodes as { path: string }[]).map(({ path }) => path));
  };
  const before = await pages();
  expect(before).toEqual([
    ["/app", "/app/a", "/app/b/m"],
    ["/app/b/m/x", "/app/c", "/app/d"],
  ]);
  for (const child of ["a", "b", "n"]) await create(keeper, `/app/b/${child}`, `/app/b/${child}/x`);
  await create(keeper, "/app/b/z");
  expect(await pages()).toEqual(before);
  watches.close("shutdown");
});

test("a snapshot of nothing that may be told is one empty page", async ({ keeper, watches }) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", readAppInPart);
  await create(keeper, "/app", "/app/secret", "/app/secret/x");
  const sink = open(watches, requestFor(context, "/app/secret", true));
  expect(sink.events.map(({ event, data }) => [event, data.znodes])).toEqual([
    ["snapshot", []],
    ["synced", undefined],
  ]);
});

test("many znodes that may not be told are passed over in turns", async ({ keeper, watches }) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", [{ prefix: "/app/z", allow: ["read"] }]);
  await create(keeper, "/app");
  const names = Array.from({ length: 2500 }, (_, index) => `/app/n${index}`);
  const operations = names.map(
    (path) => ({ type: "create", path, data: new Uint8Array(), mode: plain }) as const,
  );
  while (operations.length > 0) await keeper.multi(operations.splice(0, 500), bySystem);
  await create(keeper, "/app/z");
  const sink = open(watches, requestFor(context, "/app", true));
  expect(sink.events).toEqual([]);
  await keeper.clock.advance(0);
  expect(sink.events.map(({ event }) => event)).toEqual(["snapshot", "synced"]);
  expect(sink.named("snapshot")[0]?.data.znodes).toMatchObject([{ path: "/app/z" }]);
});

test("what is written where its reader may not look is not kept for a snapshot", async ({ keeper }) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", readAppInPart);
  await create(keeper, "/app", "/app/secret", "/app/secret/x", "/app/t");
  const walk = requestFor(context, "/app").selection.walk(keeper.reader, Number.POSITIVE_INFINITY);
  walk.next();
  await keeper.set("/app/secret/x", "y".repeat(10_000), undefined, bySystem);
  expect(walk.keptBytes).toBe(0);
  await keeper.set("/app/t", "now", undefined, bySystem);
  expect(walk.keptBytes).toBeGreaterThan(0);
  walk.end();
});

test("who resumes is told by what may be read as it is sent, not as it happened [W16]", async ({
  keeper,
  watches,
}) => {
  await turnOnAccess(keeper.store);
  await reader(keeper, "a", readAppInPart);
  const zxid = keeper.store.zxid;
  await create(keeper, "/app", "/app/secret", "/app/open");
  const now: Rule[] = [...readApp, { prefix: "/app/open", deny: ["read"] }];
  await keeper.store.submit({ type: "setPolicy", policy: { name: "a", rules: now }, ...bySystem });
  const { access, timeMs } = keeper.store;
  const principal = { token: "a", made: access.token("a")?.madeZxid as number };
  const context = { principal, permits: access.permitsOf(principal, timeMs) };
  const sink = open(watches, { ...requestFor(context, "/app"), start: { kind: "after", zxid } });
  expect(sink.changes).toEqual(["created /app", "created /app/secret"]);
});

test("what comes behind a revocation in the same entry is not told", async ({ keeper, watches }) => {
  await turnOnAccess(keeper.store);
  const sink = open(watches, requestFor(await reader(keeper, "a", readApp), "/app"));
  await Promise.all([
    keeper.store.submit({ type: "revokeToken", name: "a", ...bySystem }),
    create(keeper, "/app"),
  ]);
  expect(sink.events.at(-1)).toMatchObject({ event: "bye", data: { reason: "unauthorised" } });
  expect([sink.changes, sink.isEnded, watches.streamCount]).toEqual([[], true, 0]);
});

test("a stream of somebody vouched for from outside ends when that does, and leaves nothing behind", async ({
  keeper,
  watches,
}) => {
  await turnOnAccess(keeper.store);
  await keeper.store.submit({ type: "setPolicy", policy: { name: "app", rules: readApp }, ...bySystem });
  const { access, timeMs } = keeper.store;
  const claimed = { identity: "jwt:ann", policies: ["app", "none yet"], root: "/" };
  const [short, long] = [1000, 60_000].map((validMs) => {
    const principal = { ...claimed, validUntilMs: timeMs + validMs };
    return open(watches, requestFor({ principal, permits: access.permitsOf(principal, timeMs) }, "/app"));
  }) as [RecordingSink, RecordingSink];
  await keeper.clock.advance(900);
  expect([short.isEnded, long.isEnded]).toEqual([false, false]);
  await keeper.clock.advance(1000);
  expect([short.isEnded, long.isEnded]).toEqual([true, false]);
  watches.close("shutdown");
  expect(keeper.clock.hasTimerIn(0, 1000)).toBe(false);
});

test("rights that ended between the question and the opening end the stream", async ({ keeper, watches }) => {
  await turnOnAccess(keeper.store);
  const context = await reader(keeper, "a", readApp);
  await keeper.store.submit({ type: "revokeToken", name: "a", ...bySystem });
  const sink = open(watches, requestFor(context, "/app"));
  await keeper.clock.advance(0);
  expect(sink.events.at(-1)).toMatchObject({ event: "bye", data: { reason: "unauthorised" } });
});
