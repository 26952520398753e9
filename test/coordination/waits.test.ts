// Who waits for what, without anything that is waited for.

import { expect, test } from "vitest";
import { Waits } from "../../src/coordination/waits.ts";

test("all who wait for the same are answered at once, and nobody else is", async () => {
  const waits = new Waits<string>();
  const both = [waits.wait("/a", "1"), waits.wait("/a", "1")];
  const others = [waits.wait("/a", "2"), waits.wait("/b", "1")];
  waits.answer("/a", "1", "yes");
  waits.answer("/a", "3", "nobody asked");
  expect(await Promise.all(both.map(({ end }) => end))).toEqual(["yes", "yes"]);
  waits.stop("over");
  expect(await Promise.all(others.map(({ end }) => end))).toEqual(["over", "over"]);
});

test("what is waited for at a place comes in its order, for as long as somebody waits for it", () => {
  const waits = new Waits<string>();
  const [late, early, again] = [waits.wait("/a", "2"), waits.wait("/a", "1"), waits.wait("/a", "1")];
  expect([waits.first("/a"), waits.keys("/a"), waits.first("/b")]).toEqual(["1", ["1", "2"], undefined]);
  early.leave();
  early.leave();
  expect(waits.first("/a")).toBe("1");
  again.leave();
  expect(waits.keys("/a")).toEqual(["2"]);
  waits.answerAll("/a", "yes");
  late.leave();
  expect([waits.first("/a"), waits.keys("/a")]).toEqual([undefined, []]);
});

test("who left is not answered", async () => {
  const waits = new Waits<string>();
  const wait = waits.wait("/a", "1");
  wait.leave();
  waits.wait("/a", "1");
  waits.answer("/a", "1", "yes");
  expect(await Promise.race([wait.end, Promise.resolve("nothing")])).toBe("nothing");
});
