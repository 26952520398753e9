// Data directories for the tools that look at them: with something of everything in them, at rest, as a crash leaves them,
// and in use. Whatever was looked at must be the same afterwards, byte for byte.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, test as base, expect } from "vitest";
import type { Command } from "../../src/core/command.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { epochOf } from "../../src/store/epoch-name.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { Store } from "../../src/store/store.ts";
import { smallBallast } from "../store/sqlite-fixture.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { bytes, container, ephemeral, plain } from "../support/keeper.ts";

const owner = "00000000000000aa";
const other = "00000000000000bb";

function create(path: string, text = "", rest: object = {}): Command {
  return { type: "create", path, data: bytes(text), mode: plain, ...rest } as Command;
}

function open(sessionId: string, name: string): Command {
  return { type: "openSession", sessionId, tokenHash: `hash-of-${sessionId}`, timeoutMs: 10_000, name };
}

function claim(sessionId: string): Command {
  const path = "/locks/report/x-";
  const mode = { kind: "ephemeral", sequential: true } as const;
  return { type: "create", path, data: bytes('{"job":1}'), mode, sessionId } as Command;
}

/** Something of everything. */
const commands: readonly Command[] = [
  create("/config", "green"),
  create("/config/a!b", "sorts between /config/a and /config/a/b"),
  create("/config/a", "one"),
  create("/config/a/b", "two"),
  create("/bytes", ""),
  { type: "setData", path: "/bytes", data: Uint8Array.of(0, 255, 1) },
  create("/container", "", { mode: container }),
  create("/closed", "", { acl: [{ perms: 17, scheme: "digest", id: "ann:hash" }] }),
  open(owner, "worker"),
  open(other, "waiter"),
  create("/member", "", { mode: ephemeral, sessionId: owner }),
  create("/locks"),
  create("/locks/report"),
  claim(owner),
  claim(other),
  { type: "setQuota", path: "/config", limits: { countHard: 100 } } as Command,
  create("/gone"),
  { type: "delete", path: "/gone" },
];

/** A store as a server opens it. Its clock stands still: rows are written when it is closed, and not before. */
export async function startOn(directory: string): Promise<Store> {
  const { loaded, log, tables } = await openSqlite(directory, smallBallast);
  const store = new Store({
    ...{ state: loaded.state, position: loaded.position, log, tables },
    epoch: epochOf(log),
    clock: new FakeClock(),
    limits: { ...defaultLimits, queueCommandsMax: 1000, queueBytesMax: 1_000_000 },
  });
  await store.start();
  return store;
}

async function fill(store: Store): Promise<void> {
  for (const command of commands) await store.submit(command);
}

interface Fixture {
  /** For what the test makes; it goes away with all that is in it. */
  folder: string;
  /** A directory that was served and stopped. */
  stopped: string;
  /** One that its service was killed in: all it was told is in the log, and nothing in the tables. */
  killed: string;
  /** One in use, and who uses it. */
  served: { readonly directory: string; readonly store: Store };
}

export const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-offline-"));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
  stopped: async ({ folder }, use) => {
    await use(copyOf((await templates()).stopped, join(folder, "stopped")));
  },
  killed: async ({ folder }, use) => {
    await use(copyOf((await templates()).killed, join(folder, "killed")));
  },
  served: async ({ folder }, use) => {
    const directory = join(folder, "served");
    const store = await startOn(directory);
    await fill(store);
    await use({ directory, store });
    await store.close();
  },
});

interface Templates {
  readonly folder: string;
  readonly stopped: string;
  readonly killed: string;
}

let made: Promise<Templates> | null = null;

afterAll(async () => {
  if (made !== null) rmSync((await made).folder, { recursive: true, force: true });
});

/** Made once for all tests of a file: each gets a copy. */
function templates(): Promise<Templates> {
  made ??= makeTemplates();
  return made;
}

async function makeTemplates(): Promise<Templates> {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-offline-"));
  const [stopped, killed] = [join(folder, "stopped"), join(folder, "killed")];
  const store = await startOn(stopped);
  await fill(store);
  copyOf(stopped, killed);
  await store.close();
  return { folder, stopped, killed };
}

function copyOf(directory: string, copy: string): string {
  cpSync(directory, copy, { recursive: true });
  return copy;
}

/** What is in the folder, by name: the digest of each file. */
export function contentOf(folder: string): Record<string, string> {
  const digests: [string, string][] = readdirSync(folder)
    .sort()
    .map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]);
  return Object.fromEntries(digests);
}

/** Does what only looks. @returns what it came to, once it is certain that the directory is as it was */
export async function unharmed<T>(directory: string, look: () => Promise<T>): Promise<T> {
  const before = contentOf(directory);
  const result = await look();
  expect(contentOf(directory)).toEqual(before);
  return result;
}

/** A directory that an earlier version was killed in. */
export function unpackEarlier(schema: 2 | 6, directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of ["treekeeper.db", "treekeeper.db-wal"]) {
    const packed = readFileSync(join(import.meta.dirname, `../store/fixtures/schema-${schema}-${name}.gz`));
    writeFileSync(join(directory, name), gunzipSync(packed), { mode: 0o600 });
  }
}

export async function all<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const line of lines) found.push(line);
  return found;
}
