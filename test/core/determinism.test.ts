// The same log gives the same state, answers and messages, to the byte: that is what recovery and every other
// server's copy stand on.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { validateCommand } from "../../src/core/commands.ts";
import { Digest } from "../../src/core/digest.ts";
import { execute } from "../../src/core/execute.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { State } from "../../src/core/state.ts";
import { decodeBatch, encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { anyCommand, resolved } from "../simulation/commands.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Keeper } from "../support/keeper.ts";

interface Seen {
  readonly digest: string;
  readonly tree: readonly unknown[];
  readonly sessions: readonly unknown[];
  readonly replies: readonly unknown[];
  readonly quotas: readonly unknown[];
  readonly acls: readonly unknown[];
  readonly counters: readonly number[];
  readonly housekeeper: unknown;
  readonly messages: readonly (string | null)[];
}

function seenBy({ state, applied }: Keeper): Seen {
  return {
    digest: Digest.of(state).toString(),
    tree: [...state.tree.subtree("/")],
    sessions: [...state.sessions()],
    replies: [...state.replies],
    quotas: [...state.quotas.from("")],
    acls: [...state.acls.values()].map((acl) => [acl, state.acls.usesOf(acl.id)]),
    counters: [state.zxid, state.nextZnodeId, state.ranMs, state.timeMs],
    housekeeper: state.housekeeper,
    messages: applied.map(({ message }) => (message === null ? null : message.text)),
  };
}

async function open(entries: MemoryEntries, writer: string, clock = new FakeClock()): Promise<Keeper> {
  const keeper = new Keeper(clock, new MemoryLog(writer, entries));
  await keeper.store.start();
  return keeper;
}

const rounds = fc.array(fc.array(anyCommand, { minLength: 1, maxLength: 10 }), { maxLength: 8 });

test("a replayed log gives the same state, digest and messages, at any later time [N13, W28]", async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (batches) => {
      const entries = new MemoryEntries();
      const original = await open(entries, "first");
      for (const batch of batches) {
        const { store, state, clock } = original;
        await Promise.allSettled(batch.map((command) => store.submit(resolved(command, state.tree))));
        await clock.advance(17);
      }
      await original.store.close();
      const replayed = await open(entries, "second", new FakeClock(0));
      expect(seenBy(replayed)).toEqual(seenBy(original));
      await replayed.store.close();
    }),
    { numRuns: 100 },
  );
});

test("where a log is cut into entries makes no difference but to the times [Z4]", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 40 }), async (commands) => {
      const timeMs = 1_700_000_000_000;
      const [alone, together] = [State.fresh(), State.fresh()];
      for (const command of commands) attempt(alone, command, timeMs);
      const { commands: decoded } = decodeBatch(encodeBatch({ timeMs, commands }));
      for (const command of decoded) attempt(together, command, timeMs);
      expect(Digest.of(together).toString()).toBe(Digest.of(alone).toString());
      expect(together.zxid).toBe(alone.zxid);
    }),
  );
});

test("an entry is read back as it was written", () => {
  const batches = fc.record({
    timeMs: fc.maxSafeNat(),
    ranMs: fc.maxSafeNat(),
    commands: fc.array(anyCommand, { maxLength: 10 }),
  });
  fc.assert(fc.property(batches, (batch) => void expect(decodeBatch(encodeBatch(batch))).toEqual(batch)));
});

test("a damaged entry, or one of a later format, is not read", () => {
  const body = encodeBatch({ timeMs: 1, commands: [{ type: "delete", path: "/a" }] });
  for (let index = 0; index < body.byteLength; index += 1) {
    const damaged = Uint8Array.from(body, (byte, at) => (at === index ? byte ^ 0x10 : byte));
    expect(() => decodeBatch(damaged)).toThrow();
  }
  expect(() => decodeBatch(body.subarray(0, 3))).toThrow();
  expect(() => decodeBatch(body.subarray(0, -1))).toThrow();
});

test("deciding leaves the command and the records it found as they were", () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
      const state = State.fresh();
      for (const command of commands) {
        const records = [...state.tree.values()].map((znode) => [znode, structuredClone(znode)] as const);
        const given = structuredClone(command);
        attempt(state, command, 1);
        expect(command).toEqual(given);
        for (const [znode, copy] of records) expect(znode).toEqual(copy);
      }
    }),
    { numRuns: 30 },
  );
});

/** What it answers, or the code of its refusal. */
function attempt(state: State, command: Command, timeMs: number): unknown {
  try {
    validateCommand(command, defaultLimits);
    return execute(state, command, { timeMs });
  } catch (error) {
    return (error as { code: string }).code;
  }
}
