// Random entries, departures, ends of sessions and znodes made by hand, held against a barrier that is a list and a
// flag. A failure names its seed; SIMULATION_SEED runs it again.

import fc from "fast-check";
import { expect } from "vitest";
import { Coordination } from "../../src/coordination/coordination.ts";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { barrierAt } from "../../src/core/coordination/barriers.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { type Keeper, test } from "../support/keeper.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const stepCount = Number(process.env.SIMULATION_COMMANDS ?? 1500);
const path = "/barriers/b";
const sessionCount = 4;

interface Waiter {
  readonly participant: string;
  /** How the wait has ended, once it has. */
  end: string | null;
}

/** What the barrier is, as plainly as it can be said. */
interface Model {
  /** Owners by participant. */
  readonly participants: Map<string, string>;
  count: number | null;
  isOpen: boolean;
  /** Those who wait to enter, and how each must have been answered by now. */
  readonly waiters: { readonly waiter: Waiter; expected: string | null }[];
}

const step = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant("enter" as const) },
    { weight: 12, arbitrary: fc.constant("leave" as const) },
    { weight: 4, arbitrary: fc.constant("expire" as const) },
    { weight: 1, arbitrary: fc.constant("deleteByHand" as const) },
  ),
  who: fc.nat(sessionCount - 1),
  name: fc.constantFrom(undefined, undefined, undefined, "p", "q"),
  count: fc.constantFrom(3, 3, 3, 2, 1),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

test(`a barrier is what its list of participants is, and lets in all who were in, seed ${seed} [G9]`, async ({
  keeper,
}) => {
  const coordination = new Coordination(keeper.store, { claimWaitersMax: 1_000_000 });
  const model: Model = { participants: new Map(), count: null, isOpen: false, waiters: [] };
  const sessions: string[] = [];
  for (let index = 0; index < sessionCount; index += 1) sessions.push(await keeper.openSession());
  let openings = 0;
  for (const [index, one] of fc.sample(step, { seed, numRuns: stepCount }).entries()) {
    const place = `seed ${seed}, step ${index}: ${JSON.stringify(one)}`;
    const wasOpen = model.isOpen;
    await take(keeper, sessions, model, one);
    if (model.isOpen && !wasOpen) openings += 1;
    if (one.kind === "enter") follow(coordination, model, one.name ?? (sessions[one.who] as string));
    const { participantCount, round, count } = barrierAt(keeper.state.tree, path);
    expect([participantCount, round !== null, count], place).toEqual([
      model.participants.size,
      model.isOpen,
      model.count,
    ]);
    // What was deleted by hand may leave a mark behind, which means nothing.
    const names = keeper.children(path).filter((name) => name !== "ready");
    expect(names, place).toEqual([...model.participants.keys()].sort());
    for (const { waiter, expected } of model.waiters) expect(waiter.end, place).toBe(expected);
    expect(checkState(keeper.state), place).toEqual([]);
  }
  // A run that never got there would show nothing.
  expect(openings).toBeGreaterThan(0);
  coordination.stop();
});

/** Whoever is in and not let in waits. */
function follow(coordination: Coordination, model: Model, participant: string): void {
  if (!model.participants.has(participant) || model.isOpen) return;
  const waiter: Waiter = { participant, end: null };
  void coordination.barriers.untilOpen(`${path}/${participant}`).end.then((end) => {
    waiter.end = end;
  });
  model.waiters.push({ waiter, expected: null });
}

function settle(model: Model, end: string, participant?: string): void {
  for (const each of model.waiters) {
    if (each.expected === null && (participant ?? each.waiter.participant) === each.waiter.participant)
      each.expected = end;
  }
}

async function take(keeper: Keeper, sessions: string[], model: Model, one: Step): Promise<void> {
  const sessionId = sessions[one.who] as string;
  const participant = one.name ?? sessionId;
  const named = { name: "b", sessionId, ...(one.name !== undefined && { participant: one.name }) };
  switch (one.kind) {
    case "enter":
      return takeEnter(model, one, participant, {
        answer: await answerTo(keeper, { type: "enterBarrier", count: one.count, ...named }),
        sessionId,
      });
    case "leave": {
      const answer = await answerTo(keeper, { type: "leaveBarrier", ...named });
      const owner = model.participants.get(participant);
      if (owner !== undefined && owner !== sessionId) expect(answer).toBe("not_holder");
      else remove(model, participant);
      return;
    }
    case "expire":
      await keeper.closeSession(sessionId, "session_expired");
      for (const [each, owner] of [...model.participants]) if (owner === sessionId) remove(model, each);
      sessions[one.who] = await keeper.openSession();
      return;
    case "deleteByHand": {
      const [doomed] = model.participants.keys();
      if (doomed === undefined) return;
      await keeper.delete(`${path}/${doomed}`);
      remove(model, doomed);
    }
  }
}

function takeEnter(
  model: Model,
  { count }: Step,
  participant: string,
  { answer, sessionId }: { answer: string; sessionId: string },
): void {
  const owner = model.participants.get(participant);
  if (model.participants.size > 0 && model.count !== count) expect(answer).toBe("count_differs");
  else if (owner !== undefined && owner !== sessionId) expect(answer).toBe("not_holder");
  else {
    model.participants.set(participant, sessionId);
    model.count = count;
    if (model.isOpen || model.participants.size < count) return;
    model.isOpen = true;
    settle(model, "open");
  }
}

function remove(model: Model, participant: string): void {
  if (!model.participants.delete(participant)) return;
  settle(model, "gone", participant);
  if (model.participants.size === 0) model.isOpen = false;
}

async function answerTo(keeper: Keeper, command: Command): Promise<string> {
  try {
    await keeper.store.submit(command);
    return "done";
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    return error.code;
  }
}
