// What watchers are sent: the text of a message, its parts, and the same text again after reading it back.

import fc from "fast-check";
import { expect } from "vitest";
import type { Acl } from "../../src/core/acl/acl.ts";
import { type ChangeMessage, parseChangeMessage, selectedText } from "../../src/told/change-message.ts";
import { bytes, ephemeral, type Keeper, plain, test } from "../support/keeper.ts";

function lastMessage(keeper: Keeper): ChangeMessage {
  const message = keeper.applied.at(-1)?.message;
  if (message === undefined || message === null) throw new Error("nothing was told");
  return message;
}

const create = { type: "create", mode: plain } as const;

test("a message is JSON with the zxid, the time, the cause and the events [W5, Z9]", async ({ keeper }) => {
  const { stat } = await keeper.create("/a", plain, "hello");
  expect(JSON.parse(lastMessage(keeper).text)).toEqual({
    zxid: 1,
    timeMs: keeper.clock.wallMs(),
    cause: "request",
    events: [{ type: "created", path: "/a", data: "hello", stat }],
  });
});

test("a deletion has the last stat and no data [W5]", async ({ keeper }) => {
  await keeper.create("/a", plain, "hello");
  const stat = await keeper.set("/a", "bye");
  await keeper.delete("/a");
  const { events } = JSON.parse(lastMessage(keeper).text);
  expect(events).toEqual([{ type: "deleted", path: "/a", stat }]);
});

test("the end of a session says whose it was and why", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  expect(keeper.applied.at(-1)?.message).toBeNull();
  await keeper.create("/e", ephemeral, "", { sessionId });
  await keeper.closeSession(sessionId, "session_expired");
  expect(JSON.parse(lastMessage(keeper).text)).toMatchObject({
    cause: "session_expired",
    session: sessionId,
    events: [{ type: "deleted", path: "/e" }],
  });
});

test("a session that ends without ephemerals tells nothing", async ({ keeper }) => {
  await keeper.closeSession(await keeper.openSession());
  expect(keeper.applied.map(({ message }) => message)).toEqual([null, null]);
});

test("data that is no UTF-8 is sent as base64 [W5]", async ({ keeper }) => {
  const data = new Uint8Array([0xff, 0xfe, 0x00]);
  await keeper.store.submit({ ...create, path: "/a", data });
  const { events } = JSON.parse(lastMessage(keeper).text);
  expect(events[0]).toMatchObject({ dataBase64: "//4A" });
  expect(events[0]).not.toHaveProperty("data");
});

test("a message read back has the same text, byte for byte, whatever is in it [W28]", async ({ keeper }) => {
  const data = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: "binary" }).map(bytes));
  const name = fc.string({ unit: fc.constantFrom(...'abé"\\ \u2028%<\u00a0'), minLength: 1, maxLength: 6 });
  const written = fc.record({ data, name });
  await fc.assert(
    fc.asyncProperty(fc.array(written, { minLength: 1, maxLength: 5 }), async (writes) => {
      const operations = writes.map(({ data: value, name: each }, index) => ({
        ...create,
        path: `/${keeper.store.zxid}-${index}${each}`,
        data: value,
      }));
      await keeper.multi(operations);
      const text = lastMessage(keeper).text;
      const parsed = parseChangeMessage(text);
      expect(parsed).toEqual(lastMessage(keeper));
      expect(parsed.text).toBe(text);
    }),
  );
});

test("messages of every kind read back as they were [W28]", async ({ keeper }) => {
  const sessionId = await keeper.openSession();
  await keeper.create("/t", { kind: "persistent", sequential: true, ttlMs: 5 });
  await keeper.create("/c", { kind: "container" });
  await keeper.create("/e", ephemeral, "x", { sessionId });
  await keeper.set("/e", "");
  await keeper.store.submit({ type: "deleteTree", path: "/c" });
  await keeper.closeSession(sessionId);
  const messages = keeper.applied.map(({ message }) => message).filter((message) => message !== null);
  expect(messages).toHaveLength(6);
  for (const message of messages) expect(parseChangeMessage(message.text)).toEqual(message);
});

test("a selection has its own events in order, with data or without, and none is null [M10]", async ({
  keeper,
}) => {
  await keeper.multi(["/a", "/b", "/c"].map((path) => ({ ...create, path, data: bytes(path) })));
  const message = lastMessage(keeper);
  const select = (paths: readonly string[], withData = true) =>
    selectedText(message, { matches: ({ path }) => paths.includes(path), withData, root: "/" });
  expect(select(["/a", "/b", "/c"])).toBe(message.text);
  const some = JSON.parse(select(["/c", "/a"], false) as string);
  expect(some.events).toEqual([
    { type: "created", path: "/a", stat: keeper.stat("/a") },
    { type: "created", path: "/c", stat: keeper.stat("/c") },
  ]);
  expect(some.zxid).toBe(message.zxid);
  expect(select([])).toBeNull();
});

test("a message keeps the lists of its znodes, each once, for those who read it later, and sends none [A16, A19]", async ({
  keeper,
}) => {
  const anns: Acl = [{ perms: 1, scheme: "digest", id: 'ann"s:Zm9v' }];
  const nobodys: Acl = [{ perms: 0, scheme: "world", id: "anyone" }];
  await keeper.multi([
    { ...create, path: "/a", data: bytes("x"), acl: anns },
    { ...create, path: "/b", data: bytes("y") },
    { ...create, path: "/c", data: bytes("z"), acl: nobodys },
    { ...create, path: "/d", data: bytes("z"), acl: anns },
  ]);
  const message = lastMessage(keeper);
  expect(message.events.map(({ acl }) => acl)).toEqual([anns, undefined, nobodys, anns]);
  expect(parseChangeMessage(message.text)).toEqual(message);
  expect(message.text.split("Zm9v").length).toBe(2);
  const told = selectedText(message, { matches: () => true, withData: true, root: "/" });
  expect(Object.keys(JSON.parse(told as string).events[0])).toEqual(["type", "path", "data", "stat"]);
  expect(told).not.toMatch(/acl|Zm9v/);
});
