// What stands in namespaces is there again after a restart, by the rows alone and by the log behind them.

import { expect } from "vitest";
import { checkState } from "../../src/core/check.ts";
import { formatInstance, type Instance, instanceIn } from "../../src/core/coordination/instances.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import type { State } from "../../src/core/state.ts";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import type { OpenedSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store } from "../../src/store/store.ts";
import { test } from "../store/sqlite-fixture.ts";
import { addToken, turnOnAccess } from "../support/access.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes } from "../support/keeper.ts";

const limits = { ...defaultLimits, queueCommandsMax: 1000, queueBytesMax: 1_000_000 };
const sessions = ["00000000000000a1", "00000000000000a2"] as const;
const principal = { token: "a", made: 3 } as const;

async function started({ loaded: { state, position }, log, tables }: OpenedSqlite, clock: FakeClock) {
  const store = new Store({ state, position, log, tables, clock, limits });
  await store.start();
  return { store, state };
}

async function claim(store: Store): Promise<void> {
  const claiming = { type: "claimLock", name: "db", mode: "exclusive", orElse: "wait" } as const;
  for (const sessionId of sessions) {
    await store.submit({
      type: "openSession",
      sessionId,
      tokenHash: sessionId,
      timeoutMs: 1000,
      name: "",
      principal,
    });
    await store.submit({ ...claiming, metadata: bytes(""), sessionId, principal });
  }
}

const queueIn = ({ claims }: State) => {
  const queue = claims.queue("/teams/a/locks/db");
  return { kind: queue?.kind, ids: [...(queue ?? [])].map(({ id }) => id), held: queue?.heldCount };
};

test("locks of a namespace, their delays and instances stand after a restart as they did", async ({
  open,
}) => {
  const clock = new FakeClock();
  const before = await started(await open(), clock);
  await turnOnAccess(before.store);
  await addToken(before.store, { name: "a", policies: ["admin"], root: "/teams/a" });
  expect(before.state.access.token("a")?.madeZxid).toBe(principal.made);
  await before.store.submit({ type: "configureLock", name: "db", lockDelayMs: 5000, principal });
  await claim(before.store);
  const data = formatInstance(instanceIn('{"address":"a","port":1}') as Instance);
  const instance = { type: "registerInstance", name: "web", id: "i", data } as const;
  await before.store.submit({ ...instance, sessionId: sessions[1], principal });
  const standing = queueIn(before.state);
  expect(standing).toEqual({ kind: "lock", ids: ["x-0000000000", "x-0000000001"], held: 1 });
  await before.store.close();

  const sqlite = await open();
  expect(queueIn(sqlite.loaded.state)).toEqual(standing);
  const after = await started(sqlite, clock);
  expect(Digest.of(after.state).toString()).toBe(Digest.of(before.state).toString());
  expect(checkState(after.state)).toEqual([]);
  const reason = "session_expired" as const;
  await after.store.submit({ type: "closeSession", sessionId: sessions[0], reason, principal: "system" });
  expect(queueIn(after.state).held).toBe(0);
  await after.store.close();

  const last = await started(await open(), clock);
  expect(queueIn(last.state)).toEqual({ kind: "lock", ids: ["x-0000000001"], held: 0 });
  const delays = new LockDelays(last.store);
  delays.start();
  await clock.advance(5000);
  await last.store.submit({ type: "addToCounter", name: "n", by: 1, principal });
  expect(queueIn(last.state).held).toBe(1);
  expect(checkState(last.state)).toEqual([]);
  delays.stop();
  await last.store.close();
});
