// Random commands of what is built on the tree: few names, sessions and places, so that they meet each other, and the
// znodes that are made by hand below the same paths.

import fc from "fast-check";
import type { CommandOf } from "../../src/core/command-row.ts";
import type { CoordinationCommand } from "../../src/core/coordination/coordination-command.ts";
import { formatInstance, type Instance } from "../../src/core/coordination/instances.ts";
import type { WriteContext } from "../../src/core/write-context.ts";
import { bytes } from "../support/keeper.ts";

/** A number or time that `resolved` replaces by that of the znode as it is then. */
export const current = -1;

/** An id that `resolved` replaces by that of whoever has stood longest. */
export const currentId = "current";

/** Without the members that are undefined, as commands from the wire are. */
export function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

type Arbitraries = {
  readonly [Type in CoordinationCommand["type"]]: fc.Arbitrary<CommandOf<Type>>;
};

const name = fc.constantFrom("l", "l", "m", "", "a/b");
const seldomSaid = <T>(...values: T[]) => fc.constantFrom(undefined, undefined, undefined, ...values);
const number = fc.constantFrom(0, 0, 1, 2, 3, 7);
const idOf = (...prefixes: string[]) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant(currentId) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...prefixes), number)
        .map(([prefix, sequence]) => `${prefix}${String(sequence).padStart(10, "0")}`),
    },
  );
const text = fc.constantFrom("", '{"a":1}', "x".repeat(40)).map(bytes);
const attempt = seldomSaid("first", "second");
const force = seldomSaid(true, false);
const permits = seldomSaid(1, 1, 2, 3, 0);
const participant = seldomSaid("p", "q", "ready");
/** It counts where the service asks. */
const root = seldomSaid("/a", "/a/b");

const instance: fc.Arbitrary<Instance> = fc.record({
  ...{ address: fc.constantFrom("10.0.0.1", "::1"), port: fc.constantFrom(80, 443) },
  ...{ metadata: fc.constantFrom({}, { zone: "a" }), tags: fc.constantFrom([], ["blue"]) },
  ...{ weight: fc.constantFrom(1, 100), zone: fc.constantFrom("", "a") },
  state: fc.constantFrom("up" as const, "draining" as const),
});
const instanceData = fc.oneof(
  { weight: 9, arbitrary: instance.map(formatInstance) },
  { weight: 1, arbitrary: fc.constantFrom("", "{}", '{"address":"a","port":1}').map(bytes) },
);
const instanceId = fc.constantFrom("i", "i", "j", "");

/** @param context what a write carries; mostly with a session, because most of these belong to one */
export function coordinationArbitraries(context: fc.Arbitrary<WriteContext>): Arbitraries {
  const inContext = <T extends object>(command: fc.Arbitrary<T>) =>
    fc.tuple(command, context).map(([one, around]) => ({ ...defined(one), ...around }));
  return {
    claimLock: inContext(
      fc.record({
        ...{ type: fc.constant("claimLock" as const), name, permits, attempt, metadata: text },
        mode: fc.constantFrom("exclusive" as const, "exclusive" as const, "shared" as const),
        orElse: fc.constantFrom("wait" as const, "refuse" as const),
      }),
    ),
    configureLock: inContext(
      fc.record({
        ...{ type: fc.constant("configureLock" as const), name, permits },
        lockDelayMs: fc.constantFrom(0, 50, 50, -1),
      }),
    ),
    releaseClaim: inContext(
      fc.record({
        ...{ type: fc.constant("releaseClaim" as const), name, id: idOf("x-", "x-", "s-"), force },
        ...{ ifAttempt: attempt, root },
      }),
    ),
    endLockDelay: fc
      .record({
        ...{ type: fc.constant("endLockDelay" as const), name, root },
        delayUntilMs: fc.constantFrom(current, current, 7),
      })
      .map(defined),
    standForElection: inContext(
      fc.record({ type: fc.constant("standForElection" as const), name, value: text, attempt }),
    ),
    changeCandidate: inContext(
      fc.record({ type: fc.constant("changeCandidate" as const), name, id: idOf("c-"), value: text }),
    ),
    resign: inContext(
      fc.record({
        ...{ type: fc.constant("resign" as const), name, id: idOf("c-"), force },
        ...{ ifAttempt: attempt, root },
      }),
    ),
    addToCounter: inContext(
      fc.record({
        ...{ type: fc.constant("addToCounter" as const), name },
        by: fc.constantFrom(1, 1, -3, 0, 9_007_199_254_740_991),
      }),
    ),
    enterBarrier: inContext(
      fc.record({
        ...{ type: fc.constant("enterBarrier" as const), name, participant, attempt },
        count: fc.constantFrom(2, 2, 2, 1, 0),
      }),
    ),
    leaveBarrier: inContext(
      fc.record({
        ...{ type: fc.constant("leaveBarrier" as const), name, participant, ifAttempt: attempt, root },
        count: seldomSaid(2, 1),
      }),
    ),
    registerInstance: inContext(
      fc.record({
        ...{ type: fc.constant("registerInstance" as const), name, id: instanceId, data: instanceData },
        replace: seldomSaid<"any" | number>("any", 3),
      }),
    ),
    changeInstance: inContext(
      fc.record({
        ...{ type: fc.constant("changeInstance" as const), name, id: instanceId },
        changes: fc.constantFrom('{"state":"draining"}', '{"metadata":null}', '{"port":0}', "{}").map(bytes),
        bytesMax: fc.constantFrom(4096, 4096, 80),
      }),
    ),
    deregisterInstance: inContext(
      fc.record({ type: fc.constant("deregisterInstance" as const), name, id: instanceId, force }),
    ),
    keepPlace: inContext(
      fc.record({
        type: fc.constant("keepPlace" as const),
        path: fc
          .tuple(fc.constantFrom("/locks/l", "/elections/l"), idOf("x-", "c-"))
          .map((parts) => parts.join("/")),
        czxid: fc.constantFrom(current, current, 7),
      }),
    ),
  };
}
