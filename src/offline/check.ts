// `check`: all that a start of the service looks at, and more, without a start. It goes on behind what it finds where that
// can still be told from what follows of it.

import { checkState } from "../core/check.ts";
import { machineVersion } from "../core/machine-version.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { CorruptStoreError } from "../store/sqlite/corrupt-store-error.ts";
import type { LoadedStore, OpenedStore } from "../store/sqlite/load.ts";
import { schemaVersion } from "../store/sqlite/schema.ts";
import { DamagedWalError } from "../store/sqlite/wal-check.ts";
import { isOlderThanSeen } from "../store/sqlite/witness.ts";
import { replay } from "./replay.ts";
import { refusalOf } from "./replayed.ts";
import { StoreCopy } from "./store-copy.ts";

/** One thing that was looked at. */
interface Looked {
  readonly at: string;
  /** What was found to be right, in a few words; absent where something is not, or was not looked at. */
  readonly found?: string;
  /** Sentences. */
  readonly faults: readonly string[];
}

export interface CheckReport {
  readonly path: string;
  /** Whether a service wrote it meanwhile. */
  readonly isLive: boolean;
  readonly isSound: boolean;
  /** The versions it was written in: of its tables and of the evaluation. */
  readonly tables?: number;
  readonly evaluation?: number;
  readonly looked: readonly Looked[];
}

type Versions = Pick<CheckReport, "tables" | "evaluation">;

/** So many of one kind are named. */
const faultsMax = 100;

/** @throws OfflineError where nothing can be said of it: it is not there, not ours, or of a later version */
export async function check(
  path: string,
  { scratch }: { readonly scratch?: string } = {},
): Promise<CheckReport> {
  const looked: Looked[] = [];
  let copy: StoreCopy;
  try {
    copy = await StoreCopy.of(path, scratch);
  } catch (error) {
    if (!(error instanceof DamagedWalError)) throw error;
    looked.push({ at: "write-ahead log", faults: [error.message] });
    return { path, isLive: false, isSound: false, looked };
  }
  try {
    const found = copy.isLive ? "not looked at: a service writes it" : "ends as it should";
    looked.push({ at: "write-ahead log", found, faults: [] });
    const versions = versionsOf(copy);
    looked.push({ at: "versions", ...foundOf(versions), faults: [] });
    for (const look of looksAt(copy)) looked.push(look);
    const isSound = looked.every(({ faults }) => faults.length === 0);
    return { path, isLive: copy.isLive, isSound, ...versions, looked };
  } finally {
    copy.remove();
  }
}

/** @throws OfflineError */
function versionsOf(copy: StoreCopy): Versions {
  try {
    const connection = copy.connect();
    try {
      const tables = connection.pragma("user_version", { simple: true }) as number;
      const evaluation = connection.prepare("SELECT machine_version FROM meta").pluck().get() as number;
      return { tables, evaluation };
    } finally {
      connection.close();
    }
  } catch (error) {
    // Damage is found by those who look for it.
    if (error instanceof NewerVersionError || !(error instanceof Error)) throw refusalOf(error, copy);
    if (error.constructor === Error) throw refusalOf(error, copy);
    return {};
  }
}

function foundOf({ tables, evaluation }: Versions): Pick<Looked, "found"> {
  if (tables === undefined || evaluation === undefined) return {};
  const found = `tables ${tables}, evaluation ${evaluation}`;
  if (tables === schemaVersion && evaluation === machineVersion) return { found };
  return { found: `${found}; the next start makes them ${schemaVersion} and ${machineVersion}` };
}

function* looksAt(copy: StoreCopy): Generator<Looked> {
  yield pages(copy);
  const { loaded, look } = rows(copy);
  yield look;
  if (loaded === null) {
    yield { at: "log, state", faults: [] };
    return;
  }
  yield orphans(copy);
  const replayed = log(copy, loaded);
  yield replayed;
  if (replayed.faults.length > 0) return;
  yield state(loaded);
  if (copy.witnessFile !== null)
    yield { at: "start", found: startOf(copy, loaded, copy.witnessFile), faults: [] };
}

/** What is sound may be of an earlier moment: a start wants to be told that it was put there on purpose. */
function startOf(
  copy: StoreCopy,
  { clusterId, tail: lsn, restoreNote, logHome }: OpenedStore,
  witnessFile: string,
): string {
  const advice = "until it is told to go on from it: treekeeper restore --rolled-back";
  if (copy.marker !== null) return `refuses it, since it is a backup, ${advice}`;
  if (logHome !== null)
    return `serves it together with its log, which is ${logHome.place}, and refuses it without`;
  if (restoreNote !== null) return "does the restore that was asked for, then serves it";
  if (isOlderThanSeen(witnessFile, { clusterId, lsn }))
    return `refuses it, since this directory had come further, ${advice}`;
  return "serves it";
}

/** How pages hang together, with every index and every row's shape: more than a start takes the time for. */
function pages(copy: StoreCopy): Looked {
  const at = "pages";
  try {
    const connection = copy.connect();
    try {
      const said = connection.pragma(`integrity_check(${faultsMax})`) as { integrity_check: string }[];
      const faults = said.map(({ integrity_check: fault }) => fault).filter((fault) => fault !== "ok");
      const count = connection.pragma("page_count", { simple: true });
      const empty = connection.pragma("freelist_count", { simple: true });
      return { at, faults, ...(faults.length === 0 && { found: `${count}, ${empty} of them empty` }) };
    } finally {
      connection.close();
    }
  } catch (error) {
    return { at, faults: [faultIn(error, copy)] };
  }
}

/** Checksums of rows, what each says of others, and the digest of all. */
function rows(copy: StoreCopy): { readonly loaded: OpenedStore | null; readonly look: Looked } {
  const at = "rows";
  try {
    const loaded = copy.load();
    const { state: tables, position, changes } = loaded;
    const found =
      `${tables.tree.size} znodes, ${tables.sessionCount} sessions, ${changes.length} changes, as of entry ` +
      `${position.appliedLsn}, zxid ${position.zxid}, digest ${position.digest}`;
    return { loaded, look: { at, found, faults: [] } };
  } catch (error) {
    if (error instanceof NewerVersionError) throw refusalOf(error, copy);
    return { loaded: null, look: { at, faults: [faultIn(error, copy)] } };
  }
}

/** Rows that no row of a znode stands behind: a start does not see them. */
function orphans(copy: StoreCopy): Looked {
  const connection = copy.connect();
  try {
    const ids = connection.prepare(selectOrphans).pluck().all(faultsMax) as number[];
    const faults = ids.map((id) => `there is a count of children for znode ${id}, and no such znode`);
    return { at: "orphans", faults, ...(faults.length === 0 && { found: "none" }) };
  } finally {
    connection.close();
  }
}

const selectOrphans = `
  SELECT id FROM znode_children WHERE id NOT IN (SELECT id FROM znode) ORDER BY id LIMIT ?`;

function log(copy: StoreCopy, loaded: LoadedStore): Looked {
  const at = "log";
  try {
    const {
      entries,
      commands,
      state: replayed,
    } = replay(loaded.state, copy.entries(loaded.position.appliedLsn));
    const faults = momentFaults(copy, replayed.zxid);
    if (faults.length > 0) return { at, faults };
    const found = `${entries} entries with ${commands} commands after that lead to zxid ${replayed.zxid}`;
    return { at, found, faults };
  } catch (error) {
    if (error instanceof NewerVersionError) throw refusalOf(error, copy);
    return { at, faults: [faultIn(error, copy)] };
  }
}

/** A backup says of which moment it is. */
function momentFaults({ marker }: StoreCopy, zxid: number): string[] {
  if (marker === null || marker.zxid === zxid) return [];
  return [`it leads to zxid ${zxid}, and the backup says that it is of ${marker.zxid}`];
}

/** What must be true of every state: usages and quotas, owners of ephemerals, queues, order of numbers. */
function state({ state: replayed }: LoadedStore): Looked {
  const faults = checkState(replayed);
  const at = "state";
  if (faults.length === 0) return { at, found: `as it must be, ${replayed.tree.size} znodes`, faults };
  const more = faults.length > faultsMax ? [`and ${faults.length - faultsMax} more`] : [];
  return { at, faults: [...faults.slice(0, faultsMax), ...more] };
}

function faultIn(error: unknown, copy: StoreCopy): string {
  if (error instanceof CorruptStoreError) return error.fault;
  return error instanceof Error ? copy.named(error.message) : String(error);
}
