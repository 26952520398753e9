// Thousands of random commands, answered by the store and by the model: the same answers, refusals, events
// and trees. A failure names its seed; SIMULATION_SEED runs it again, SIMULATION_COMMANDS makes it longer.

import fc from "fast-check";
import { expect, test as vitestTest } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { TreeCommand } from "../../src/core/command.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { statOf } from "../../src/core/tree/stat.ts";
import { watchEventsOf } from "../../src/core/watch-event.ts";
import { type Keeper, test } from "../support/keeper.ts";
import { anyCommand, resolved } from "./commands.ts";
import { Model, type ModelAnswer } from "./model.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const commandCount = Number(process.env.SIMULATION_COMMANDS ?? 10_000);
const together = 4;

test(`the store and the model agree, seed ${seed} [C4, C5, D19, K2, K3, K7, M2, M3, O3, Q4, S7, U9, Z3]`, async ({
  keeper,
}) => {
  const model = new Model();
  const commands = fc.sample(anyCommand, { seed, numRuns: commandCount });
  for (let at = 0; at < commands.length; at += together) {
    const batch = commands.slice(at, at + together).map((one) => resolved(one, keeper.store.state.tree));
    const expected = batch.map((command) => model.answer(command, keeper.clock.wallMs()));
    const place = `seed ${seed}, commands from ${at}: ${JSON.stringify(batch)}`;
    const before = keeper.applied.length;
    expect(await Promise.all(batch.map((command) => answerOf(keeper, command))), place).toEqual(
      expected.map(({ events: _, ...answer }) => answer),
    );
    expect(eventsSince(keeper, before), place).toEqual(expected.flatMap(({ events }) => events));
    expect(treeOf(keeper), place).toEqual(treeOfModel(model));
    expect(repliesOf(keeper), place).toEqual(model.world.replies);
    expect([...keeper.store.state.quotas.from("")], place).toEqual(quotasOfModel(model));
    expect(checkState(keeper.store.state), place).toEqual([]);
    await keeper.clock.advance(at % 7 === 0 ? 0 : 13);
  }
  expect(keeper.store.zxid).toBe(model.world.zxid);
});

vitestTest("the random commands meet every refusal a command can meet", () => {
  const model = new Model();
  const refusals = new Set<string>();
  let done = 0;
  for (const command of fc.sample(anyCommand, { seed: 1, numRuns: 4000 })) {
    const { refused } = model.answer(command, 1);
    if (refused === undefined) done += 1;
    else refusals.add(refused);
  }
  expect([...refusals].sort()).toEqual([
    ...["bad_path", "bad_request", "bad_ttl", "bad_version", "ephemeral_parent", "fence_stale"],
    ...[
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
  for (const [index, command] of fc.sample(anyCommand, { seed: 1, numRuns: 4000 }).entries()) {
    const { outcome } = model.answer(resolved(command, model.world.znodes), index * 4);
    if (command.type === "sweep") causes.push((outcome as { cause: string | null } | undefined)?.cause);
  }
  const count = (cause: string | null) => causes.filter((each) => each === cause).length;
  expect(Math.min(count("ttl"), count("container"), count(null))).toBeGreaterThanOrEqual(5);
});

async function answerOf(keeper: Keeper, command: TreeCommand): Promise<Omit<ModelAnswer, "events">> {
  try {
    return await keeper.store.submit(command);
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    const { failedOperation, results } = error.details;
    if (failedOperation === undefined) return { refused: error.code };
    return { refused: error.code, failedOperation, fates: (results ?? []).map(({ code }) => code) };
  }
}

function eventsSince(keeper: Keeper, count: number): unknown[] {
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

function treeOf(keeper: Keeper): unknown[] {
  const { tree } = keeper.store.state;
  return [...tree.subtree("/")]
    .map(({ path, nextSequence }) => [
      path,
      keeper.stat(path),
      keeper.data(path),
      nextSequence,
      keeper.children(path),
    ])
    .sort(byPath);
}

function repliesOf(keeper: Keeper): unknown[] {
  return [...keeper.store.state.replies].map(({ outcome, ranMs: _ran, scope: _scope, ...reply }) => ({
    ...reply,
    outcome: JSON.parse(outcome) as unknown,
  }));
}

function treeOfModel(model: Model): unknown[] {
  return [...model.world.znodes]
    .map(([path, { data, counter }]) => [path, model.statOf(path), data, counter, model.childrenOf(path)])
    .sort(byPath);
}

function quotasOfModel(model: Model): unknown[] {
  return [...model.world.quotas.keys()].sort().map((path) => model.quotaOf(path));
}

function byPath([a]: unknown[], [b]: unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}
