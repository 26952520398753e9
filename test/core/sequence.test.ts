// Where numbers in names end: what could not be counted further is refused and never looked for without end, also
// where an older version let it into the log.

import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Command, ImportedZnode } from "../../src/core/command.ts";
import { importedNumberMax, sequenceMax } from "../../src/core/tree/sequence.ts";
import { encodeBatch } from "../../src/store/codec.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, Keeper, plain, refusal, sequential, test } from "../support/keeper.ts";

function imported(path: string, numbers: Partial<ImportedZnode> = {}): ImportedZnode {
  return { path, data: bytes(""), mode: plain, sequence: null, nextSequence: 0, ...numbers };
}

function importOf(...znodes: ImportedZnode[]) {
  return { type: "import", znodes, onConflict: "fail" } as const;
}

function create(path: string, mode = plain) {
  return { type: "create", path, data: bytes(""), mode } as const;
}

/** A keeper that finds the commands in its log, as a version that did not look at their numbers left them there. */
async function replayed(commands: readonly Command[]): Promise<Keeper> {
  const entries = new MemoryEntries();
  for (const [index, command] of commands.entries()) {
    entries.add("an older version", index + 1, encodeBatch({ timeMs: 1, commands: [command] }));
  }
  const keeper = new Keeper(new FakeClock(), new MemoryLog("test", entries));
  await keeper.store.start();
  return keeper;
}

test("an import brings no number from which counting could come to an end", async ({ keeper }) => {
  for (const numbers of [{ sequence: importedNumberMax + 1 }, { nextSequence: importedNumberMax + 1 }]) {
    await expect(keeper.store.submit(importOf(imported("/b", numbers)))).rejects.toMatchObject({
      code: "bad_request",
      details: { limit: "importedNumberMax", limitValue: importedNumberMax, failedOperation: 0 },
    });
  }
  expect(keeper.exists("/b")).toBe(false);
  await keeper.store.submit(importOf(imported("/b", { nextSequence: importedNumberMax })));
  expect((await keeper.create("/b/n-", sequential)).path).toBe(`/b/n-${importedNumberMax}`);
});

test("a log in which numbers come to their end is replayed, and what asks for one more is refused", async () => {
  const { store, state } = await replayed([
    importOf(imported("/b", { nextSequence: sequenceMax - 1 })),
    create("/b/n-", sequential),
    create("/b/n-", sequential),
    create("/b/n-", sequential),
    create("/b/plain"),
    create("/b/n-", sequential),
  ]);
  expect([...state.tree.childNames("/b")]).toEqual([`n-${sequenceMax - 1}`, `n-${sequenceMax}`, "plain"]);
  await expect(store.submit(create("/b/n-", sequential))).rejects.toMatchObject({
    code: "bad_request",
    details: { limit: "sequenceMax", path: "/b" },
  });
  expect(checkState(state)).toEqual([]);
  await store.close();
});

test("a queue that an imported claim has brought to the last number takes no more claims, and lets its own go", async () => {
  const { store, state } = await replayed([
    create("/locks"),
    create("/locks/a"),
    importOf(imported(`/locks/a/x-${sequenceMax}`, { sequence: sequenceMax })),
  ]);
  const sessionId = "0000000000000001";
  await store.submit({ type: "openSession", sessionId, tokenHash: "h", timeoutMs: 1000, name: "" });
  const claim = { mode: "exclusive", metadata: bytes(""), orElse: "wait", sessionId } as const;
  expect(await refusal(store.submit({ type: "claimLock", name: "a", ...claim }))).toBe("bad_request");
  const id = `x-${sequenceMax}`;
  await store.submit({ type: "releaseClaim", name: "a", id, force: true });
  expect(state.claims.queue("/locks/a")?.size).toBe(0);
  expect(checkState(state)).toEqual([]);
  await store.close();
});

test("a delay follows one whose end was written as the last number there is", async ({ keeper }) => {
  const lock = { permits: 1, lockDelayMs: 1000, delayUntilMs: Number.MAX_SAFE_INTEGER, heldThrough: 0 };
  const sessionId = await keeper.openSession();
  const claim = { mode: "exclusive", metadata: bytes(""), orElse: "wait", sessionId } as const;
  await keeper.store.submit({ type: "claimLock", name: "a", ...claim });
  await keeper.set("/locks/a", JSON.stringify(lock));
  await keeper.closeSession(sessionId, "session_expired");
  expect(keeper.state.claims.queue("/locks/a")?.settings.delay?.untilMs).toBe(Number.MAX_SAFE_INTEGER);
});
