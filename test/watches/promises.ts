// What every stream promises, each as a check of a recording against what really happened. A check says what it
// found wrong, in sentences; none means the promise was kept. They share nothing with the code that sends.

import type { WatchEventType } from "../../src/core/watch-event.ts";
import type { Happened, ZnodeRecord } from "./reference.ts";

export interface Message {
  readonly event: string;
  readonly id: number | null;
  readonly data: Record<string, unknown>;
}

export interface Recording {
  readonly paths: readonly string[];
  readonly scope: "node" | "children" | "subtree";
  readonly types: readonly WatchEventType[];
  readonly withData: boolean;
  /** The zxid the stream was to begin after; null when it began with a snapshot or from now. */
  readonly sinceZxid: number | null;
  /** The zxid of the last transaction when the stream was opened. */
  readonly openedAtZxid: number;
  /** Everything it was sent, in order, up to where it was read. */
  readonly messages: readonly Message[];
  /** Whether its reader took all there was: then nothing may be missing up to `closedAtZxid`. */
  readonly isComplete: boolean;
  readonly closedAtZxid: number;
}

export type WatchPromise = (recording: Recording, reference: Happened) => string[];

interface ChangeData {
  readonly zxid: number;
  readonly events: readonly { readonly type: string; readonly path: string; readonly data?: string }[];
}

/** A run between two resets: a resume point at its start, then changes. */
interface Run {
  readonly snapshot: { readonly zxid: number; readonly znodes: readonly Record<string, unknown>[] } | null;
  /** Everything up to here was known when the run began. */
  readonly fromZxid: number;
  readonly isSynced: boolean;
  readonly messages: readonly Message[];
}

/** Only what was asked for: paths in scope, types wanted, data only with data. */
const filter: WatchPromise = (recording) =>
  changesOf(recording.messages).flatMap(({ zxid, events }) =>
    events.flatMap((event) => {
      const faults: string[] = [];
      if (!isInScope(recording, event.path)) faults.push(`${zxid}: ${event.path} was not asked for`);
      if (!recording.types.some((type) => type === event.type))
        faults.push(`${zxid}: ${event.type} was not asked for`);
      if (!recording.withData && event.data !== undefined) faults.push(`${zxid}: data was not asked for`);
      return faults;
    }),
  );

/** In zxid order, between one reset and the next. */
const ordered: WatchPromise = (recording) =>
  runsOf(recording).flatMap(({ messages }) => {
    const ids = messages.flatMap(({ id }) => (id === null ? [] : [id]));
    return ids.flatMap((id, index) =>
      index > 0 && (ids[index - 1] as number) > id ? [`${id} came late`] : [],
    );
  });

/** No change twice, between one reset and the next. */
const unique: WatchPromise = (recording) =>
  runsOf(recording).flatMap(({ messages }) => {
    const zxids = changesOf(messages).map(({ zxid }) => zxid);
    return zxids.filter((zxid, index) => zxids.indexOf(zxid) !== index).map((zxid) => `${zxid} came twice`);
  });

/** A transaction is one message with all of its events that were asked for, in their order. */
const atomic: WatchPromise = (recording, reference) =>
  changesOf(recording.messages).flatMap(({ zxid, events }) => {
    const told = JSON.stringify(events.map(({ type, path }) => [type, path]));
    const meant = JSON.stringify(expectedEvents(recording, reference, zxid));
    return told === meant ? [] : [`${zxid}: told ${told}, happened ${meant}`];
  });

/** Nothing is missing: from where a run began to where it ended, every change asked for is there. */
const reliable: WatchPromise = (recording, reference) =>
  runsOf(recording).flatMap((run, index, runs) => {
    const isLast = index === runs.length - 1;
    if (!run.isSynced && run.messages.length === 0) return [];
    const lastId = Math.max(run.fromZxid, ...run.messages.flatMap(({ id }) => (id === null ? [] : [id])));
    const untilZxid = isLast && recording.isComplete ? recording.closedAtZxid : lastId;
    const told = changesOf(run.messages).map(({ zxid }) => zxid);
    const meant = reference
      .zxidsBetween(run.fromZxid, untilZxid)
      .filter((zxid) => expectedEvents(recording, reference, zxid).length > 0);
    const missing = meant.filter((zxid) => !told.includes(zxid));
    return missing.map((zxid) => `${zxid} is missing after ${run.fromZxid}`);
  });

/** A stream that was to begin after a zxid says nothing of what came before it. */
const resumable: WatchPromise = (recording) => {
  const { sinceZxid } = recording;
  const [first] = runsOf(recording);
  const hasBegunAnew = recording.messages[0]?.event === "reset";
  if (sinceZxid === null || first === undefined || hasBegunAnew) return [];
  return changesOf(first.messages).flatMap(({ zxid }) =>
    zxid <= sinceZxid ? [`${zxid} was known already`] : [],
  );
};

/** A bookmark at Z means: everything asked for up to Z was sent. */
const bookmarkable: WatchPromise = (recording, reference) =>
  runsOf(recording).flatMap((run) => {
    const faults: string[] = [];
    for (const [index, { event, id }] of run.messages.entries()) {
      if (event !== "bookmark" && event !== "synced") continue;
      const told = new Set(changesOf(run.messages.slice(0, index)).map(({ zxid }) => zxid));
      const missing = reference
        .zxidsBetween(run.fromZxid, id as number)
        .filter((zxid) => expectedEvents(recording, reference, zxid).length > 0 && !told.has(zxid));
      faults.push(...missing.map((zxid) => `${event} ${id} came before ${zxid}`));
    }
    return faults;
  });

/** The snapshot at Z is the tree at Z, whatever was written while it was sent. */
const snapshotConsistent: WatchPromise = (recording, reference) =>
  runsOf(recording).flatMap((run) => {
    if (run.snapshot === null || !run.isSynced) return [];
    const told = run.snapshot.znodes.map(keyOfZnode).sort();
    const meant = reference
      .treeAt(run.snapshot.zxid)
      .filter(({ path }) => isInScope(recording, path))
      .map((znode) => keyOfZnode(recording.withData ? znode : withoutData(znode)))
      .sort();
    return JSON.stringify(told) === JSON.stringify(meant)
      ? []
      : [`the snapshot at ${run.snapshot.zxid} is not the tree`];
  });

export const promises: Readonly<Record<string, WatchPromise>> = {
  filter,
  ordered,
  unique,
  atomic,
  reliable,
  resumable,
  bookmarkable,
  snapshotConsistent,
};

function keyOfZnode(znode: { path?: unknown; data?: unknown; stat?: unknown }): string {
  return JSON.stringify([znode.path, znode.data ?? null, znode.stat]);
}

function withoutData({ path, stat }: ZnodeRecord): Omit<ZnodeRecord, "data"> {
  return { path, stat };
}

function changesOf(messages: readonly Message[]): ChangeData[] {
  return messages.filter(({ event }) => event === "change").map(({ data }) => data as unknown as ChangeData);
}

function expectedEvents(recording: Recording, reference: Happened, zxid: number): string[][] {
  return reference
    .eventsAt(zxid)
    .filter(
      ({ type, path }) => recording.types.some((wanted) => wanted === type) && isInScope(recording, path),
    )
    .map(({ type, path }) => [type, path]);
}

/** The definition of the scopes, said as plainly as it can be. */
function isInScope({ paths, scope }: Recording, path: string): boolean {
  return paths.some((watched) => {
    if (watched === path) return true;
    const prefix = watched === "/" ? "/" : `${watched}/`;
    if (scope === "node" || !path.startsWith(prefix)) return false;
    return scope === "subtree" || !path.slice(prefix.length).includes("/");
  });
}

/** The recording, cut at its resets. */
function runsOf(recording: Recording): Run[] {
  const pieces: Message[][] = [[]];
  for (const message of recording.messages) {
    if (message.event === "reset") pieces.push([]);
    else pieces.at(-1)?.push(message);
  }
  const startsWithReset = pieces.length > 1 && pieces[0]?.length === 0;
  return (startsWithReset ? pieces.slice(1) : pieces).map((piece) => runOf(piece, recording));
}

function runOf(messages: readonly Message[], recording: Recording): Run {
  const pages = messages.filter(({ event }) => event === "snapshot");
  const zxid = pages[0]?.data.zxid as number | undefined;
  const snapshot =
    zxid === undefined
      ? null
      : { zxid, znodes: pages.flatMap(({ data }) => data.znodes as Record<string, unknown>[]) };
  const fromZxid = zxid ?? recording.sinceZxid ?? recording.openedAtZxid;
  return { snapshot, fromZxid, isSynced: messages.some(({ event }) => event === "synced"), messages };
}
