// Requests that name themselves: done once, answered as often as they are asked, and remembered within bounds that
// follow from the log alone.

import fc from "fast-check";
import { expect } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { execute } from "../../src/core/execute.ts";
import { Replies, replySize } from "../../src/core/replies/replies.ts";
import type { Reply } from "../../src/core/replies/reply.ts";
import { State } from "../../src/core/state.ts";
import type { Idempotency } from "../../src/core/write-context.ts";
import { bytes, ephemeral, Keeper, plain, refusal, sequential, test } from "../support/keeper.ts";

const bounds = { ageMsMax: 1000, keysMax: 100, bytesMax: 1_000_000 };

function keyed(key: string, some: Partial<Idempotency> = {}): { idempotency: Idempotency } {
  return { idempotency: { key, request: "r", ...bounds, ...some } };
}

const ticket = { type: "create", path: "/q/n-", data: bytes("x"), mode: sequential } as const;

function keptKeys({ state }: Keeper): string[] {
  return [...state.replies].map(({ key }) => key);
}

test("a request with a key is done once, and answered the same each time [D19]", async ({ keeper }) => {
  await keeper.create("/q");
  const first = await keeper.store.submit({ ...ticket, ...keyed("k") });
  expect(first.replayed).toBeUndefined();
  await keeper.set(first.outcome.path, "moved on");
  const { zxid } = keeper.store;
  const again = await keeper.store.submit({ ...ticket, ...keyed("k") });
  expect(again).toEqual({ ...first, replayed: true });
  expect(keeper.children("/q")).toEqual(["n-0000000000"]);
  expect([keeper.store.zxid, keeper.applied.length]).toEqual([zxid, zxid]);
});

test("requests with one key that are ordered together are one that is done, and its replays [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const submitted = Array.from({ length: 20 }, () => keeper.store.submit({ ...ticket, ...keyed("k") }));
  const commits = await Promise.all(submitted);
  expect(commits.filter(({ replayed }) => replayed === true)).toHaveLength(19);
  expect(new Set(commits.map(({ outcome }) => outcome.path)).size).toBe(1);
  expect(keeper.children("/q")).toHaveLength(1);
});

test("the key of another request is refused, and nothing is done [D19]", async ({ keeper }) => {
  await keeper.create("/a", plain, "", keyed("k"));
  const { zxid } = keeper.store;
  expect(await refusal(keeper.create("/b", plain, "", keyed("k", { request: "other" })))).toBe(
    "idempotency_key_reused",
  );
  expect(keeper.store.zxid).toBe(zxid);
  expect(keeper.exists("/b")).toBe(false);
});

test("a retry hears what was done although its session and its fence are gone since [D19]", async ({
  keeper,
}) => {
  const { czxid } = (await keeper.create("/master")).stat;
  const sessionId = await keeper.openSession();
  const context = { sessionId, fences: [{ path: "/master", czxid }], ...keyed("k") };
  const done = await keeper.create("/member", ephemeral, "", context);
  await keeper.closeSession(sessionId);
  await keeper.delete("/master");
  expect(await keeper.create("/member", ephemeral, "", context)).toEqual(done);
  expect(keeper.exists("/member")).toBe(false);
  const later = { ...context, ...keyed("another") };
  expect(await refusal(keeper.create("/member", ephemeral, "", later))).toBe("session_expired");
});

test("a refusal is not kept: the same request is judged anew [D11, D19]", async ({ keeper }) => {
  expect(await refusal(keeper.create("/a/b", plain, "", keyed("k")))).toBe("no_node");
  expect(keptKeys(keeper)).toEqual([]);
  await keeper.create("/a");
  await keeper.create("/a/b", plain, "", keyed("k"));
  expect(keptKeys(keeper)).toEqual(["k"]);
});

test("what changed nothing is not kept, and takes no zxid [M6, D19]", async ({ keeper }) => {
  await keeper.multi([], keyed("k"));
  await keeper.multi([{ type: "check", path: "/" }], keyed("k"));
  expect([keptKeys(keeper), keeper.store.zxid]).toEqual([[], 0]);
});

test("every kind of answer comes back as it was [D19]", async ({ keeper }) => {
  await keeper.create("/a");
  const sessionId = "00000000000000aa";
  const commands: Command[] = [
    {
      type: "create",
      path: "/a/n-",
      data: bytes("1"),
      mode: { kind: "persistent", sequential: true, ttlMs: 5 },
    },
    { type: "create", path: "/a/c", data: bytes(""), mode: { kind: "container" } },
    { type: "setData", path: "/a", data: bytes("2") },
    { type: "delete", path: "/a/c" },
    {
      type: "multi",
      operations: [
        { type: "create", path: '/a/"é\u2028中', data: bytes("0"), mode: plain },
        { type: "increment", path: '/a/"é\u2028中', by: -7 },
        { type: "check", path: "/none", exists: false },
      ],
    },
    { type: "deleteTree", path: "/a" },
    {
      ...{ type: "openSession", sessionId, tokenHash: "h", timeoutMs: 5, name: "\ud800", tokenNonce: "n" },
    },
  ];
  for (const [index, command] of commands.entries()) {
    const asked = { ...command, ...keyed(`k${index}`) } as Command;
    const first = await keeper.store.submit(asked);
    expect(await keeper.store.submit(asked)).toEqual({ ...first, replayed: true });
  }
  expect(keptKeys(keeper)).toHaveLength(commands.length);
});

test("a reply that is older than its time does not count, and the key is free again [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const submit = (age = bounds.ageMsMax) =>
    keeper.store.submit({ ...ticket, ...keyed("k", { ageMsMax: age }) });
  const first = await submit();
  await keeper.clock.advance(999);
  expect((await submit()).outcome).toEqual(first.outcome);
  await keeper.clock.advance(1);
  const second = await submit();
  expect(second.outcome.path).toBe("/q/n-0000000001");
  expect([...keeper.state.replies].map(({ key, zxid }) => [key, zxid])).toEqual([["k", second.zxid]]);
  expect((await submit()).zxid).toBe(second.zxid);
});

test("an old reply stays while its key brings nothing but refusals [D19]", async ({ keeper }) => {
  await keeper.create("/a", plain, "", keyed("k"));
  await keeper.clock.advance(1000);
  expect(await refusal(keeper.create("/a", plain, "", keyed("k", { request: "r2" })))).toBe("node_exists");
  expect(keptKeys(keeper)).toEqual(["k"]);
});

test("a new reply sends away the oldest beyond the count, and all that are too old [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  for (const key of ["a", "b", "c", "d"]) {
    await keeper.create("/q/n-", sequential, "", keyed(key, { keysMax: 3 }));
  }
  expect(keptKeys(keeper)).toEqual(["b", "c", "d"]);
  await keeper.clock.advance(600);
  await keeper.create("/q/n-", sequential, "", keyed("e"));
  await keeper.clock.advance(600);
  await keeper.create("/q/n-", sequential, "", keyed("f"));
  expect(keptKeys(keeper)).toEqual(["e", "f"]);
});

test("replies have a bound on their size, and the newest stays however large it is [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const create = (key: string, bytesMax: number) =>
    keeper.create("/q/n-", sequential, "", keyed(key, { bytesMax }));
  for (const key of ["a", "b", "c"]) await create(key, bounds.bytesMax);
  const { size } = keeper.state.replies;
  await create("d", size);
  expect(keptKeys(keeper)).toEqual(["b", "c", "d"]);
  await create("e", 1);
  expect(keptKeys(keeper)).toEqual(["e"]);
});

test("a bound that was lowered is reached step by step, a large reply takes the room of many [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const many = Array.from({ length: 1000 }, (_, index) =>
    keeper.create("/q/n-", sequential, "", keyed(`${index}`, { keysMax: 5000 })),
  );
  await Promise.all(many);
  await keeper.create("/q/n-", sequential, "", keyed("small", { keysMax: 10 }));
  expect(keeper.state.replies.count).toBe(901);
  const operations = Array.from({ length: 400 }, () => ticket);
  const { size } = keeper.state.replies;
  await keeper.multi(operations, keyed("large", { bytesMax: size }));
  const after = keeper.state.replies;
  expect(after.count).toBeLessThan(600);
  expect(after.size).toBeLessThanOrEqual(size);
});

test("bounds come with the command: a log replays the same whatever they are set to now [D19]", () => {
  const log = Array.from({ length: 50 }, (_, index): Command => {
    const some = keyed(`k${index % 7}`, { keysMax: 1 + (index % 5), ageMsMax: 10 + (index % 3) * 20 });
    return { type: "setData", path: "/", data: bytes(`${index}`), ...some };
  });
  const [one, other] = [State.fresh(), State.fresh()];
  for (const [index, command] of log.entries()) execute(one, command, { timeMs: 1, ranMs: index * 3 });
  for (const [index, command] of log.entries())
    execute(other, structuredClone(command), { timeMs: 2, ranMs: index * 3 });
  expect([...other.replies].map(({ zxid }) => zxid)).toEqual([...one.replies].map(({ zxid }) => zxid));
  expect(one.zxid).toBeGreaterThan(10);
});

test("whoever fills the room for answers loses its own, and nobody else any [D19]", async ({ keeper }) => {
  await keeper.create("/q");
  const create = (scope: string, key: string) =>
    keeper.create("/q/n-", sequential, "", keyed(`${scope} ${key}`, { scope, keysMax: 20 }));
  for (const key of ["1", "2", "3"]) for (const scope of ["quiet", "host/one"]) await create(scope, key);
  for (let key = 1; key <= 100; key += 1) await create("loud", `${key}`);
  for (let key = 1; key <= 50; key += 1) await create("host/two", `${key}`);
  const kept = keptKeys(keeper);
  expect(kept).toHaveLength(20);
  for (const scope of ["quiet", "host/one"]) {
    expect(kept.filter((key) => key.startsWith(`${scope} `))).toEqual(
      [1, 2, 3].map((key) => `${scope} ${key}`),
    );
  }
  expect(kept.filter((key) => key.startsWith("loud ")).at(-1)).toBe("loud 100");
  expect(kept.at(-1)).toBe("host/two 50");
});

test("sessions without number get no more than the one client that they belong to [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const create = (scope: string, key: string) =>
    keeper.create("/q/n-", sequential, "", keyed(key, { scope, keysMax: 20 }));
  for (let key = 1; key <= 8; key += 1) await create("quiet/session", `quiet ${key}`);
  for (let key = 1; key <= 100; key += 1) await create(`loud/${key}`, `loud ${key}`);
  expect(keptKeys(keeper).filter((key) => key.startsWith("quiet"))).toHaveLength(8);
});

test("large answers count as much as many small ones [D19]", async ({ keeper }) => {
  await keeper.create("/q");
  const { size } = keeper.state.replies;
  for (let key = 1; key <= 3; key += 1) {
    await keeper.create("/q/n-", sequential, "", keyed(`small ${key}`, { scope: "small" }));
  }
  const operations = Array.from({ length: 20 }, () => ticket);
  for (let key = 1; key <= 5; key += 1) {
    await keeper.multi(operations, keyed(`large ${key}`, { scope: "large", bytesMax: size + 20_000 }));
  }
  const kept = keptKeys(keeper);
  expect(kept.filter((key) => key.startsWith("small"))).toHaveLength(3);
  expect(kept.at(-1)).toBe("large 5");
  expect(kept.length).toBeLessThan(8);
});

test("the very same request counts from elsewhere, another one under that key does not [D19]", async ({
  keeper,
}) => {
  await keeper.create("/q");
  const create = (key: string, some: Partial<Idempotency>) =>
    keeper.store.submit({ ...ticket, ...keyed(key, some) });
  const first = await create("here k", { scope: "here", request: "r k", elsewhere: true });
  const there = { scope: "there", elsewhere: true } as const;
  expect(await create("there k", { ...there, request: "r k" })).toEqual({ ...first, replayed: true });
  expect((await create("there k", { ...there, request: "other k" })).outcome.path).toBe("/q/n-0000000001");
  const own = await create("session k", { scope: "here/session", request: "r k" });
  expect([own.replayed, own.outcome.path]).toEqual([undefined, "/q/n-0000000002"]);
});

test("of several answers to one request, one is found as long as one of them counts [D19]", async () => {
  const request = fc.record({
    scope: fc.constantFrom("a", "b", "c/d"),
    request: fc.constantFrom("r1", "r2"),
    keysMax: fc.constantFrom(1, 2, 4),
    waitedMs: fc.constantFrom(0, 300, 700),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
      const keeper = new Keeper();
      await keeper.store.start();
      await keeper.create("/q");
      for (const { waitedMs, scope, ...asked } of requests) {
        await keeper.clock.advance(waitedMs);
        const own = keyed(`${scope} ${asked.request}`, { ...asked, scope, elsewhere: true });
        await keeper.store.submit({ ...ticket, ...own });
        const { replies, ranMs } = keeper.state;
        for (const reply of replies) {
          const counts = ranMs - reply.ranMs < bounds.ageMsMax;
          const found = replies.ofRequest(reply.request);
          if (counts) expect(found && ranMs - found.ranMs).toBeLessThan(bounds.ageMsMax);
        }
      }
      await keeper.store.close();
    }),
  );
});

test("an answer that was kept before keys had owners is found by its request [D19]", async ({ keeper }) => {
  await keeper.create("/q");
  const create = (some: Partial<Idempotency>) =>
    keeper.store.submit({ ...ticket, ...keyed("here k", { request: "r k", scope: "here", ...some }) });
  const first = await keeper.store.submit({ ...ticket, ...keyed("k") });
  const unscoped = { key: "k", request: "r" };
  expect(await create({ unscoped })).toEqual({ ...first, replayed: true });
  const other = await create({ unscoped: { key: "k", request: "other" } });
  expect([other.replayed, other.outcome.path]).toEqual([undefined, "/q/n-0000000001"]);
});

test("the end of a session has no key", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.closeSession(sessionId);
  expect(keptKeys(keeper)).toEqual([]);
});

test("replies keep their order and their sum however many come and go", () => {
  const replies = new Replies();
  const kept: Reply[] = [];
  for (let zxid = 1; zxid <= 20_000; zxid += 1) {
    const reply = {
      scope: `c${zxid % 5}/${zxid % 7}`,
      key: `k${zxid}`,
      request: "r",
      zxid,
      timeMs: 0,
      ranMs: 0,
      outcome: "x".repeat(zxid % 13),
    };
    replies.add(reply);
    kept.push(reply);
    if (zxid % 3 === 0) replies.delete(kept.splice(Math.floor(kept.length / 2), 1)[0] as Reply);
    while (kept.length > 300) replies.delete(kept.shift() as Reply);
  }
  expect([...replies]).toEqual(kept);
  expect(replies.count).toBe(kept.length);
  expect(new Set(replies.largestShareFirst())).toEqual(new Set(kept));
  expect(replies.size).toBe(kept.reduce((sum, reply) => sum + replySize(reply), 0));
});
