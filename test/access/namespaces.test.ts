// Whoever is confined to a part of the tree works in it as in a tree of their own: the same commands, sent by them and
// by somebody alone in a tree that is all theirs, have the same answers, to the word, and come to the same.

import fc from "fast-check";
import { expect, test } from "vitest";
import { openPermits } from "../../src/core/access/permits.ts";
import type { Principal } from "../../src/core/access/principal.ts";
import { inRoot, inTree } from "../../src/core/access/root-paths.ts";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import { validateCommand } from "../../src/core/commands.ts";
import { barrierAt } from "../../src/core/coordination/barriers.ts";
import { claimViewOf, standingsOf } from "../../src/core/coordination/claim-view.ts";
import { registeredAt } from "../../src/core/coordination/instances.ts";
import { Digest } from "../../src/core/digest.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { type Executed, execute } from "../../src/core/execute.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import type { Session } from "../../src/core/session.ts";
import { State } from "../../src/core/state.ts";
import { StateReader } from "../../src/core/state-reader.ts";
import { validatePath } from "../../src/core/tree/path.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import type { Txn } from "../../src/core/txn.ts";
import { decodeBatch, encodeBatch } from "../../src/store/codec.ts";
import { changeMessageOf } from "../../src/told/change-message.ts";
import { anyTreeCommand, commandArbitraries, resolved } from "../simulation/commands.ts";
import { bytes } from "../support/keeper.ts";

const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const commandCount = Number(process.env.SIMULATION_COMMANDS ?? 1500);

/** A name that stands nowhere else, so that it cannot be in an answer by chance. */
const root = "/teams/zebra";
const startMs = 1_700_000_000_000;
const system = { principal: "system" } as const;

interface Done {
  readonly command: Command;
  readonly timeMs: number;
}

/** A state, and all that was asked of it. */
class Asked {
  readonly state: State;
  readonly log: Done[] = [];
  timeMs = startMs;
  #lsn: number;

  constructor(state = State.fresh(), lsn = 0) {
    this.state = state;
    this.#lsn = lsn;
  }

  do<C extends Command>(command: C): Executed<C> {
    const { timeMs } = this;
    this.log.push({ command, timeMs });
    this.#lsn += 1;
    return execute(this.state, command, { timeMs, ranMs: timeMs - startMs, lsn: this.#lsn });
  }
}

/** A tree in which others are at work, under the same names, and the token of somebody who is confined. */
function crowded(): { whole: Asked; principal: Principal } {
  const whole = new Asked();
  whole.do({ type: "turnOnAccess", ...system });
  const token = { name: "t", policies: ["admin"], root, validUntilMs: null };
  const { outcome } = whole.do({ type: "createToken", token, hash: "1".repeat(64), ...system }).commit;
  const beside = { ...token, name: "u", root: "/teams/yak" };
  const { token: other } = whole.do({ type: "createToken", token: beside, hash: "2".repeat(64), ...system })
    .commit.outcome;
  for (const principal of [system.principal, { token: "u", made: other.madeZxid }] as const) {
    const sessionId = principal === "system" ? "00000000000000a1" : "00000000000000a2";
    whole.do({ type: "openSession", sessionId, tokenHash: "x", timeoutMs: 1000, name: "", principal });
    const by = { sessionId, principal };
    for (const name of ["l", "m"]) {
      whole.do({ type: "configureLock", name, lockDelayMs: 50, ...by });
      const claim = { mode: "exclusive", orElse: "wait", metadata: bytes("") } as const;
      whole.do({ type: "claimLock", name, ...claim, ...by });
      whole.do({ type: "standForElection", name, value: bytes(""), ...by });
      whole.do({ type: "enterBarrier", name, count: 2, participant: "p", ...by });
      whole.do({ type: "addToCounter", name, by: 7, ...by });
      const data = bytes('{"address":"a","port":1}');
      whole.do({ type: "registerInstance", name, id: "i", data, ...by });
    }
    const mode = { kind: "persistent", sequential: false } as const;
    for (const path of ["/a", "/a/b", "/b"])
      whole.do({ type: "create", path, data: bytes("5"), mode, ...by });
    whole.do({ type: "setQuota", path: "/a", limits: { countHard: 2 }, ...by });
  }
  return { whole, principal: { token: "t", made: outcome.token.madeZxid } };
}

/** A tree that is the same as what is in the root, at the same zxid. */
function ownTreeLike({ state: { zxid, nextZnodeId, ranMs, tree }, log }: Asked): Asked {
  const own = new State();
  own.restoreZnode({ ...(tree.get(root) as Znode), path: "/" });
  own.restoreCounters({ zxid, nextZnodeId, ranMs });
  return new Asked(own, log.length);
}

/** What the service does by itself, it does in paths of the whole tree, or says in which namespace. */
function inNamespace(command: Command, principal: Principal): Command {
  switch (command.type) {
    case "sweep":
    case "keepPlace":
      return { ...command, path: inTree(root, command.path) };
    case "endLockDelay":
      return { ...command, root };
    case "touchSessions":
    case "claimHousekeeping":
    case "beginEpoch":
    case "restore":
      return command;
    default:
      return { ...command, principal };
  }
}

interface Answer {
  readonly answer: unknown;
  readonly txn: Txn | null;
}

function answerOf(asked: Asked, command: Command): Answer {
  try {
    const { commit, txn } = asked.do(command);
    return { answer: shownAnswer(command, commit), txn };
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    return { answer: { code: error.code, message: error.message, details: error.details }, txn: null };
  }
}

/** As somebody is told it: whose a session is, and what the service did by itself, is told nobody. */
function shownAnswer({ type }: Command, commit: { zxid: number; outcome: object }): unknown {
  if (type === "sweep" || type === "keepPlace" || type === "closeSession")
    return { ...commit, outcome: mappedPaths(commit.outcome) };
  const { outcome } = commit;
  return "session" in outcome
    ? { ...commit, outcome: { ...outcome, session: withoutOwner(outcome.session as Session) } }
    : commit;
}

function mappedPaths(outcome: object): unknown {
  const named = (path: string) => inRoot(root, path) ?? path;
  const text = (value: unknown) => (typeof value === "string" ? named(value) : value);
  return Object.fromEntries(
    Object.entries(outcome).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(text) : text(value),
    ]),
  );
}

function withoutOwner({ owner: _, ...session }: Session): object {
  return session;
}

/** What somebody is shown of their tree, by all ways there are. */
function viewOf(reader: StateReader): unknown {
  const walk = reader.walk({ roots: ["/"], depthMax: Number.POSITIVE_INFINITY });
  const znodes: Znode[] = [];
  for (let znode = walk.next(); znode !== undefined; znode = walk.next()) znodes.push(znode);
  const paths = znodes.map(({ path }) => path);
  const queues = [...reader.queues()].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    znodes,
    seen: paths.map((path) => [reader.get(path), [...reader.childNames(path)], reader.quotaOver(path)]),
    queues: queues.map((queue) => ({
      ...{ path: queue.path, settings: queue.settings, size: queue.size, held: queue.heldCount },
      claims: [...queue].map((claim) => claimViewOf(reader, claim)),
      holders: queue.holders(),
      byPath: reader.queue(queue.path)?.size,
    })),
    quotas: [...reader.quotasFrom("")],
    behind: paths.map((path) => [...reader.quotasFrom(path)].length),
    mortals: [...reader.mortals].sort(),
    barriers: ["l", "m"].map((name) => barrierAt(reader, `/barriers/${name}`)),
    sessions: ["0000000000000001", "7fffffffffffffff"].map((id) => {
      const [session, owned] = [reader.session(id), [...reader.ephemeralsOf(id)].sort()];
      return {
        ...{ session: session && withoutOwner(session), owned },
        ...{ standings: standingsOf(reader, owned), registered: registeredAt(reader, owned) },
      };
    }),
  };
}

/** What is told of a transaction, but who did it. */
function toldOf({ state: { access } }: Asked, txn: Txn | null): unknown {
  const message = txn === null ? null : changeMessageOf(txn, access.namespaces);
  return message?.events.map(({ type, path, data, tail, before }) => {
    return { type, path: inRoot(root, path) ?? path, data, tail, before };
  });
}

function outsideOf({ state: { tree, quotas } }: Asked): unknown {
  const isOutside = ({ path }: { path: string }) => inRoot(root, path) === undefined;
  return [[...tree.values()].filter(isOutside), [...quotas.from("")].filter(isOutside)];
}

/**
 * Some commands come less than their kind would, so that a sequence gets somewhere. A restore not at all: where numbers go
 * on is decided for the whole tree.
 */
const {
  turnOnAccess,
  setPolicy,
  deletePolicy,
  createToken,
  rotateToken,
  changeToken,
  revokeToken,
  restore: _,
  ...rest
} = commandArbitraries;
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: anyTreeCommand },
  { weight: 2, arbitrary: fc.oneof(...Object.values(rest)) },
);

/** As the service sends them: parts of a delete are measured in the whole tree, and what it does has no fences. */
function asSent(command: Command): Command {
  if (command.type === "deletePart") return { ...command, bytesMax: 100_000 };
  if (command.type !== "keepPlace") return command;
  const { fences: _, idempotency: __, ...keep } = command;
  return keep;
}

test(`a namespace is a tree of its own to who is confined to it, to the word, seed ${seed} [P15]`, () => {
  const { whole, principal } = crowded();
  const own = ownTreeLike(whole);
  const outside = outsideOf(whole);
  const context = { permits: whole.state.access.permitsOf(principal as never, startMs) };
  const [inside, alone] = [
    new StateReader(whole.state, context),
    new StateReader(own.state, { permits: openPermits }),
  ];
  const seen = new Set<string>();
  for (const [at, sampled] of fc.sample(anyCommand, { seed, numRuns: commandCount }).entries()) {
    const command = asSent(resolved(sampled, own.state.tree));
    if (isMalformed(command)) continue;
    const place = `seed ${seed}, command ${at}: ${JSON.stringify(command)}`;
    const expected = answerOf(own, command);
    const actual = answerOf(whole, inNamespace(command, principal));
    expect(actual.answer, place).toEqual(expected.answer);
    expect(JSON.stringify(actual.answer), place).not.toContain("zebra");
    expect(toldOf(whole, actual.txn), place).toEqual(toldOf(own, expected.txn));
    seen.add(`${command.type} ${(actual.answer as { code?: string }).code ?? "done"}`);
    if (at % 10 === 0 || at === commandCount - 1) {
      expect(viewOf(inside), place).toEqual(viewOf(alone));
      expect(JSON.stringify(viewOf(inside)), place).not.toContain("zebra");
      expect(outsideOf(whole), place).toEqual(outside);
      expect(checkState(whole.state), place).toEqual([]);
    }
    for (const asked of [whole, own]) asked.timeMs += 13;
  }
  expect(viewOf(inside)).toEqual(viewOf(alone));
  expect(outsideOf(whole)).toEqual(outside);
  // A run that did nothing would show nothing.
  for (const type of ["claimLock", "standForElection", "enterBarrier", "registerInstance", "addToCounter"])
    expect(seen).toContain(`${type} done`);
  expect(Digest.of(replayOf(whole)).toString()).toBe(Digest.of(whole.state).toString());
});

function isMalformed(command: Command): boolean {
  try {
    validateCommand(command, defaultLimits);
    if (command.type === "sweep") validatePath(command.path);
    return false;
  } catch (error) {
    if (error instanceof KeeperError) return true;
    throw error;
  }
}

/** The same commands, read back from their bytes. */
function replayOf({ log }: Asked): State {
  const replayed = new Asked();
  for (const { command, timeMs } of log) {
    const [read] = decodeBatch(encodeBatch({ timeMs, commands: [command] })).commands;
    replayed.timeMs = timeMs;
    try {
      replayed.do(read as Command);
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
    }
  }
  expect(checkState(replayed.state)).toEqual([]);
  return replayed.state;
}
