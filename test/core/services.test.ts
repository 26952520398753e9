// Instances as the state machine decides them: ordinary ephemerals, one transaction each, and nothing done when refused.

import { expect } from "vitest";
import {
  formatInstance,
  instanceIn,
  mergedText,
  parseInstance,
} from "../../src/core/coordination/instances.ts";
import { bytes, type Keeper, refusal, test } from "../support/keeper.ts";

const path = "/services/web/a";

function dataOf(said: object = {}): Uint8Array {
  const instance = instanceIn(JSON.stringify({ address: "h", port: 80, ...said }));
  if (instance === null) throw new Error("no instance");
  return formatInstance(instance);
}

async function register(keeper: Keeper, sessionId: string, data = dataOf()) {
  const command = { type: "registerInstance", name: "web", id: "a", data, sessionId } as const;
  return (await keeper.store.submit(command)).outcome;
}

async function change(keeper: Keeper, sessionId: string, changes: object, bytesMax = 4096) {
  const command = { type: "changeInstance", name: "web", id: "a", sessionId, bytesMax } as const;
  return (await keeper.store.submit({ ...command, changes: bytes(JSON.stringify(changes)) })).outcome;
}

test("an instance makes its service in its own transaction, and goes with its session", async ({
  keeper,
}) => {
  const sessionId = await keeper.openSession();
  const { fence, created } = await register(keeper, sessionId);
  expect([fence, created]).toEqual([keeper.store.zxid, true]);
  expect(keeper.stat("/services").czxid).toBe(fence);
  expect(keeper.stat(path)).toMatchObject({ czxid: fence, ephemeralOwner: sessionId });
  expect(await keeper.closeSession(sessionId, "session_expired")).toEqual([path]);
  expect(keeper.children("/services/web")).toEqual([]);
});

test("the same again, whole or in part, uses no zxid and is told to nobody", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await register(keeper, sessionId, dataOf({ zone: "n", metadata: { b: "1", a: "2" } }));
  const { zxid } = keeper.store;
  await register(keeper, sessionId, dataOf({ metadata: { a: "2", b: "1" }, zone: "n", weight: 1 }));
  await change(keeper, sessionId, { zone: "n", metadata: { a: "2", c: null } });
  await change(keeper, sessionId, {});
  expect(keeper.store.zxid).toBe(zxid);
});

test("another session's instance stays as it is, and so does one that nobody owns", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await register(keeper, one);
  const deregister = (sessionId: string) =>
    keeper.store.submit({ type: "deregisterInstance", name: "web", id: "a", sessionId });
  for (const attempt of [() => register(keeper, two), () => change(keeper, two, {}), () => deregister(two)]) {
    expect(await refusal(attempt())).toBe("not_holder");
  }
  expect((await deregister(one)).outcome).toEqual({ owner: one });
  expect((await deregister(one)).outcome).toEqual({});
  expect(await refusal(change(keeper, one, {}))).toBe("no_instance");
  await keeper.create(path);
  expect(await refusal(register(keeper, one))).toBe("not_holder");
  expect(await refusal(change(keeper, one, {}))).toBe("no_instance");
});

test("another's instance is replaced in one transaction by who names its fence, or says whoever it is", async ({
  keeper,
}) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  const { fence } = await register(keeper, one);
  const replacing = (sessionId: string, replace: number | "any") =>
    keeper.store.submit({
      type: "registerInstance",
      name: "web",
      id: "a",
      data: dataOf(),
      sessionId,
      replace,
    });
  const { zxid } = keeper.store;
  expect(await refusal(replacing(two, fence + 1))).toBe("not_holder");
  expect((await replacing(one, fence)).outcome).toMatchObject({ fence, created: false });
  expect((await replacing(one, "any")).outcome).toMatchObject({ fence, created: false });
  expect(keeper.store.zxid).toBe(zxid);
  const { outcome } = await replacing(two, fence);
  expect(outcome).toMatchObject({ fence: zxid + 1, created: true, replaced: one });
  expect(keeper.store.zxid).toBe(zxid + 1);
  expect(keeper.stat(path)).toMatchObject({ czxid: zxid + 1, ephemeralOwner: two, version: 0 });
  // The same again, as after a lost answer, is no change; and the one that was replaced has lost the id.
  expect((await replacing(two, fence)).outcome).toMatchObject({ fence: zxid + 1, created: false });
  expect(await refusal(replacing(one, fence))).toBe("not_holder");
  expect(await keeper.closeSession(one, "session_expired")).toEqual([]);
  expect(keeper.stat(path).ephemeralOwner).toBe(two);
  // Where nobody has the id, nobody needs to be replaced; what was made by hand is replaced too.
  await keeper.closeSession(two, "session_expired");
  const three = await keeper.openSession();
  expect((await replacing(three, fence)).outcome).not.toHaveProperty("replaced");
  await keeper.closeSession(three, "session_expired");
  await keeper.create(path);
  const four = await keeper.openSession();
  expect((await replacing(four, "any")).outcome).toMatchObject({ created: true, replaced: null });
});

test("replacing an instance counts as one in, one out", async ({ keeper }) => {
  const [one, two] = [await keeper.openSession(), await keeper.openSession()];
  await register(keeper, one);
  await keeper.store.submit({ type: "setQuota", path: "/services", limits: { countHard: 3 } });
  const command = { type: "registerInstance", name: "web", id: "a", data: dataOf() } as const;
  await keeper.store.submit({ ...command, sessionId: two, replace: "any" });
  expect(keeper.stat(path).ephemeralOwner).toBe(two);
});

test("what a change comes to has a bound, whatever its parts", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await register(keeper, sessionId);
  const bound = keeper.stat(path).dataLength + 10;
  await change(keeper, sessionId, { zone: "x".repeat(10) }, bound);
  expect(await refusal(change(keeper, sessionId, { address: "hh" }, bound))).toBe("too_large");
  expect(keeper.stat(path).version).toBe(1);
});

test("only what is spelled as the service spells it is let into the log", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  for (const text of ["", "[]", '{"address":"h","port":80}', '{"port":80}', '{"port":80,"address":"h"}']) {
    expect(await refusal(register(keeper, sessionId, bytes(text)))).toBe("bad_request");
  }
});

test("quotas and fences hold for instances as for any write", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/services");
  await keeper.store.submit({ type: "setQuota", path: "/services", limits: { countHard: 1 } });
  expect(await refusal(register(keeper, sessionId))).toBe("quota_exceeded");
  const fences = [{ path: "/services", czxid: 99 }];
  const command = { type: "registerInstance", name: "web", id: "a", data: dataOf(), sessionId } as const;
  expect(await refusal(keeper.store.submit({ ...command, fences }))).toBe("fence_stale");
});

test("names that mean something to JavaScript are names like any other", () => {
  const text = '{"address":"h","port":1,"metadata":{"__proto__":"1","constructor":"2","7":"3"}}';
  const instance = instanceIn(text);
  if (instance === null) throw new Error("no instance");
  expect(Object.entries(instance.metadata).sort()).toEqual([
    ["7", "3"],
    ["__proto__", "1"],
    ["constructor", "2"],
  ]);
  expect(parseInstance(formatInstance(instance))).toEqual(instance);
  const merged = instanceIn(
    mergedText(instance, JSON.parse('{"metadata":{"__proto__":null,"toString":"4"}}')),
  );
  expect(Object.keys(merged?.metadata ?? {}).sort()).toEqual(["7", "constructor", "toString"]);
});

test("data that is no UTF-8 is no instance", () => {
  expect(parseInstance(Uint8Array.of(...bytes('{"address":"h'), 0xff, ...bytes('","port":1}')))).toBeNull();
  expect(parseInstance(bytes('\ufeff{"address":"h","port":1}'))).toBeNull();
});
