// Random commands over a tree small enough that they meet: the same few paths, names, versions and sessions.

import fc from "fast-check";
import type {
  Check,
  ConflictRule,
  Create,
  Fence,
  Idempotency,
  ImportedZnode,
  Operation,
  SetData,
  Sweep,
  TreeCommand,
  ZnodeTag,
} from "../../src/core/command.ts";
import type { QuotaLimits } from "../../src/core/quotas/quota.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import { bytes } from "../support/keeper.ts";

/** A czxid that `resolved` replaces by that of the znode as it is then. */
const current = -1;

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

const create: fc.Arbitrary<Create> = fc.oneof(
  { weight: 3, arbitrary: createOf(path, mode) },
  { weight: 1, arbitrary: createOf(prefix, numberedMode as fc.Arbitrary<CreateMode>) },
);

function createOf(paths: fc.Arbitrary<string>, modes: fc.Arbitrary<CreateMode>): fc.Arbitrary<Create> {
  const parents = fc.constantFrom(true, false, undefined, undefined);
  return fc
    .record({ type: fc.constant("create" as const), path: paths, data, mode: modes, parents })
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
const context = fc
  .record({
    ...{ sessionId, fences: seldom(fc.array(fence, { maxLength: 2 })) },
    idempotency: seldom(idempotency),
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

const imported: fc.Arbitrary<ImportedZnode> = fc.record({
  ...{ path, data, mode: mortalMode },
  sequence: fc.constantFrom(null, null, 3, 12),
  nextSequence: fc.constantFrom(0, 0, 2, 20),
});
const importZnodes = fc.record({
  ...{ type: fc.constant("import" as const), znodes: fc.array(imported, { maxLength: 4 }) },
  onConflict: fc.constantFrom<ConflictRule>("fail", "skip", "replace"),
});

export const anyCommand: fc.Arbitrary<TreeCommand> = fc.oneof(
  { weight: 36, arbitrary: fc.tuple(single, context).map(([write, around]) => ({ ...write, ...around })) },
  { weight: 18, arbitrary: fc.tuple(multi, context).map(([write, around]) => ({ ...write, ...around })) },
  { weight: 4, arbitrary: fc.tuple(quotaWrite, context).map(([write, around]) => ({ ...write, ...around })) },
  { weight: 1, arbitrary: fc.tuple(importZnodes, context).map(([one, around]) => ({ ...one, ...around })) },
  { weight: 6, arbitrary: openSession },
  { weight: 1, arbitrary: closeSession },
  { weight: 15, arbitrary: onMortals },
);

/** The tree of the store or the znodes of the model. */
interface Incarnations {
  get(path: string): { readonly czxid: number } | undefined;
}

/** The command with every current czxid put in. */
export function resolved(command: TreeCommand, tree: Incarnations): TreeCommand {
  const czxidOf = (at: string, given: number) => (given === current ? (tree.get(at)?.czxid ?? 0) : given);
  const resolve = <T extends { path?: string; czxid?: number; ifMatch?: readonly ZnodeTag[] }>(
    one: T,
  ): T => ({
    ...one,
    ...(one.czxid !== undefined && { czxid: czxidOf(one.path ?? "", one.czxid) }),
    ...(one.ifMatch !== undefined && {
      ifMatch: one.ifMatch.map((each) => ({ ...each, czxid: czxidOf(one.path ?? "", each.czxid) })),
    }),
  });
  if (command.type === "openSession" || command.type === "closeSession") return command;
  if (command.type === "sweep") return resolve(command);
  const around = command.fences === undefined ? {} : { fences: command.fences.map(resolve) };
  if (command.type === "import") return { ...command, ...around };
  if (command.type !== "multi") return { ...resolve(command), ...around };
  return { ...command, operations: command.operations.map(resolve), ...around };
}

/** Without the members that are undefined, as commands from the wire are. */
function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
