// How much one client does in a turn of the event loop, by a clock that only work moves on.

import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClientTurns, type Turn } from "../../src/routes/http/client-turns.ts";

let nowMs = 0;

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Does the pieces one after the other, as far as there is time for, and the others when it goes on. */
function doAll(turn: Turn, pieces: number, work: () => void): void {
  let left = pieces;
  const goOn = () => {
    while (left > 0 && !turn.isOver) {
      left -= 1;
      turn.spend(work);
    }
    if (left > 0) turn.waitForNext(goOn);
  };
  goOn();
}

/** What was done in each turn of the loop until all is. */
async function doneInTurns(
  pieces: number,
  pieceMs: number,
  turn: Turn = new ClientTurns().enter("a").turn,
): Promise<number[]> {
  const turns: number[] = [];
  let [done, total] = [0, 0];
  doAll(turn, pieces, () => {
    nowMs += pieceMs;
    done += 1;
  });
  while (total < pieces) {
    turns.push(done);
    total += done;
    done = 0;
    await turnOfTheLoop();
  }
  return turns;
}

test("cheap requests of one client are as many in a turn of the loop as have room in a millisecond of it", async () => {
  const turns = await doneInTurns(1000, 0.125);
  expect(Math.max(...turns)).toBe(7);
  expect(turns.length).toBeGreaterThan(142);
});

/** The turn of one client, after another has asked. */
function turnAmongOthers(): Turn {
  const clients = new ClientTurns();
  const { turn } = clients.enter("a");
  turn.spend(() => {});
  clients.enter("b").turn.spend(() => {});
  return turn;
}

test("they are fewer while others ask as well, and not for their connections", async () => {
  expect(Math.max(...(await doneInTurns(100, 0.125, turnAmongOthers())))).toBe(3);
  const clients = new ClientTurns();
  const { turn } = clients.enter("a");
  for (const other of ["a", "b", "c"]) clients.enter(other);
  expect(Math.max(...(await doneInTurns(100, 0.125, turn)))).toBe(7);
});

test("whoever asked long ago is not thought of any more", async () => {
  const turns = await doneInTurns(2000, 0.125, turnAmongOthers());
  expect(Math.max(...turns.slice(0, 100))).toBe(3);
  expect(Math.max(...turns)).toBe(7);
});

test("after each turn of theirs others have two of the loop's", async () => {
  const turns = await doneInTurns(30, 0.125, turnAmongOthers());
  expect(turns.filter((done) => done > 0).slice(1, -1)).toEqual(Array(9).fill(3));
  expect(turns.length).toBeGreaterThanOrEqual(20);
});

test("what costs nothing that could be measured has its bound as well", async () => {
  expect(Math.max(...(await doneInTurns(1000, 0)))).toBe(50);
});

test("after a long piece others have several turns of the loop, two for each of its milliseconds", async () => {
  const turns = await doneInTurns(3, 5);
  expect(turns.filter((done) => done > 0)).toEqual([1, 1, 1]);
  expect(turns).toHaveLength(21);
});

test("a pause of the whole process is not made up for by whoever was served when it came", async () => {
  const turns = await doneInTurns(2, 5000);
  expect(turns.length).toBeLessThan(25);
});

test("all connections of a client have one turn, and another client has its own", async () => {
  const turns = new ClientTurns();
  const [first, second] = [turns.enter("a"), turns.enter("a")];
  const other = turns.enter("b").turn;
  first.turn.spend(() => {
    nowMs += 2;
  });
  expect([first.turn.isOver, second.turn.isOver, other.isOver]).toEqual([true, true, false]);
  let isOn = false;
  second.turn.waitForNext(() => {
    isOn = true;
  });
  await vi.waitFor(() => expect(isOn).toBe(true));
});

test("who leaves when its turn is over and comes again has no other", async () => {
  const turns = new ClientTurns();
  const first = turns.enter("a");
  first.turn.spend(() => {
    nowMs += 2;
  });
  first.giveBack();
  const second = turns.enter("a");
  expect(second.turn.isOver).toBe(true);
  await vi.waitFor(() => expect(second.turn.isOver).toBe(false));
  second.giveBack();
  expect(turns.enter("a").turn).not.toBe(second.turn);
});

test("work of many turns of the loop that is short in each of them never waits", async () => {
  const { turn } = new ClientTurns().enter("a");
  for (let index = 0; index < 100; index += 1) {
    turn.spend(() => {
      nowMs += 0.5;
    });
    expect(turn.isOver).toBe(false);
    await turnOfTheLoop();
  }
});

test("however its connections come and go, a client has one turn while anything of it waits", async () => {
  const turns = new ClientTurns();
  const first = turns.enter("a");
  const spend = () =>
    first.turn.spend(() => {
      nowMs += 2;
    });
  const back: { readonly turn: Turn; readonly isOver: boolean }[] = [];
  spend();
  first.giveBack();
  turns.enter("a").giveBack();
  first.turn.waitForNext(() => {
    spend();
    const { turn } = turns.enter("a");
    back.push({ turn, isOver: turn.isOver });
  });
  await vi.waitFor(() => expect(back).toEqual([{ turn: first.turn, isOver: true }]));
  await vi.waitFor(() => expect(first.turn.isOver).toBe(false));
  expect(turns.enter("a").turn).toBe(first.turn);
});
