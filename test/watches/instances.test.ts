// Streams of services inside the process: what one with a filter is told, live and again later, is what there is.

import fc from "fast-check";
import { expect } from "vitest";
import {
  fits,
  formatInstance,
  type InstanceFilter,
  type InstanceView,
  instanceAt,
  instanceIn,
} from "../../src/core/coordination/instances.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { systemContext } from "../../src/core/reader.ts";
import { InstanceSelection } from "../../src/watches/instance-selection.ts";
import { Selection } from "../../src/watches/selection.ts";
import type { StreamStart } from "../../src/watches/stream.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { bytes, type Keeper } from "../support/keeper.ts";
import { test } from "./fixture.ts";
import { RecordingSink } from "./recording-sink.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const service = "/services/web";
const by = { reader: "test", context: systemContext };
const everything: InstanceFilter = { tags: [], metadata: [] };

function open(watches: Watches, filter: InstanceFilter, start: StreamStart, name = "web"): RecordingSink {
  const sink = new RecordingSink();
  const timing = { bookmarkMs: 30_000, heartbeatMs: 10_000 };
  const selection = new InstanceSelection(name, filter);
  watches.open({ selection, start, once: false, ...by, ...timing }, sink);
  return sink;
}

function register(keeper: Keeper, id: string, sessionId: string, said: object = {}, name = "web") {
  const data = dataOf(said);
  return keeper.store.submit({ type: "registerInstance", name, id, data, sessionId });
}

function dataOf(said: object): Uint8Array {
  const instance = instanceIn(JSON.stringify({ address: "h", port: 80, ...said }));
  if (instance === null) throw new Error("no instance");
  return formatInstance(instance);
}

/** The changes among what was sent, as they were sent. */
function changesIn({ text }: RecordingSink): string {
  return text
    .split(/(?<=\n\n)/)
    .filter((frame) => /^event: (added|updated|removed)$/m.test(frame))
    .join("");
}

const step = fc.record({
  kind: fc.constantFrom("register", "register", "register", "replace", "byHand", "deregister", "close"),
  id: fc.constantFrom("a", "b", "c"),
  who: fc.nat(1),
  state: fc.constantFrom("up", "up", "draining"),
  tags: fc.subarray(["x", "y"]),
  zone: fc.constantFrom("n", "s"),
  data: fc.constantFrom("", "no JSON", '{"address":"h","port":1}', '{"address":"h","port":1,"tags":["x"]}'),
});

const filters: readonly InstanceFilter[] = [
  everything,
  { ...everything, state: "up" },
  { tags: ["x"], metadata: [], zone: "n" },
  { tags: [], metadata: [["v", "up"]], state: "up" },
];

test(`a stream leads to what there is, and says the same later, seed ${seed} [W20, W28]`, async ({
  keeper,
  watches,
}) => {
  const sessions = [await keeper.openSession(), await keeper.openSession()];
  await keeper.create("/services");
  await keeper.create(service);
  const live = filters.map((filter) => open(watches, filter, { kind: "now", initial: true }));
  const first = keeper.store.zxid;
  for (const one of fc.sample(step, { seed, numRuns: 300 })) {
    await take(keeper, sessions, one).catch((error: unknown) => {
      if (!(error instanceof KeeperError)) throw error;
    });
  }
  for (const [index, filter] of filters.entries()) {
    const sink = live[index] as RecordingSink;
    const there = keeper
      .children(service)
      .map((name) => instanceAt(keeper.state.tree.get(`${service}/${name}`)))
      .filter((view) => view !== null && fits(view, filter));
    expect([...modelOf(sink).values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(there);
    expect(changesIn(open(watches, filter, { kind: "after", zxid: first }))).toBe(changesIn(sink));
    for (const zxid of [first + 20, first + 77, keeper.store.zxid - 1]) {
      const later = changesIn(open(watches, filter, { kind: "after", zxid }));
      expect(changesIn(sink).endsWith(later)).toBe(true);
    }
  }
  expect(live.map((sink) => changesIn(sink).length > 500)).toEqual(filters.map(() => true));
});

async function take(
  keeper: Keeper,
  sessions: string[],
  { kind, id, who, data, ...said }: Record<string, unknown>,
): Promise<void> {
  const [name, path, index] = [String(id), `${service}/${id}`, Number(who)];
  const sessionId = sessions[index] as string;
  switch (kind) {
    case "register":
      await register(keeper, name, sessionId, { ...said, metadata: { v: String(said.state) } });
      return;
    case "replace":
      await keeper.store.submit({
        type: "registerInstance",
        name: "web",
        id: name,
        data: dataOf(said),
        sessionId,
        replace: "any",
      });
      return;
    case "byHand":
      await keeper.store.submit({ type: "setData", path, data: bytes(String(data)), create: "upsert" });
      return;
    case "deregister":
      await keeper.store.submit({
        type: "deregisterInstance",
        name: "web",
        id: name,
        sessionId,
        force: true,
      });
      return;
    default:
      await keeper.closeSession(sessionId, "session_expired");
      sessions[index] = await keeper.openSession();
  }
}

/** What a consumer has in the end. It complains of what cannot be. */
function modelOf({ events }: RecordingSink): Map<string, InstanceView> {
  const model = new Map<string, InstanceView>();
  for (const { event, data } of events) {
    const { instance } = data as { instance?: InstanceView };
    if (instance === undefined) continue;
    expect(model.has(instance.id)).toBe(event !== "added");
    if (event === "removed") model.delete(instance.id);
    else model.set(instance.id, instance);
  }
  return model;
}

test("a change is told to the streams of its service alone, and those with one filter share its bytes", async ({
  keeper,
  watches,
}) => {
  const sessionId = await keeper.openSession();
  const others = Array.from({ length: 1000 }, (_, index) =>
    open(watches, everything, { kind: "now", initial: true }, `other-${index}`),
  );
  const own = [1, 2].map(() => open(watches, everything, { kind: "now", initial: true }));
  const sentBefore = others.map(({ frames }) => frames.length);
  await register(keeper, "a", sessionId);
  await register(keeper, "a", sessionId);
  await keeper.closeSession(sessionId, "session_expired");
  expect(others.map(({ frames }) => frames.length)).toEqual(sentBefore);
  for (const sink of own) {
    expect(sink.events.map(({ event }) => event)).toEqual(["snapshot", "synced", "added", "removed"]);
  }
  expect(own[0]?.frames.at(-1)).toBe(own[1]?.frames.at(-1));
});

test("the data an instance had before is kept for streams of services, and is not told to others [W5]", async ({
  keeper,
  watches,
}) => {
  const sessionId = await keeper.openSession();
  const sink = new RecordingSink();
  const selection = new Selection({
    ...{ paths: ["/"], scope: "subtree", withData: true },
    types: ["created", "changed", "deleted"],
  });
  const request = { selection, once: false, ...by, bookmarkMs: 30_000, heartbeatMs: 10_000 };
  watches.open({ ...request, start: { kind: "now", initial: false } }, sink);
  await register(keeper, "a", sessionId);
  await register(keeper, "a", sessionId, { zone: "n" });
  await keeper.closeSession(sessionId);
  const again = new RecordingSink();
  watches.open({ ...request, start: { kind: "after", zxid: 1 } }, again);
  for (const { text } of [sink, again]) {
    expect(text).toContain('"type":"deleted"');
    expect(text).not.toContain("before");
  }
  expect(keeper.applied.at(-1)?.message?.text).toContain('"before":{"data":');
});
