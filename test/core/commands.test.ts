// The table of commands: nothing compiles that leaves a type out or says half of it, and what a row lets pass breaks
// nothing, whatever it says.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command } from "../../src/core/command.ts";
import type { CommandOf, CommandRow, CommandType, RowsOf } from "../../src/core/command-row.ts";
import { bytesOf, commandTable, rowOf, validateCommand } from "../../src/core/commands.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { execute } from "../../src/core/execute.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { machineVersion } from "../../src/core/machine-version.ts";
import { State } from "../../src/core/state.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { anyCommand, commandArbitraries, resolved } from "../simulation/commands.ts";

test("a type of command without a whole row does not compile", () => {
  const { check, ...withoutCheck } = commandTable;
  const { growth, ...withoutGrowth } = commandTable.create;
  // @ts-expect-error: a type has no row
  const table: RowsOf<CommandType> = withoutCheck;
  // @ts-expect-error: a row does not say everything
  const row: CommandRow<CommandOf<"create">> = withoutGrowth;
  // @ts-expect-error: a row says that a command may carry a key, and its type says that it cannot
  const keyed: CommandRow<CommandOf<"sweep">> = { ...commandTable.sweep, hasKey: true };
  expect([table, row, keyed, check, growth]).not.toContain(undefined);
});

test("whoever handles commands names none of them: store, plan, queue and kept replies ask the table", () => {
  const source = join(import.meta.dirname, "../../src");
  const spine = ["core/plan.ts", "core/execute.ts", "core/commands.ts", "core/machine-version.ts"];
  const rooms = ["store", "core/replies"].flatMap((room) =>
    readdirSync(join(source, room), { recursive: true, encoding: "utf8" }).map((name) => `${room}/${name}`),
  );
  const files = [...spine, ...rooms].filter((path) => path.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(20);
  const named = files.flatMap((path) => {
    const text = readFileSync(join(source, path), "utf8");
    return Object.keys(commandTable)
      .filter((type) => text.includes(`"${type}"`))
      .map((type) => `${path} names ${type}`);
  });
  expect(named).toEqual([]);
});

test("no row is of a version after this one, and this one is that of the latest", () => {
  const versions = Object.values(commandTable).map(({ since }) => since);
  expect(versions.every((since) => Number.isSafeInteger(since) && since >= 1)).toBe(true);
  expect(machineVersion).toBeGreaterThanOrEqual(Math.max(...versions));
});

test("each type of command is decided, and where it is done it has changed something", () => {
  const missing = new Set(Object.keys(commandTable).filter((type) => type !== "check"));
  const state = State.fresh();
  // Some find what they change seldom: they are given time.
  for (let seed = 1; seed <= 20 && missing.size > 0; seed += 1) {
    for (const [index, command] of fc.sample(anyCommand, { seed, numRuns: 10_000 }).entries()) {
      // Few others may do anything once one of them has turned access control on.
      const asked = { ...resolved(command, state.tree), principal: "system" } as Command;
      if (attempt(state, asked, seed * 10_000 + index)) missing.delete(command.type);
    }
  }
  expect([...missing]).toEqual([]);
});

test("what a command is said to take in an entry is about what it takes", () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      const taken = encodeBatch({ timeMs: 0, commands: [command] }).byteLength;
      expect(bytesOf(command)).toBeGreaterThan(taken / 8);
      expect(bytesOf(command)).toBeLessThan(taken * 8);
    }),
  );
});

test("what leaves room adds nothing, so it is never refused where there is none", () => {
  const state = State.fresh();
  for (const command of fc.sample(anyCommand, { seed: 3, numRuns: 2000 })) {
    const row = rowOf(command);
    if (row.freesSpace) expect(row.growth(command, state)).toBe(0);
  }
});

/** Values that no command should have, each where a command has one of its kind. */
const wild: Record<string, readonly unknown[]> = {
  number: [-1, 0, 1.5, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY],
  string: ["", "/", "a/b", "..", "\ud800", "\u0000", "__proto__", "x".repeat(5000), "/locks/l"],
  object: [new Uint8Array(0), new Uint8Array(2_000_000)],
};

/** A member of the command is another of its kind; what a route always gives stays as it is. */
function distorted(command: Command, pick: number): Command {
  const names = Object.keys(command).filter((name) => name !== "type" && name !== "principal");
  const name = names[pick % names.length] as keyof Command;
  const value = command[name] as unknown;
  if (typeof value === "object" && !(value instanceof Uint8Array)) return command;
  const values = wild[typeof value] ?? [value];
  return { ...command, [name]: values[Math.floor(pick / names.length) % values.length] } as Command;
}

test.for(Object.entries(commandArbitraries))(
  "a distorted %s is refused, or does no harm",
  ([, arbitrary]) => {
    const before = fc.array(anyCommand, { maxLength: 15 });
    fc.assert(
      fc.property(before, arbitrary as fc.Arbitrary<Command>, fc.nat(200), (others, command, pick) => {
        const state = State.fresh();
        for (const [index, other] of others.entries()) attempt(state, resolved(other, state.tree), index);
        const { zxid } = state;
        const isDone = attempt(state, distorted(resolved(command, state.tree), pick), others.length);
        if (!isDone) expect(state.zxid).toBe(zxid);
        if (command.type !== "restore") expect(state.zxid - zxid).toBeLessThanOrEqual(1);
        expect(checkState(state)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  },
);

/** Whether it changed something. What is thrown and is no refusal is a bug. */
function attempt(state: State, command: Command, timeMs: number): boolean {
  try {
    validateCommand(command, defaultLimits);
    const { txn, notes } = execute(state, command, { timeMs, ranMs: timeMs, lsn: timeMs, isSteady: true });
    return txn !== null || notes.length > 0;
  } catch (error) {
    if (error instanceof KeeperError) return false;
    throw error;
  }
}
