// One piece of work in each turn of the event loop, and clients by turns.

import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Turns } from "../../src/routes/http/turns.ts";

test("one piece is done in a turn, those of a client in their order, and who asks for many waits for who asks for one", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const want = (client: string, name: string) => turns.take(client, () => done.push(name));
  for (const name of ["a1", "a2", "a3", "a4"]) want("a", name);
  want("b", "b1");
  expect(done).toEqual([]);
  const seen: number[] = [];
  while (done.length < 6) {
    await nextTurn();
    seen.push(done.length);
    if (done.length === 2) want("c", "c1");
  }
  expect(done).toEqual(["a1", "b1", "a2", "c1", "a3", "a4"]);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
});

test("work that asks for more is behind the others", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const again = (count: number) => () => {
    done.push(`a${count}`);
    if (count < 3) turns.take("a", again(count + 1));
  };
  turns.take("a", again(1));
  turns.take("b", () => done.push("b"));
  while (done.length < 4) await nextTurn();
  expect(done).toEqual(["a1", "b", "a2", "a3"]);
});
