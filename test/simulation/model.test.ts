// Thousands of random commands, answered by the store and by the model: the same answers, refusals, events
// and trees. A failure names its seed; SIMULATION_SEED runs it again, SIMULATION_COMMANDS makes it longer.

import fc from "fast-check";
import { expect, test as vitestTest } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command, Restore, TreeCommand } from "../../src/core/command.ts";
import type { CommandType } from "../../src/core/command-row.ts";
import { commandTable } from "../../src/core/commands.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { statOf } from "../../src/core/tree/stat.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import { watchEventsOf } from "../../src/core/watch-event.ts";
import { rounds } from "../support/effort.ts";
import { type Keeper, test } from "../support/keeper.ts";
import { anyCommand, anyTreeCommand, commandArbitraries, resolved } from "./commands.ts";
import { Model, type ModelAnswer, type ModelReply, type ModelZnode, type World } from "./model.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const commandCount = Number(process.env.SIMULATION_COMMANDS ?? rounds({ usual: 4000, full: 10_000 }));
const together = 4;
/** Few enough that most of the time something holds under a fence. */
const treeCommandOrRestore: fc.Arbitrary<TreeCommand | Restore> = fc.oneof(
  { weight: 300, arbitrary: anyTreeCommand },
  { weight: 1, arbitrary: commandArbitraries.restore },
);

test(`the store and the model agree, seed ${seed} [C4, C5, D19, K2, K3, K7, M2, M3, O3, Q4, S7, U9, Z3]`, async ({
  keeper,
}) => {
  const model = new Model();
  const commands = fc.sample(treeCommandOrRestore, { seed, numRuns: commandCount });
  for (let at = 0; at < commands.length; at += together) {
    const batch = commands
      .slice(at, at + together)
      .map((one) => (one.type === "restore" ? one : resolved(one, keeper.state.tree)));
    const expected = batch.map((command) => model.answer(command, keeper.clock.wallMs()));
    const place = `seed ${seed}, commands from ${at}: ${JSON.stringify(batch)}`;
    const before = keeper.applied.length;
    expect(await Promise.all(batch.map((command) => answerOf(keeper, command))), place).toEqual(
      expected.map(({ events: _, ...answer }) => answer),
    );
    expect(eventsSince(keeper, before), place).toEqual(expected.flatMap(({ events }) => events));
    expect(treeOf(keeper), place).toEqual(treeOfModel(model));
    expect(repliesOf(keeper), place).toEqual(model.world.replies);
    expect([...keeper.state.quotas.from("")], place).toEqual(quotasOfModel(model));
    expect(checkState(keeper.state), place).toEqual([]);
    await keeper.clock.advance(at % 7 === 0 ? 0 : 13);
  }
  expect(keeper.store.zxid).toBe(model.world.zxid);
});

/** What the model is asked in a tree that others work in: not the end of a session, in which all of them have a say. */
const ofTheModel = anyTreeCommand.filter(({ type }) => type !== "closeSession");

test(`in a tree in which every command is at work they agree, and each tells what it does, seed ${seed}`, async ({
  keeper,
}) => {
  const model = new Model();
  const commands = fc.sample(fc.tuple(anyCommand, ofTheModel), { seed, numRuns: commandCount / 5 });
  for (const [at, [any, known]] of commands.entries()) {
    await meddle(keeper, model, any);
    const command = resolved(known, keeper.state.tree);
    const place = `seed ${seed}, command ${at}: ${JSON.stringify(command)}`;
    model.skipsLists = keeper.state.access.isOn;
    const { events: _, ...expected } = model.answer(command, keeper.clock.wallMs());
    expect(await answerOf(keeper, command), place).toEqual(expected);
    expect(treeOf(keeper), place).toEqual(treeOfModel(model));
    expect(checkState(keeper.state), place).toEqual([]);
    await keeper.clock.advance(13);
  }
});

/**
 * Any command there is, in the same tree. The model does not know them all: it is told what has become of the tree, and
 * holds that against what was answered and told. What is refused has changed nothing, what was done is one transaction,
 * and who was told of it knows all that is different now.
 */
async function meddle(keeper: Keeper, model: Model, asked: Command): Promise<void> {
  const command = resolved(asked, keeper.state.tree);
  const place = `seed ${seed}: ${JSON.stringify(command)}`;
  const before = { world: model.world, appliedCount: keeper.applied.length };
  const isDone = await keeper.store.submit(command).then(
    () => true,
    (error: unknown) => {
      if (error instanceof KeeperError) return false;
      throw error;
    },
  );
  const after = worldOf(keeper);
  const txns = keeper.applied.slice(before.appliedCount);
  const moved = after.zxid - before.world.zxid;
  expect(txns.length, place).toBe(isDone && command.type === "restore" ? Math.min(moved, 1) : moved);
  if (!isDone) expect(after, place).toEqual(before.world);
  expect(txns.length, place).toBeLessThanOrEqual(1);
  expect(toldSince(keeper, before.appliedCount), place).toEqual(changedBetween(before.world, after));
  model.adopt(after);
}

/** Paths of what was told, each with what it came to in the end. */
function toldSince(keeper: Keeper, count: number): unknown[] {
  const told = new Map<string, unknown>();
  for (const { path, type, data } of eventsSince(keeper, count)) {
    told.set(path, type === "deleted" ? null : data);
  }
  return [...told].sort(byPath);
}

/** Paths that have another znode, another version of it, or none. */
function changedBetween({ znodes: before }: World, { znodes: after }: World): unknown[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  const isOther = (path: string) => before.get(path)?.mzxid !== after.get(path)?.mzxid;
  return paths
    .filter(isOther)
    .map((path) => [path, after.get(path)?.data ?? null])
    .sort(byPath);
}

vitestTest("the simulation has every type of command there is", () => {
  const types = new Set(fc.sample(anyCommand, { seed: 1, numRuns: 4000 }).map(({ type }) => type));
  expect(Object.keys(commandTable).filter((type) => !types.has(type as CommandType))).toEqual([]);
});

vitestTest("the random commands meet every refusal a command can meet", () => {
  const model = new Model();
  const refusals = new Set<string>();
  let done = 0;
  for (const command of fc.sample(anyTreeCommand, { seed: 1, numRuns: 4000 })) {
    const { refused } = model.answer(command, 1);
    if (refused === undefined) done += 1;
    else refusals.add(refused);
  }
  expect([...refusals].sort()).toEqual([
    ...["bad_acl", "bad_path", "bad_request", "bad_ttl", "bad_version", "ephemeral_parent", "fence_stale"],
    ...[
      "forbidden",
      "idempotency_key_reused",
      "no_node",
      "node_exists",
      "not_empty",
      "quota_exceeded",
      "quota_nested",
      "reserved_path",
      "session_expired",
      "session_required",
    ],
  ]);
  expect(done).toBeGreaterThan(600);
});

vitestTest("the random commands sweep containers and znodes with a TTL, and sweep in vain", () => {
  const model = new Model();
  const causes: unknown[] = [];
  for (const [index, command] of fc.sample(anyTreeCommand, { seed: 1, numRuns: 4000 }).entries()) {
    const { outcome } = model.answer(resolved(command, model.world.znodes), index * 4);
    if (command.type === "sweep") causes.push((outcome as { cause: string | null } | undefined)?.cause);
  }
  const count = (cause: string | null) => causes.filter((each) => each === cause).length;
  expect(Math.min(count("ttl"), count("container"), count(null))).toBeGreaterThanOrEqual(5);
});

async function answerOf(
  keeper: Keeper,
  command: TreeCommand | Restore,
): Promise<Omit<ModelAnswer, "events">> {
  try {
    // Nobody else may do anything any more where a command has turned access control on.
    const asked = keeper.state.access.isOn ? { ...command, principal: "system" as const } : command;
    return await keeper.store.submit(asked);
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    const { failedOperation, results } = error.details;
    if (failedOperation === undefined) return { refused: error.code };
    return { refused: error.code, failedOperation, fates: (results ?? []).map(({ code }) => code) };
  }
}

function eventsSince(keeper: Keeper, count: number) {
  return keeper.applied
    .slice(count)
    .flatMap(({ txn }) => watchEventsOf(txn))
    .map(({ type, znode }) => ({
      type,
      path: znode.path,
      data: new TextDecoder().decode(znode.data),
      stat: statOf(znode),
    }));
}

/** The state of the store, as the model says it. */
function worldOf(keeper: Keeper): World {
  const { state } = keeper;
  return {
    ...{ zxid: state.zxid, births: state.nextZnodeId - 1 },
    znodes: new Map([...state.tree.values()].map((znode) => [znode.path, modelZnodeOf(znode)])),
    sessions: new Map([...state.sessions()].map((session) => [session.id, session])),
    replies: repliesOf(keeper),
    quotas: new Map([...state.quotas.from("")].map(({ path, limits }) => [path, limits])),
    restored: state.restored,
  };
}

function modelZnodeOf(znode: Znode): ModelZnode {
  const { czxid, mzxid, pzxid, ctimeMs, mtimeMs, version, aversion, cversion, numChildren } = znode;
  const childrenGone = (cversion - numChildren) / 2;
  return {
    ...{
      czxid,
      mzxid,
      pzxid,
      ctimeMs,
      mtimeMs,
      version,
      aversion,
      data: new TextDecoder().decode(znode.data),
    },
    ...{ childrenGone, childrenMade: numChildren + childrenGone, counter: znode.nextSequence },
    ...{ birth: znode.id, owner: znode.ephemeralOwner, sequence: znode.sequence, ttlMs: znode.ttlMs },
    container: znode.container,
    acl: JSON.stringify(znode.acl.entries),
  };
}

function treeOf(keeper: Keeper): unknown[] {
  const { tree } = keeper.state;
  return [...tree.subtree("/")]
    .map(({ path, nextSequence, acl }) => [
      path,
      JSON.stringify(acl.entries),
      keeper.stat(path),
      keeper.data(path),
      nextSequence,
      keeper.children(path),
    ])
    .sort(byPath);
}

function repliesOf(keeper: Keeper): ModelReply[] {
  return [...keeper.state.replies].map(({ outcome, ranMs: _ran, scope: _scope, ...reply }) => ({
    ...reply,
    outcome: JSON.parse(outcome) as unknown,
  }));
}

function treeOfModel(model: Model): unknown[] {
  return [...model.world.znodes]
    .map(([path, { data, counter, acl }]) => [
      path,
      acl,
      model.statOf(path),
      data,
      counter,
      model.childrenOf(path),
    ])
    .sort(byPath);
}

function quotasOfModel(model: Model): unknown[] {
  return [...model.world.quotas.keys()].sort().map((path) => model.quotaOf(path));
}

function byPath([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}
