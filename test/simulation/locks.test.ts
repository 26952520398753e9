// Random claims, releases, requests that give up, ends of sessions, znodes made by hand and settings, held against a list
// that is walked from the start each time. A failure names its seed; SIMULATION_SEED runs it again.

import fc from "fast-check";
import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { attemptsMax } from "../../src/core/coordination/attempts.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { bytes, ephemeralSequential, type Keeper, sequential, test } from "../support/keeper.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const stepCount = Number(process.env.SIMULATION_COMMANDS ?? 1500);
const lock = "/locks/a";
const sessionCount = 8;

interface Waiting {
  readonly name: string;
  readonly owner: string | null;
  readonly shared: boolean;
  readonly fence: number;
  /** The requests it is for; null when it is kept for good. */
  attempts: readonly string[] | null;
}

/** What the lock is, as plainly as it can be said. */
interface Model {
  queue: Waiting[];
  permits: number;
  lockDelayMs: number;
  /** Names of those who alone may hold, while the lock is delayed. */
  delayed: ReadonlySet<string> | null;
}

const step = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant("claim" as const) },
    { weight: 8, arbitrary: fc.constant("release" as const) },
    { weight: 6, arbitrary: fc.constant("giveUp" as const) },
    { weight: 1, arbitrary: fc.constant("keep" as const) },
    { weight: 3, arbitrary: fc.constant("expire" as const) },
    { weight: 2, arbitrary: fc.constant("close" as const) },
    { weight: 2, arbitrary: fc.constant("byHand" as const) },
    { weight: 3, arbitrary: fc.constant("deleteByHand" as const) },
    { weight: 1, arbitrary: fc.constant("configure" as const) },
    { weight: 4, arbitrary: fc.constant("endDelay" as const) },
    { weight: 1, arbitrary: fc.constant("deleteLock" as const) },
  ),
  who: fc.nat(sessionCount - 1),
  pick: fc.nat(1000),
  shared: fc.boolean(),
  waits: fc.boolean(),
  attempt: fc.constantFrom(undefined, ...Array.from({ length: 12 }, (_, index) => `attempt-${index}`)),
  permits: fc.constantFrom(undefined, undefined, undefined, 1, 2, 3),
  lockDelayMs: fc.constantFrom(0, 0, 100, 5000),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

test(`a lock is what its list of claims is, seed ${seed} [G9, Q4, N10]`, async ({ keeper }) => {
  const model: Model = { queue: [], permits: 1, lockDelayMs: 0, delayed: null };
  const sessions: string[] = [];
  for (let index = 0; index < sessionCount; index += 1) sessions.push(await keeper.openSession());
  let holding: readonly Waiting[] = [];
  let lastFence = 0;
  for (const [index, one] of fc.sample(step, { seed, numRuns: stepCount }).entries()) {
    const place = `seed ${seed}, step ${index}: ${JSON.stringify(one)}`;
    await take(keeper, sessions, model, one);
    const holders = holdersIn(model);
    expect(holdersOf(keeper), place).toEqual(holders.map(({ name }) => name));
    const queue = [...(keeper.state.claims.queue(lock) ?? [])];
    expect(
      queue.map(({ id, fence }) => [id, fence]),
      place,
    ).toEqual(model.queue.map((each) => [each.name, each.fence]));
    expect(
      queue.map(({ path }) => keeper.state.tree.get(path)?.attempts),
      place,
    ).toEqual(model.queue.map(({ attempts }) => attempts));
    for (const granted of holders.filter((each) => !holding.some(({ name }) => name === each.name))) {
      expect(granted.fence, place).toBeGreaterThan(lastFence);
      lastFence = granted.fence;
    }
    holding = holders;
    expectSound(model, holders, place);
    expect(checkState(keeper.state), place).toEqual([]);
  }
  expect(lastFence).toBeGreaterThan(0);
});

/** Said once more without the words of the model: nobody shares with a writer, and nobody waits without a reason. */
function expectSound(model: Model, holders: readonly Waiting[], place: string): void {
  const writers = holders.filter(({ shared }) => !shared).length;
  if (model.permits === 1) expect(writers === 0 || holders.length === 1, place).toBe(true);
  else expect(holders.length, place).toBeLessThanOrEqual(model.permits);
  const next = model.queue[holders.length];
  if (next === undefined || model.delayed !== null) return;
  const isFull = model.permits > 1 ? holders.length === model.permits : holders.length > 0;
  expect(isFull && (model.permits > 1 || !next.shared || writers > 0), place).toBe(true);
}

function holdersIn({ queue, permits, delayed }: Model): Waiting[] {
  const writer = queue.findIndex(({ shared }) => !shared);
  const readers = writer === -1 ? queue.length : writer;
  const count = permits > 1 ? permits : Math.max(1, readers);
  return queue.slice(0, count).filter(({ name }) => delayed === null || delayed.has(name));
}

function holdersOf(keeper: Keeper): string[] {
  return (
    keeper.state.claims
      .queue(lock)
      ?.holders()
      .map(({ id }) => id) ?? []
  );
}

async function take(keeper: Keeper, sessions: string[], model: Model, one: Step): Promise<void> {
  const sessionId = sessions[one.who] as string;
  switch (one.kind) {
    case "claim":
      return takeClaim(keeper, model, sessionId, one);
    case "release":
      return takeRelease(keeper, model, sessionId, one);
    case "giveUp":
      return takeGiveUp(keeper, model, sessionId, one);
    case "keep":
      return takeKeep(keeper, model, sessionId);
    case "expire":
    case "close":
      await keeper.closeSession(sessionId, one.kind === "close" ? "session_closed" : "session_expired");
      if (one.kind === "expire") delayAfter(model, sessionId);
      model.queue = model.queue.filter(({ owner }) => owner !== sessionId);
      sessions[one.who] = await keeper.openSession();
      return;
    case "byHand":
      return takeByHand(keeper, model, one.shared ? sessionId : null);
    case "deleteByHand": {
      const [doomed] = model.queue.filter(({ name }) => name.startsWith("lock-"));
      if (doomed === undefined) return;
      await keeper.delete(`${lock}/${doomed.name}`);
      model.queue = model.queue.filter((each) => each !== doomed);
      return;
    }
    case "configure":
      return takeConfigure(keeper, model, one);
    case "endDelay": {
      const { delay } = keeper.state.claims.queue(lock)?.settings ?? {};
      const isThis = one.pick % 3 > 0;
      const delayUntilMs = (delay?.untilMs ?? 0) - (isThis ? 0 : 1);
      await keeper.store.submit({ type: "endLockDelay", name: "a", delayUntilMs });
      if (isThis) model.delayed = null;
      await keeper.clock.advance(one.pick);
      return;
    }
    case "deleteLock":
      if (!keeper.exists(lock)) return;
      await keeper.store.submit({ type: "deleteTree", path: lock });
      Object.assign(model, { queue: [], permits: 1, lockDelayMs: 0, delayed: null });
  }
}

function delayAfter(model: Model, sessionId: string): void {
  const holders = holdersIn(model);
  if (model.lockDelayMs === 0 || !holders.some(({ owner }) => owner === sessionId)) return;
  model.delayed = new Set(holders.map(({ name }) => name));
}

async function takeClaim(keeper: Keeper, model: Model, sessionId: string, one: Step): Promise<void> {
  const own = model.queue.find(({ owner }) => owner === sessionId);
  const { shared, waits, permits, attempt } = one;
  const refused = refusalOf(model, own, one);
  const answer = await answerTo(keeper, {
    ...{ type: "claimLock", name: "a", mode: shared ? "shared" : "exclusive", metadata: bytes("") },
    ...{ orElse: waits ? "wait" : "refuse", sessionId },
    ...(permits !== undefined && { permits }),
    ...(attempt !== undefined && { attempt }),
  });
  if (refused !== null) {
    expect(answer).toEqual({ refused });
    return;
  }
  const { outcome } = answer as { outcome: { id: string; fence: number } };
  if (own !== undefined) {
    expect(outcome.id).toBe(own.name);
    own.attempts = attemptsWith(own.attempts, attempt);
    return;
  }
  model.permits = permits ?? model.permits;
  const { id: name, fence } = outcome;
  model.queue.push({
    name,
    owner: sessionId,
    shared,
    fence,
    attempts: attempt === undefined ? null : [attempt],
  });
}

function attemptsWith(attempts: Waiting["attempts"], attempt: string | undefined): Waiting["attempts"] {
  if (attempts === null || attempt === undefined) return null;
  const all = [...new Set([...attempts, attempt])];
  return all.length > attemptsMax ? null : all;
}

function refusalOf(model: Model, own: Waiting | undefined, { shared, waits, permits }: Step): string | null {
  if (shared && (permits ?? 1) > 1) return "bad_request";
  const asked = permits ?? model.permits;
  if (asked !== model.permits && model.queue.length > 0) return "permits_differ";
  if (shared && asked > 1) return "permits_differ";
  if (own !== undefined) return own.shared === shared ? null : "mode_differs";
  if (waits) return null;
  const mine = { name: "mine", owner: "me", shared, fence: 0, attempts: null };
  const after = { ...model, permits: asked, queue: [...model.queue, mine] };
  return holdersIn(after).includes(mine) ? null : "lock_held";
}

async function takeRelease(keeper: Keeper, model: Model, sessionId: string, one: Step): Promise<void> {
  const doomed = model.queue[one.pick % (model.queue.length + 1)];
  const id = doomed?.name ?? "x-9000000000";
  const answer = await answerTo(keeper, { type: "releaseClaim", name: "a", id, sessionId });
  if (doomed === undefined) expect(answer).toEqual({ refused: "no_claim" });
  else if (doomed.owner !== sessionId) expect(answer).toEqual({ refused: "not_holder" });
  else model.queue = model.queue.filter((each) => each !== doomed);
}

/** The last request that gives up takes the place with it. */
async function takeGiveUp(keeper: Keeper, model: Model, sessionId: string, one: Step): Promise<void> {
  const own = model.queue.find(({ owner }) => owner === sessionId);
  if (own === undefined) return;
  const { attempt: ifAttempt = own.attempts?.[0] ?? "unknown" } = one;
  await keeper.store.submit({ type: "releaseClaim", name: "a", id: own.name, sessionId, ifAttempt });
  if (own.attempts?.includes(ifAttempt) !== true) return;
  own.attempts = own.attempts.filter((attempt) => attempt !== ifAttempt);
  if (own.attempts.length === 0) model.queue = model.queue.filter((each) => each !== own);
}

async function takeKeep(keeper: Keeper, model: Model, sessionId: string): Promise<void> {
  const own = model.queue.find(({ owner }) => owner === sessionId);
  if (own === undefined) return;
  const { name, fence: czxid } = own;
  await keeper.store.submit({ type: "keepPlace", path: `${lock}/${name}`, czxid, sessionId });
  own.attempts = null;
}

async function takeByHand(keeper: Keeper, model: Model, owner: string | null): Promise<void> {
  if (!keeper.exists(lock)) return;
  const mode = owner === null ? sequential : ephemeralSequential;
  const options = owner === null ? {} : { sessionId: owner };
  const { path, stat } = await keeper.create(`${lock}/lock-`, mode, "", options);
  model.queue.push({
    name: path.slice(lock.length + 1),
    owner,
    shared: false,
    fence: stat.czxid,
    attempts: null,
  });
}

async function takeConfigure(keeper: Keeper, model: Model, { permits, lockDelayMs }: Step): Promise<void> {
  const isRefused = permits !== undefined && permits !== model.permits && model.queue.length > 0;
  const answer = await answerTo(keeper, {
    ...{ type: "configureLock", name: "a", lockDelayMs },
    ...(permits !== undefined && { permits }),
  });
  if (isRefused) {
    expect(answer).toEqual({ refused: "permits_differ" });
    return;
  }
  Object.assign(model, { lockDelayMs, permits: permits ?? model.permits });
}

async function answerTo(keeper: Keeper, command: Command): Promise<object> {
  try {
    return await keeper.store.submit(command);
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    return { refused: error.code };
  }
}
