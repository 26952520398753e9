// The door for reads: who goes through it sees what there is, and finds nothing on the way by which it could be changed.

import { expect, expectTypeOf } from "vitest";
import { openPermits, systemPermits } from "../../src/core/access/permits.ts";
import type { ReadonlyClaimQueue } from "../../src/core/coordination/claim-queue.ts";
import type { Quota } from "../../src/core/quotas/quota.ts";
import { type Reader, systemContext } from "../../src/core/reader.ts";
import type { Session } from "../../src/core/session.ts";
import type { TreeWalk } from "../../src/core/tree/tree-walk.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import type { Store } from "../../src/store/store.ts";
import { ephemeral, ephemeralSequential, test } from "../support/keeper.ts";

type Seen<Name extends keyof Reader> = Reader[Name] extends (...asked: never[]) => infer Answer
  ? Answer
  : never;

/** What changes a state, its tree, its queues, its quotas and the replies that are kept. */
type Mutator =
  | ("apply" | "reach" | "restoreZnode" | "restoreSession" | "restoreReply" | "restoreQuota")
  | ("restoreCounters" | "tree" | "claims" | "quotas" | "past" | "replies")
  | ("add" | "replace" | "remove" | "delete" | "put" | "count" | "changed" | "added" | "removed" | "set");

/** Where assigning a member would change what others see. */
type Writable<T> = {
  [Key in keyof T]-?: T[Key] extends (...asked: never[]) => unknown
    ? never
    : Same<Pick<T, Key>, Readonly<Pick<T, Key>>> extends true
      ? never
      : Key;
}[keyof T];
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test("nothing that a reader shows has a way to change it", () => {
  expectTypeOf<Extract<keyof Reader, Mutator>>().toBeNever();
  expectTypeOf<Extract<keyof ReadonlyClaimQueue, Mutator>>().toBeNever();
  expectTypeOf<Extract<keyof TreeWalk, Mutator>>().toBeNever();
  expectTypeOf<Extract<keyof Reader["mortals"], Mutator>>().toBeNever();
  expectTypeOf<Extract<keyof Seen<"ephemeralsOf">, Mutator>>().toBeNever();
  expectTypeOf<
    Writable<Reader> | Writable<ReadonlyClaimQueue> | Writable<Znode> | Writable<Session> | Writable<Quota>
  >().toBeNever();
  expectTypeOf<NonNullable<Seen<"queue">>>().toEqualTypeOf<ReadonlyClaimQueue>();
  expectTypeOf<Seen<"queueOf">>().toEqualTypeOf<ReadonlyClaimQueue | undefined>();
  expectTypeOf<Seen<"queues">>().toEqualTypeOf<Iterable<ReadonlyClaimQueue>>();
  expectTypeOf<Extract<keyof Store, Mutator | "state">>().toBeNever();
});

test("a reader is for whom it was asked for, and holds nothing else that can be seen", ({ keeper }) => {
  const context = { permits: openPermits };
  const reader = keeper.store.reader(context);
  expect(reader.context).toBe(context);
  expect(Object.keys(reader)).toEqual(["context"]);
  expect(keeper.store.reader(systemContext).context.permits).toBe(systemPermits);
});

test("a reader shows what there is at the moment of each look", async ({ keeper }) => {
  const { reader } = keeper;
  const sessionId = await keeper.openSession();
  await keeper.create("/locks");
  await keeper.create("/locks/a");
  expect([reader.zxid, reader.get("/locks/b"), [...(reader.queue("/locks/a") ?? [])]]).toEqual([
    3,
    undefined,
    [],
  ]);
  const { path } = await keeper.create("/locks/a/x-", ephemeralSequential, "", { sessionId });
  await keeper.create("/mine", ephemeral, "", { sessionId });
  await keeper.store.submit({ type: "setQuota", path: "/locks", limits: { countHard: 9 } });
  expect([...reader.childNames("/")]).toEqual(["locks", "mine"]);
  expect([...reader.childNames("/", "m")]).toEqual(["mine"]);
  expect([...reader.ephemeralsOf(sessionId)]).toEqual([path, "/mine"]);
  expect(reader.session(sessionId)?.timeoutMs).toBe(10_000);
  expect([...reader.sessions()]).toHaveLength(1);
  expect([reader.queueOf(path), [...reader.queues()]]).toEqual([
    reader.queue("/locks/a"),
    [reader.queue("/locks/a")],
  ]);
  expect(reader.quota("/locks/a")).toBeUndefined();
  expect([reader.quotaOver("/locks/a"), ...reader.quotasFrom("")]).toEqual(
    Array(2).fill(reader.quota("/locks")),
  );
  const walk = reader.walk({ roots: ["/locks"], depthMax: 1 });
  await keeper.delete("/mine");
  await keeper.set("/locks/a", "{}");
  const met = [walk.next(), walk.next(), walk.next()].map((znode) => znode && [znode.path, znode.version]);
  expect(met).toEqual([["/locks", 0], ["/locks/a", 0], undefined]);
});
