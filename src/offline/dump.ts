// `dump`: what is in a data directory or a backup, as lines of JSON. Znodes come as an export has them, so that an import
// takes them; whatever else is asked for follows, each in an object with one member that names its kind.

import type { Acl } from "../core/acl/acl.ts";
import { openAcl } from "../core/acl/acl.ts";
import { permissionNames } from "../core/acl/acl-syntax.ts";
import { claimViewOf } from "../core/coordination/claim-view.ts";
import type { Session } from "../core/session.ts";
import type { State } from "../core/state.ts";
import { statOf } from "../core/tree/stat.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { LogEntry } from "../store/commit-log.ts";
import { readEntry } from "../store/read-entry.ts";
import { changeMessageOf, isTooLongToTell } from "../told/change-message.ts";
import { dataMember } from "../told/json-data.ts";
import { OfflineError } from "./offline-error.ts";
import { type Replayed, refusalOf, replayedStore } from "./replayed.ts";
import { StoreCopy } from "./store-copy.ts";

export interface DumpOptions {
  /** Where a copy may lie. */
  readonly scratch?: string | undefined;
  /** The znode it begins at; all of them unless given. */
  readonly path?: string | undefined;
  readonly sessions?: boolean | undefined;
  readonly claims?: boolean | undefined;
  readonly history?: boolean | undefined;
  readonly log?: boolean | undefined;
}

/**
 * One object a line. The tree is in memory, as it is in the service; what is made of it is not.
 * @throws OfflineError
 */
export async function* dump(
  source: string,
  options: DumpOptions = {},
): AsyncGenerator<object, void, undefined> {
  const copy = await StoreCopy.of(source, options.scratch);
  try {
    const told: string[] = [];
    const replayed = replayedStore(copy, (txn, { access: { namespaces } }) => {
      if (options.history !== true || isTooLongToTell(txn, namespaces)) return;
      const message = changeMessageOf(txn, namespaces);
      if (message !== null) told.push(message.text);
    });
    yield* znodesIn(replayed.state, options.path);
    if (options.sessions === true) yield* sessionsIn(replayed.state);
    if (options.claims === true) yield* claimsIn(replayed.state);
    if (options.history === true) yield* changesIn(replayed, told);
    if (options.log === true) yield* entriesIn(copy);
  } catch (error) {
    throw refusalOf(error, copy);
  } finally {
    copy.remove();
  }
}

function* znodesIn({ tree }: State, path = "/"): Generator<object> {
  if (tree.get(path) === undefined) throw new OfflineError(`There is no znode ${path}.`, { isMissing: true });
  for (const znode of tree.subtree(path)) yield znodeLine(znode);
}

function znodeLine(znode: Znode): object {
  return {
    path: znode.path,
    ...dataMember(znode.data),
    stat: statOf(znode),
    ...(znode.acl !== openAcl && { acl: aclLine(znode.acl.entries) }),
  };
}

function aclLine(acl: Acl): object[] {
  return acl.map(({ perms, scheme, id }) => ({ perms: permissionNames(perms), scheme, id }));
}

function* sessionsIn(state: State): Generator<object> {
  for (const session of state.sessions()) yield { session: sessionLine(session, state) };
}

/** What of it no one may use: its token is known by its hash alone, and that is nobody's business either. */
function sessionLine({ tokenHash: _, ...session }: Session, state: State): object {
  return { ...session, ephemerals: [...state.ephemeralsOf(session.id)].sort() };
}

function* claimsIn(state: State): Generator<object> {
  for (const queue of state.claims.queues()) {
    for (const claim of queue) {
      const position = queue.positionOf(claim);
      const standing = position > 0 ? { state: "waiting", position } : { state: held[queue.kind] };
      yield { claim: { of: queue.path, ...standing, ...claimViewOf(readerOf(state), claim) } };
    }
  }
}

const held = { lock: "held", election: "leading" } as const;

function readerOf(state: State): Parameters<typeof claimViewOf>[0] {
  return { get: (path) => state.get(path), session: (id) => state.session(id), epochs: state.epochs };
}

/** What watchers can resume from, and what they would have been told of the entries behind it. */
function* changesIn({ loaded }: Replayed, told: readonly string[]): Generator<object> {
  for (const { message } of loaded.changes) yield { change: JSON.parse(message) };
  for (const message of told) yield { change: JSON.parse(message) };
}

function* entriesIn(copy: StoreCopy): Generator<object> {
  for (const entry of copy.entries()) yield { entry: entryLine(entry) };
}

function entryLine(entry: LogEntry): object {
  const { moment, commands, version } = readEntry(entry);
  const { timeMs, ranMs } = moment;
  const { lsn, writer, seq } = entry;
  return { lsn, writer, seq, timeMs, ranMs, version, commands: commands.map((command) => shownIn(command)) };
}

/** Hashes of secrets stay out; what is bytes becomes what JSON has for data. */
function shownIn(value: unknown): unknown {
  if (value instanceof Uint8Array) return Object.values(dataMember(value))[0];
  if (Array.isArray(value)) return value.map(shownIn);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([name]) => !secretMembers.has(name));
  return Object.fromEntries(
    members.flatMap(([name, member]): [string, unknown][] =>
      member instanceof Uint8Array && name === "data"
        ? Object.entries(dataMember(member))
        : [[name, shownIn(member)]],
    ),
  );
}

const secretMembers = new Set(["tokenHash", "hash", "secretHash", "secrets", "digests"]);
