// Where the logs of the services under test are: in memory and in their data directories, unless LOG_IN_ETCD names members
// of etcd. Then the same tests run over logs in etcd, each below a prefix of its own (test/etcd/vitest.config.ts).

import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { afterAll } from "vitest";
import type { CommitLog } from "../../src/store/commit-log.ts";
import { MemoryEntries } from "../../src/store/memory/memory-entries.ts";
import { MemoryLog } from "../../src/store/memory/memory-log.ts";
import type { HeldLog } from "./held-log.ts";

const { LOG_IN_ETCD: endpoints, SERVERS_OF_LOG: servers = "1" } = process.env;

/** How many servers answer a test that asks by HTTP alone. */
export const serverCount = Number(servers);

/** One that a test can hold up. */
export interface TestLog extends CommitLog {
  /** Appends wait, as on a slow disk, until `release`. */
  hold(): void;
  release(): void;
  /** Nobody answers for the log until `resume`. */
  suspend(cause: string): void;
  resume(): void;
  /** The next append is refused, as where there is no room. */
  injectFault(fault: "notAppended"): void;
}

/** What servers of one service open, and open again. */
export interface LogPlace {
  /** @param writer what a log in memory calls whoever opens it */
  open(writer: string, options?: { readonly isShared: boolean }): Promise<TestLog>;
}

/** Loaded where it is asked for, and nowhere else: most tests need none of it. */
const elsewhere =
  endpoints === undefined ? null : (await import("./held-log.ts")).heldLogsAt(endpoints.split(","));

function newPrefix(): string {
  return `/test-${randomBytes(8).toString("hex")}/`;
}

export function newLogPlace(): LogPlace {
  if (elsewhere !== null) {
    const prefix = newPrefix();
    return { open: () => elsewhere(prefix, "in passing") };
  }
  const entries = new MemoryEntries();
  return { open: async (writer, options) => new MemoryLog(writer, entries, options) };
}

/** For whoever can cut off all of a server's way to its log; null where logs are in memory. */
export function newSharedPlace(): (() => Promise<HeldLog>) | null {
  if (elsewhere === null) return null;
  const prefix = newPrefix();
  return () => elsewhere(prefix, "at once", "everything");
}

/** Of logs of their own that are opened ahead: whoever needs one in the middle of a test need not wait. */
const openedAhead: HeldLog[] = [];
const aheadCount = 4;
let opening = Promise.resolve();

async function openAhead(): Promise<void> {
  while (elsewhere !== null && openedAhead.length < aheadCount)
    openedAhead.push(await elsewhere(newPrefix()));
}

if (elsewhere !== null) {
  await openAhead();
  afterAll(async () => {
    await opening;
    await Promise.all(openedAhead.splice(0).map((log) => log.close()));
  });
}

/** A log of its own. */
export function newLog(): TestLog {
  if (elsewhere === null) return new MemoryLog("test");
  const log = openedAhead.shift();
  if (log === undefined) throw new Error(`more than ${aheadCount} logs were wanted at once`);
  opening = opening.then(openAhead);
  return log;
}

/** As another server of the same service opens it. @param log in etcd */
export async function openBeside(log: TestLog): Promise<TestLog> {
  if (elsewhere === null || !("prefix" in log)) throw new Error("a log in memory is one server's");
  return await elsewhere((log as HeldLog).prefix);
}

/** Arguments of a server in that directory: one that is started there again goes on with the same log. */
export function logArgs(dataDir: string): readonly string[] {
  if (endpoints === undefined) return [];
  return ["--log", "etcd", "--etcd-endpoints", endpoints, "--etcd-prefix", `/${basename(dataDir)}/`];
}
