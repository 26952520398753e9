// The promises of a watch, kept under everything a stream can meet at once: opened up to a hundred transactions
// before or after the present, a history that is forgotten while it is read, readers that stop and go on, snapshots
// sent while writes go on. Each round prints its seed when a promise is broken; WATCH_SEED repeats it, WATCH_ROUNDS
// asks for more.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import type { Scope } from "../../src/watches/matcher.ts";
import { watchEventTypes } from "../../src/watches/selection.ts";
import type { Stream } from "../../src/watches/stream.ts";
import { bytes, Keeper } from "../support/keeper.ts";
import { requestOf, watchesOf } from "./fixture.ts";
import { type Message, promises, type Recording } from "./promises.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Reference } from "./reference.ts";

const rounds = Number(process.env.WATCH_ROUNDS ?? 60);
const seed = Number(process.env.WATCH_SEED ?? Date.now() % 1_000_000);
const sessionId = "00000000000000aa";

const path = fc.constantFrom("/a", "/a/b", "/a/b/c", "/ab", "/q", "/q/x", "/r");
const small = fc.nat(2).map((size) => bytes("x".repeat(size * 40)));

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant("setData" as const),
    path,
    data: small,
    create: fc.constant("upsert" as const),
  }),
  fc.record({
    type: fc.constant("create" as const),
    path: fc.constant("/q/n-"),
    data: small,
    mode: fc.constant({ kind: "persistent" as const, sequential: true }),
    parents: fc.constant(true),
  }),
  fc.record({
    type: fc.constant("create" as const),
    path: fc.constantFrom("/e1", "/e2", "/r/e"),
    data: small,
    mode: fc.constant({ kind: "ephemeral" as const, sequential: false }),
    sessionId: fc.constant(sessionId),
    parents: fc.constant(true),
  }),
  fc.record({ type: fc.constant("deleteTree" as const), path: fc.constantFrom("/a", "/q", "/a/b", "/r") }),
  fc.constant<Command>({ type: "openSession", sessionId, tokenHash: "hash", timeoutMs: 1000, name: "" }),
  fc.constant<Command>({ type: "closeSession", sessionId, reason: "session_expired" }),
  fc.record({
    type: fc.constant("multi" as const),
    operations: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant("setData" as const), path, data: small }),
        fc.record({ type: fc.constant("delete" as const), path }),
        fc.record({
          type: fc.constant("create" as const),
          path,
          data: small,
          mode: fc.constant({ kind: "persistent" as const, sequential: false }),
        }),
      ),
      { maxLength: 3 },
    ),
  }),
);

const opening = fc.record({
  paths: fc.uniqueArray(fc.oneof(path, fc.constant("/")), { minLength: 1, maxLength: 3 }),
  scope: fc.constantFrom<Scope>("node", "children", "subtree"),
  types: fc.subarray([...watchEventTypes], { minLength: 1 }),
  withData: fc.boolean(),
  /** Where it begins: some way from the present or from the edge of the history, or with a snapshot, or now. */
  start: fc.oneof(
    fc.record({ from: fc.constant("present" as const), by: fc.integer({ min: -100, max: 100 }) }),
    fc.record({ from: fc.constant("floor" as const), by: fc.integer({ min: -2, max: 2 }) }),
    fc.constantFrom("initial" as const, "now" as const),
  ),
});

const step = fc.oneof(
  { weight: 12, arbitrary: command.map((write) => ({ kind: "write" as const, write })) },
  { weight: 2, arbitrary: opening.map((asked) => ({ kind: "open" as const, asked })) },
  { weight: 2, arbitrary: fc.nat(30).map((reader) => ({ kind: "hold" as const, reader })) },
  { weight: 3, arbitrary: fc.nat(30).map((reader) => ({ kind: "read" as const, reader })) },
  { weight: 1, arbitrary: fc.nat(30).map((reader) => ({ kind: "resume" as const, reader })) },
  { weight: 1, arbitrary: fc.constant({ kind: "wait" as const }) },
);

interface Watching {
  readonly stream: Stream;
  readonly sink: RecordingSink;
  readonly asked: Omit<Recording, "messages" | "isComplete" | "closedAtZxid">;
}

test("every stream keeps every promise, whatever happens around it [W11, W18, W19, W20, M9, M10, W31]", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 100, maxLength: 250, size: "max" }), async (steps) => {
      const keeper = new Keeper();
      await keeper.store.start();
      const limits = {
        bufferBytesMax: 900,
        snapshotPageZnodesMax: 2,
        history: { ...defaultWatchLimits.history, messagesMax: 10 },
      };
      const watches = watchesOf(keeper, limits);
      const watching: Watching[] = [];

      const open = (asked: Watching["asked"], isInitial: boolean) => {
        const sink = new RecordingSink(400);
        const { sinceZxid } = asked;
        const start =
          sinceZxid === null
            ? ({ kind: "now", initial: isInitial } as const)
            : ({ kind: "after", zxid: sinceZxid } as const);
        const timing = { bookmarkMs: 500, heartbeatMs: 300 };
        watching.push({ stream: watches.open(requestOf({ ...asked, start, ...timing }), sink), sink, asked });
      };
      const readerAt = (index: number) => watching[index % Math.max(1, watching.length)];

      for (const one of steps) {
        const openedAtZxid = keeper.store.zxid;
        if (one.kind === "write") await keeper.store.submit(one.write).catch(() => undefined);
        else if (one.kind === "wait") await keeper.clock.advance(600);
        else if (one.kind === "open") {
          const { start, ...selection } = one.asked;
          const origin = { present: openedAtZxid, floor: watches.history.floorZxid };
          const sinceZxid = typeof start === "string" ? null : Math.max(0, origin[start.from] + start.by);
          open({ ...selection, sinceZxid, openedAtZxid }, start === "initial");
        } else {
          const reader = readerAt(one.reader);
          if (reader === undefined) continue;
          if (one.kind === "hold") reader.sink.hold();
          else if (one.kind === "read") reader.sink.release(reader.stream);
          else {
            const lastId = messagesOf(reader.sink).findLast(({ id }) => id !== null)?.id ?? null;
            if (lastId !== null) open({ ...reader.asked, sinceZxid: lastId, openedAtZxid }, false);
          }
        }
      }
      for (const { sink, stream } of watching) sink.release(stream);
      await keeper.clock.advance(1000);
      const reference = new Reference(keeper.applied.map(({ txn }) => txn));
      const closedAtZxid = keeper.store.zxid;
      watches.close("shutdown");
      await keeper.store.close();

      for (const { sink, asked } of watching) {
        const recording = { ...asked, messages: messagesOf(sink), isComplete: true, closedAtZxid };
        for (const [name, faultsIn] of Object.entries(promises)) {
          expect({ promise: name, asked, faults: faultsIn(recording, reference) }).toEqual({
            promise: name,
            asked,
            faults: [],
          });
        }
      }
    }),
    { seed, numRuns: rounds, verbose: false },
  );
});

function messagesOf(sink: RecordingSink): Message[] {
  return sink.events.map(({ event, id, data }) => ({
    event: event ?? "",
    id: id === undefined ? null : Number(id),
    data,
  }));
}

test("no event is sent before it is durable [W23]", async () => {
  const keeper = new Keeper();
  await keeper.store.start();
  const watches = watchesOf(keeper);
  const sink = new RecordingSink();
  watches.open(requestOf({ paths: ["/"], scope: "subtree" }), sink);
  keeper.log.hold();
  const written = keeper.create("/a");
  await keeper.clock.advance(1000);
  expect(sink.named("change")).toEqual([]);
  expect(keeper.exists("/a")).toBe(false);
  keeper.log.release();
  await written;
  expect(sink.changes).toEqual(["created /a"]);
  watches.close("shutdown");
  await keeper.store.close();
});

const broken: Readonly<Record<keyof typeof promises, (messages: Message[]) => Message[]>> = {
  filter: (messages) => [...messages, change(9, [{ type: "created", path: "/elsewhere" }])],
  ordered: (messages) => [messages[0] as Message, messages[2] as Message, messages[1] as Message],
  unique: (messages) => [...messages, messages[2] as Message],
  atomic: (messages) => [...messages.slice(0, 2), change(2, [])],
  reliable: (messages) => [messages[0] as Message, messages[2] as Message],
  resumable: (messages) => [...messages, change(0, [{ type: "created", path: "/a" }])],
  bookmarkable: (messages) => [messages[0] as Message, bookmark(2), messages[2] as Message],
  snapshotConsistent: (messages) => [page(1, []), ...messages],
};

test.for(Object.entries(broken))(
  "a stream that breaks the promise %s is found out",
  async ([name, spoil]) => {
    const keeper = new Keeper();
    await keeper.store.start();
    await keeper.create("/a");
    await keeper.set("/a", "1");
    const reference = new Reference(keeper.applied.map(({ txn }) => txn));
    const whole = [
      { event: "synced", id: 0, data: { zxid: 0 } },
      change(1, [{ type: "created", path: "/a" }]),
      change(2, [{ type: "changed", path: "/a" }]),
    ];
    const recordingOf = (messages: readonly Message[]): Recording => ({
      paths: ["/a"],
      scope: "node",
      types: [...watchEventTypes],
      withData: true,
      sinceZxid: 0,
      openedAtZxid: 0,
      messages,
      isComplete: true,
      closedAtZxid: 2,
    });
    const faultsIn = promises[name] as (typeof promises)[string];
    expect(faultsIn(recordingOf(whole), reference)).toEqual([]);
    expect(faultsIn(recordingOf(spoil([...whole])), reference)).not.toEqual([]);
    await keeper.store.close();
  },
);

function change(zxid: number, events: readonly object[]): Message {
  return { event: "change", id: zxid, data: { zxid, events } };
}

function bookmark(zxid: number): Message {
  return { event: "bookmark", id: zxid, data: { zxid } };
}

function page(zxid: number, znodes: readonly object[]): Message {
  return { event: "snapshot", id: null, data: { zxid, znodes } };
}
