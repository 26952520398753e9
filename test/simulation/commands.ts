// Random commands over a tree small enough that they meet: the same few paths, names, versions and sessions.

import fc from "fast-check";
import { type Acl, openAcl } from "../../src/core/acl/acl.ts";
import type {
  Check,
  Command,
  ConflictRule,
  Create,
  ImportedZnode,
  Operation,
  SetAcl,
  SetData,
  Sweep,
  TreeCommand,
} from "../../src/core/command.ts";
import type { CommandOf, CommandType } from "../../src/core/command-row.ts";
import { parseLockSettings } from "../../src/core/coordination/lock-settings.ts";
import type { QuotaLimits } from "../../src/core/quotas/quota.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import type { Fence, Idempotency, WriteContext, ZnodeTag } from "../../src/core/write-context.ts";
import { bytes } from "../support/keeper.ts";
import { accessArbitraries, principal } from "./access-commands.ts";
import { coordinationArbitraries, current, currentId, defined } from "./coordination-commands.ts";

const sessionIds = ["0000000000000001", "7fffffffffffffff"];
const neverOpened = "00000000000000ff";
const names = ["a", "a", "b", "b", "c-", "n-0000000001", "n-0000000003"];

function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

function namesOf(count: number): fc.Arbitrary<string[]> {
  return fc.array(fc.constantFrom(...names), { minLength: count, maxLength: count });
}

const path = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.oneof(namesOf(1), namesOf(2), namesOf(2), namesOf(3)).map((parts) => `/${parts.join("/")}`),
  },
  { weight: 2, arbitrary: fc.constant("/") },
  { weight: 1, arbitrary: fc.constantFrom("", "a", "/a/", "//", "/a/../b", "/a/\u0001", "/🎉") },
);

const prefix = fc
  .tuple(path, fc.constantFrom("", "n-", "n-", "."))
  .map(([parent, name]) => (parent === "/" ? `/${name}` : `${parent}/${name}`));
const data = fc.constantFrom("", "0", "5", "-3", "x", "007", "9007199254740991", "tea").map(bytes);
const version = seldom(fc.constantFrom(-2, -1, 0, 0, 1, 2));
const sessionId = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 10, arbitrary: fc.constantFrom(...sessionIds) },
  { weight: 1, arbitrary: fc.constant(neverOpened) },
);
const czxid = fc.constantFrom(current, current, current, 1, 9);

const mode: fc.Arbitrary<CreateMode> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<CreateMode>({ kind: "persistent", sequential: false }) },
  { weight: 6, arbitrary: fc.constant<CreateMode>({ kind: "ephemeral", sequential: false }) },
  { weight: 1, arbitrary: fc.constant<CreateMode>({ kind: "container" }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 1, 60_000)
      .map((ttlMs): CreateMode => ({ kind: "persistent", sequential: false, ttlMs })),
  },
);
const numberedMode = mode
  .filter((one) => one.kind !== "container")
  .map((one) => ({ ...one, sequential: true }));

const annsAll = { perms: 31, scheme: "digest", id: "ann:Zm9v" } as const;

/** Few, so that znodes share them, some of several entries, and seldom one that is none. Of each some can be rid again. */
const acl: fc.Arbitrary<Acl> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom<Acl>(
      openAcl.entries,
      [...openAcl.entries],
      [{ perms: 1, scheme: "world", id: "anyone" }, annsAll],
      [{ perms: 21, scheme: "world", id: "anyone" }],
      [{ perms: 26, scheme: "world", id: "anyone" }],
      [annsAll],
      [annsAll, { perms: 3, scheme: "ip", id: "10.0.0.0/8" }],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Acl>([], [{ perms: 1, scheme: "world", id: "bob" }]) },
);

const create: fc.Arbitrary<Create> = fc.oneof(
  { weight: 3, arbitrary: createOf(path, mode) },
  { weight: 1, arbitrary: createOf(prefix, numberedMode as fc.Arbitrary<CreateMode>) },
);

function createOf(paths: fc.Arbitrary<string>, modes: fc.Arbitrary<CreateMode>): fc.Arbitrary<Create> {
  const parents = fc.constantFrom(true, false, undefined, undefined);
  return fc
    .record({
      type: fc.constant("create" as const),
      path: paths,
      data,
      mode: modes,
      parents,
      acl: seldom(acl),
    })
    .map(defined);
}

const tag: fc.Arbitrary<ZnodeTag> = fc.record({ czxid, version: fc.constantFrom(0, 1) });
const ifMatch = seldom(fc.array(tag, { maxLength: 2 }));
const setData: fc.Arbitrary<SetData> = fc
  .record({
    ...{ type: fc.constant("setData" as const), path, data, version, ifMatch },
    create: fc.constantFrom(undefined, undefined, undefined, "upsert" as const, "only" as const),
  })
  .map(defined);
const remove = fc.record({ type: fc.constant("delete" as const), path, version, ifMatch }).map(defined);
const removeTree = fc
  .record({ type: fc.constant("deleteTree" as const), path, version, ifMatch })
  .map(defined);
const removePart = fc
  .record({
    ...{ type: fc.constant("deletePart" as const), path, version, ifMatch, czxid: seldom(czxid) },
    ...{ znodesMax: fc.constantFrom(1, 2, 100), bytesMax: fc.constantFrom(5, 1000) },
  })
  .map(defined);
const increment = fc.record({
  type: fc.constant("increment" as const),
  path,
  by: fc.constantFrom(1, -5, 0, 9_007_199_254_740_991),
});
const check: fc.Arbitrary<Check> = fc
  .record({
    ...{ type: fc.constant("check" as const), path, version },
    exists: fc.constantFrom(undefined, undefined, true, false),
    czxid: seldom(czxid),
  })
  .map(defined);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: create },
  { weight: 3, arbitrary: setData },
  { weight: 3, arbitrary: remove },
  { weight: 2, arbitrary: increment },
  { weight: 2, arbitrary: check },
);

const fence: fc.Arbitrary<Fence> = fc.record({ path: fc.constantFrom("/a", "/b", "/"), czxid });

/** Few keys, so that they come again, and bounds small enough to be passed. */
const idempotency: fc.Arbitrary<Idempotency> = fc.record({
  key: fc.constantFrom("k1", "k2", "k3", "k4", "k5", "k6"),
  request: fc.constantFrom("r1", "r1", "r1", "r1", "r2"),
  ageMsMax: fc.constantFrom(60, 60, 5000),
  keysMax: fc.constantFrom(2, 4, 4, 100),
  bytesMax: fc.constantFrom(700, 100_000, 100_000),
});
/** Mostly somebody whom most lists let in. */
const shown: fc.Arbitrary<WriteContext["shown"]> = fc.constantFrom(
  ...[{ digests: ["ann:Zm9v"] }, { digests: ["eve:YmFy", "ann:Zm9v"], address: "10.1.2.3" }],
  ...[{ address: "10.1.2.3" }, { address: "192.0.2.7" }, undefined],
);
const context = fc
  .record({
    ...{ sessionId, fences: seldom(fc.array(fence, { maxLength: 2 })) },
    ...{ idempotency: seldom(idempotency), shown },
  })
  .map(defined);

const single = fc.oneof(
  { weight: 12, arbitrary: create },
  { weight: 7, arbitrary: setData },
  { weight: 9, arbitrary: remove },
  { weight: 1, arbitrary: removeTree },
  { weight: 1, arbitrary: increment },
  { weight: 1, arbitrary: check },
);
const multi = fc.record({
  type: fc.constant("multi" as const),
  operations: fc.array(operation, { maxLength: 6 }),
});
/** Low enough to be met by the few znodes there are, which are short. */
const quotaLimits: fc.Arbitrary<QuotaLimits> = fc
  .record({
    ...{ countSoft: seldom(fc.nat(3)), bytesSoft: seldom(fc.nat(3)) },
    countHard: fc.constantFrom(undefined, 0, 1, 2, 2, 3, 4, 6),
    bytesHard: fc.constantFrom(undefined, 0, 1, 2, 4, 9, 16, 30),
  })
  .map(defined);
const setAcl: fc.Arbitrary<SetAcl> = fc
  .record({ type: fc.constant("setAcl" as const), path, acl, aversion: version })
  .map(defined);
const setQuota = fc.record({ type: fc.constant("setQuota" as const), path, limits: quotaLimits });
const deleteQuota = fc.record({ type: fc.constant("deleteQuota" as const), path });
const quotaWrite = fc.oneof({ weight: 3, arbitrary: setQuota }, { weight: 1, arbitrary: deleteQuota });

const openSession = fc
  .record({
    ...{ type: fc.constant("openSession" as const), sessionId: fc.constantFrom(...sessionIds) },
    ...{ tokenHash: fc.constantFrom("x", "y"), timeoutMs: fc.constantFrom(1000, 5000) },
    ...{ name: fc.constant(""), tokenNonce: seldom(fc.constant("nonce")), idempotency: seldom(idempotency) },
  })
  .map(defined);
const closeSession = fc.record({
  ...{ type: fc.constant("closeSession" as const), sessionId: fc.constantFrom(...sessionIds) },
  reason: fc.constantFrom("session_closed" as const, "session_expired" as const),
});
/** Containers and TTLs are swept alone where they meet their commands: on a few paths of their own. */
const mortalPath = fc.constantFrom("/t", "/u", "/t/a", "/u/a");
const mortalMode = fc.constantFrom<CreateMode>(
  { kind: "container" },
  { kind: "container" },
  { kind: "persistent", sequential: false, ttlMs: 20 },
  { kind: "persistent", sequential: false, ttlMs: 20 },
  { kind: "persistent", sequential: false },
);
const sweep: fc.Arbitrary<Sweep> = fc.record({
  ...{ type: fc.constant("sweep" as const), path: fc.oneof(mortalPath, mortalPath, mortalPath, path) },
  ...{ czxid, neverUsedMsMax: fc.constantFrom(0, 1, 60) },
});
const onMortals: fc.Arbitrary<TreeCommand> = fc.oneof(
  { weight: 4, arbitrary: createOf(mortalPath, mortalMode) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("setData" as const), path: mortalPath, data }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete" as const), path: mortalPath }) },
  { weight: 5, arbitrary: sweep },
);

const imported: fc.Arbitrary<ImportedZnode> = fc
  .record({
    ...{ path, data, mode: mortalMode, acl: seldom(acl) },
    sequence: fc.constantFrom(null, null, 3, 12),
    nextSequence: fc.constantFrom(0, 0, 2, 20),
  })
  .map(defined);
const importZnodes = fc.record({
  ...{ type: fc.constant("import" as const), znodes: fc.array(imported, { maxLength: 4 }) },
  onConflict: fc.constantFrom<ConflictRule>("fail", "skip", "replace"),
});

const inContext = <T extends object>(command: fc.Arbitrary<T>) =>
  fc.tuple(command, context).map(([one, around]) => ({ ...one, ...around }));

/** Commands of the tree that the model knows, weighed so that a sequence of them gets somewhere. */
export const anyTreeCommand: fc.Arbitrary<TreeCommand> = fc.oneof(
  { weight: 36, arbitrary: inContext(single) },
  { weight: 18, arbitrary: inContext(multi) },
  { weight: 4, arbitrary: inContext(quotaWrite) },
  { weight: 4, arbitrary: inContext(setAcl) },
  { weight: 1, arbitrary: inContext(importZnodes) },
  { weight: 6, arbitrary: openSession },
  { weight: 1, arbitrary: closeSession },
  { weight: 15, arbitrary: onMortals },
);

const withSession: fc.Arbitrary<WriteContext> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(context, fc.constantFrom(...sessionIds))
      .map(([around, sessionId]) => ({ ...around, sessionId })),
  },
  { weight: 1, arbitrary: context },
);

/** Every type of command there is: one that is added to the table and not here does not compile. */
export const commandArbitraries: { readonly [Type in CommandType]: fc.Arbitrary<CommandOf<Type>> } = {
  create: inContext(create),
  setData: inContext(setData),
  delete: inContext(remove),
  deleteTree: inContext(removeTree),
  deletePart: inContext(removePart),
  increment: inContext(increment),
  check: inContext(check),
  multi: inContext(multi),
  import: inContext(importZnodes),
  setAcl: inContext(setAcl),
  setQuota: inContext(setQuota),
  deleteQuota: inContext(deleteQuota),
  openSession,
  closeSession: fc
    .tuple(closeSession, seldom(fc.constantFrom(0, 0, 3)))
    .map(([close, ifTouchedAt]) => defined({ ...close, ifTouchedAt })),
  touchSessions: fc.record({
    type: fc.constant("touchSessions" as const),
    sessionIds: fc.array(fc.constantFrom(...sessionIds, neverOpened), { maxLength: 3 }),
  }),
  claimHousekeeping: fc.record({
    ...{ type: fc.constant("claimHousekeeping" as const), server: fc.constantFrom("one", "two") },
    ifTerm: fc.constantFrom(0, 1, 2, 3, 4, 5),
  }),
  sweep,
  beginEpoch: fc.record({
    type: fc.constant("beginEpoch" as const),
    epoch: fc.constantFrom("aa", "bb", "cc"),
  }),
  restore: fc.record({
    type: fc.constant("restore" as const),
    id: fc.constantFrom("11", "22"),
    zxidsAhead: fc.constantFrom(1, 2, 1000),
    sequencesAhead: fc.constantFrom(1, 3, 1000),
  }),
  ...coordinationArbitraries(withSession),
  ...accessArbitraries,
};

const anyOfTable: fc.Arbitrary<Command> = fc.oneof(...Object.values(commandArbitraries));

/** Each type there is, among enough others that it finds something to meet; most by somebody, once that is asked. */
export const anyCommand: fc.Arbitrary<Command> = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: anyTreeCommand }, { weight: 3, arbitrary: anyOfTable }),
    fc.option(principal, { freq: 4, nil: undefined }),
  )
  .map(([command, by]) => (by === undefined ? command : { ...command, principal: by }));

/** The tree of the store or the znodes of the model. */
interface Incarnations {
  get(path: string): { readonly czxid: number; readonly data: Uint8Array | string } | undefined;
  childNames?(path: string): Iterable<string>;
}

/** The command with what is current put in: czxids, the claim that stands longest, the end of a delay. */
export function resolved<C extends Command>(command: C, tree: Incarnations): C {
  const firstIn = (path: string) => [...(tree.childNames?.(path) ?? [])][0] ?? "x-0000000000";
  const placeIn = (path: string) =>
    path.endsWith(currentId) ? path.replace(currentId, firstIn(path.slice(0, -currentId.length - 1))) : path;
  const resolve = <T extends Resolvable>(one: T): T => {
    const path = placeIn(one.path ?? "");
    const czxidOf = (given: number) => (given === current ? (tree.get(path)?.czxid ?? 0) : given);
    return {
      ...one,
      ...(one.path !== undefined && { path }),
      ...(one.czxid !== undefined && { czxid: czxidOf(one.czxid) }),
      ...(one.ifMatch !== undefined && {
        ifMatch: one.ifMatch.map((each) => ({ ...each, czxid: czxidOf(each.czxid) })),
      }),
      ...(one.fences !== undefined && { fences: one.fences.map(resolve) }),
      ...(one.operations !== undefined && { operations: one.operations.map(resolve) }),
      ...(one.id === currentId && { id: firstIn(queueOf(one)) }),
      ...(one.delayUntilMs === current && { delayUntilMs: delayOf(tree.get(`/locks/${one.name}`)?.data) }),
    };
  };
  return resolve(command as C & Resolvable);
}

/** What of a command, or of a part of it, may stand for something that is current. */
interface Resolvable {
  readonly type?: string;
  readonly path?: string;
  readonly name?: string;
  readonly id?: string;
  readonly czxid?: number;
  readonly ifMatch?: readonly ZnodeTag[];
  readonly fences?: readonly Fence[];
  readonly operations?: readonly Operation[];
  readonly delayUntilMs?: number;
}

function queueOf({ type, name }: Resolvable): string {
  return `/${type === "releaseClaim" ? "locks" : "elections"}/${name}`;
}

function delayOf(data: Uint8Array | string | undefined): number {
  return parseLockSettings(typeof data === "object" ? data : bytes(data ?? "")).delay?.untilMs ?? 0;
}
