// The fixture of tests inside the process: a real store over a log in memory (or where logs.ts says), a clock that stands
// still, and a check of the whole state when the test ends.

import { expect, test as vitestTest } from "vitest";
import { checkState } from "../../src/core/check.ts";
import type { Multi, Operation } from "../../src/core/command.ts";
import { defaultLimits, type Limits } from "../../src/core/limits.ts";
import { type Reader, systemContext } from "../../src/core/reader.ts";
import { type Stat, statOf } from "../../src/core/tree/stat.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import type { OperationResult, Written } from "../../src/core/txn.ts";
import type { WriteContext } from "../../src/core/write-context.ts";
import type { QueueLimits } from "../../src/store/command-queue.ts";
import type { MemoryLimits } from "../../src/store/memory-room.ts";
import type { Applied } from "../../src/store/replica.ts";
import { Store, type StoreParts } from "../../src/store/store.ts";
import { askedByAdmin, freshState } from "./access-on.ts";
import { FakeClock } from "./fake-clock.ts";
import { newLog, type TestLog } from "./logs.ts";

export const plain: CreateMode = { kind: "persistent", sequential: false };
export const sequential: CreateMode = { kind: "persistent", sequential: true };
export const ephemeral: CreateMode = { kind: "ephemeral", sequential: false };
export const ephemeralSequential: CreateMode = { kind: "ephemeral", sequential: true };
export const container: CreateMode = { kind: "container" };

const queueLimits = { queueCommandsMax: 10_000, queueBytesMax: 64 * 1024 * 1024 };

export class Keeper {
  readonly clock: FakeClock;
  readonly log: TestLog;
  readonly store: Store;
  /** The same for a server over it. */
  readonly served: Store;
  /** The store's own, for tests to look at what readers do not show. */
  readonly state = freshState();
  /** What the service itself sees. */
  readonly reader: Reader;
  /** Everything that was done, in zxid order. */
  readonly applied: Applied[] = [];
  #sessionsOpened = 0;

  constructor(
    clock = new FakeClock(),
    log: TestLog = newLog(),
    limits: Partial<Limits & MemoryLimits & QueueLimits & { readonly recentEntriesBytesMax: number }> = {},
    { tables, epoch }: Pick<StoreParts, "tables" | "epoch"> = {},
  ) {
    this.clock = clock;
    this.log = log;
    this.served = new Store({
      state: this.state,
      position: { appliedLsn: 0, historyFloorZxid: 0 },
      ...{ log, clock, ...(tables !== undefined && { tables }), ...(epoch !== undefined && { epoch }) },
      limits: { ...defaultLimits, ...queueLimits, recentEntriesBytesMax: 1024 * 1024, ...limits },
    });
    this.store = askedByAdmin(this.served);
    this.reader = this.store.reader(systemContext);
    this.store.onApplied((applied) => this.applied.push(...applied));
  }

  async create(
    path: string,
    mode: CreateMode = plain,
    data = "",
    options: WriteContext = {},
  ): Promise<Written> {
    const commit = await this.store.submit({ type: "create", path, mode, data: bytes(data), ...options });
    return commit.outcome;
  }

  async set(path: string, data: string, version?: number, options: WriteContext = {}): Promise<Stat> {
    const versioned = version === undefined ? {} : { version };
    const commit = await this.store.submit({
      type: "setData",
      path,
      data: bytes(data),
      ...versioned,
      ...options,
    });
    return commit.outcome.stat;
  }

  async delete(path: string, version?: number, options: WriteContext = {}): Promise<void> {
    const versioned = version === undefined ? {} : { version };
    await this.store.submit({ type: "delete", path, ...versioned, ...options });
  }

  async multi(
    operations: readonly Operation[],
    options: WriteContext = {},
  ): Promise<readonly OperationResult[]> {
    const command: Multi = { type: "multi", operations, ...options };
    return (await this.store.submit(command)).outcome.results;
  }

  /** The id of a new session. */
  async openSession(timeoutMs = 10_000): Promise<string> {
    this.#sessionsOpened += 1;
    const sessionId = this.#sessionsOpened.toString(16).padStart(16, "0");
    const tokenHash = `hash-of-${sessionId}`;
    await this.store.submit({ type: "openSession", sessionId, tokenHash, timeoutMs, name: "" });
    return sessionId;
  }

  async closeSession(sessionId: string, reason: "session_closed" | "session_expired" = "session_closed") {
    return (await this.store.submit({ type: "closeSession", sessionId, reason })).outcome.ephemerals;
  }

  stat(path: string): Stat {
    const znode = this.reader.get(path);
    if (znode === undefined) throw new Error(`${path} does not exist`);
    return statOf(znode);
  }

  data(path: string): string | undefined {
    const znode = this.reader.get(path);
    return znode === undefined ? undefined : new TextDecoder().decode(znode.data);
  }

  exists(path: string): boolean {
    return this.reader.get(path) !== undefined;
  }

  children(path: string): string[] {
    return [...this.reader.childNames(path)];
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A test with a fresh keeper, whose state must be sound at the end. */
export const test = vitestTest.extend<{ keeper: Keeper }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  keeper: async ({}, use) => {
    const keeper = new Keeper();
    await keeper.store.start();
    await use(keeper);
    await keeper.store.close();
    expect(checkState(keeper.state)).toEqual([]);
  },
});

/** The code of the refusal; fails the test when there is none. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  const outcome = await attempt.then(
    () => "it was done",
    (error: unknown) => error,
  );
  if (outcome instanceof Error && "code" in outcome) return String(outcome.code);
  throw new Error(`a refusal was expected, but ${outcome}`);
}
