// What must be true of a service whose etcd was put back to an older copy: what is there is one point of the past, not before
// the copy was begun; what came after it is lost, and neither that nor its numbers come again. Pure functions, as those of the
// judge: what was told before and after is judged by that one.

import type { Message, NemesisRecord, Span } from "./record.ts";
import { counterName, root, sequenceParent } from "./register-client.ts";
import { Known, Replay } from "./replay.ts";
import { ephemeralParent } from "./session-client.ts";

/** A znode that outlives sessions, as it was found. */
export interface Found {
  readonly path: string;
  readonly value: string;
  readonly version: number;
  readonly mzxid: number;
}

export interface Restore {
  /** While the copy was taken. */
  readonly copied: Span;
  /** Whether the servers were told of it, by `--etcd-restored`. */
  readonly isSaid: boolean;
  /** Of the workload, before another one began. */
  readonly found: readonly Found[];
  /** What a server told then: of all that it knew, or from where the workload before had begun. */
  readonly told: readonly Message[];
}

interface Case extends Restore {
  readonly before: NemesisRecord;
  readonly replay: Replay;
  /** Told then and by all that came until the next restore. */
  readonly after: readonly Message[];
  /** Of the last that is there. */
  readonly zxid: number;
}

type Promise = (subject: Case) => string[];

export const promises: Readonly<Record<string, Promise>> = {
  /** Of several writes all are there up to one place, and none behind it. */
  onePoint({ replay, found, zxid }) {
    const there = new Map(found.map((each) => [each.path, each]));
    const expected = new Set(replay.messages.flatMap(({ events }) => events.map(({ path }) => path)));
    const paths = new Set([...there.keys(), ...expected].filter(isLasting));
    return [...paths].flatMap((path) => {
      const state = replay.at(path, zxid);
      const was = state === undefined || state.value === null ? undefined : state;
      const is = there.get(path);
      const isSame = is?.value === was?.value && is?.version === was?.version && is?.mzxid === was?.zxid;
      return isSame ? [] : [`${path} is ${JSON.stringify(is)}, and was ${JSON.stringify(was)} at ${zxid}`];
    });
  },

  /** What anybody knew of when the copy was begun is in it. */
  nothingOlder({ before, replay, copied, zxid }) {
    const floor = new Known(before.answers).before(copied.beganMs);
    return replay.messages.flatMap((message) => {
      const isMissing = message.zxid > zxid && message.zxid <= floor && message.events.some(isOfLasting);
      return isMissing ? [`${message.zxid} was known when the copy was begun, and is not there`] : [];
    });
  },

  /** What was asked when the copy was whole is not in it. */
  nothingNewer({ before, copied, zxid }) {
    return before.writes.flatMap(({ value, beganMs, outcome }) =>
      typeof outcome === "number" && beganMs > copied.endedMs && outcome <= zxid
        ? [`${value} was asked after the copy was taken, and is there`]
        : [],
    );
  },

  /** Nothing of the lost time is done again, whoever sends it. */
  lostIsLost({ replay, after, zxid }) {
    const lost = replay.messages.filter((message) => message.zxid > zxid).flatMap(valuesIn);
    const again = new Set(after.filter((message) => message.zxid > zxid).flatMap(valuesIn));
    return lost.flatMap((value) => (again.has(value) ? [`${value} was lost, and was done again`] : []));
  },

  /** Where nobody said that it was restored the common past is the same, to the byte. */
  commonPast({ before, isSaid, told, zxid }) {
    if (isSaid) return [];
    const upTo = (messages: readonly Message[]) => messages.filter((message) => message.zxid <= zxid);
    const past = (before.histories[0] ?? []).map((text) => JSON.parse(text) as Message);
    return JSON.stringify(upTo(past)) === JSON.stringify(upTo(told)) ? [] : [`it is another up to ${zxid}`];
  },

  /** Else no zxid comes again, and no number of a sequence. */
  numbersGoOn({ replay, isSaid, after }) {
    if (!isSaid) return [];
    const zxids = after.map((message) => message.zxid);
    const given = replay.messages.at(-1)?.zxid ?? 0;
    const [number, last] = [Math.min(...numbersIn(after)), Math.max(...numbersIn(replay.messages))];
    return [
      ...(Math.min(...zxids) > given ? [] : [`${Math.min(...zxids)} came after ${given}`]),
      ...(number > last ? [] : [`number ${number} came after ${last}`]),
    ];
  },

  /** A session that was there ends once; one that had ended, or came later, does not. */
  sessionsEndOnce({ before, replay, copied, isSaid, after, zxid }) {
    const ended = new Set(endsIn(replay.messages.filter((message) => message.zxid <= zxid)));
    const later = before.sessions.filter(({ keepalives }) => (keepalives[0]?.beganMs ?? 0) > copied.endedMs);
    const unknown = new Set(later.map(({ id }) => id));
    const again = endsIn(after.filter((message) => message.zxid > zxid));
    // Some may have given up what they had in the copy, behind the last znode that is there: nobody is told of their end.
    const beyond = firstAskedAfter(copied, before);
    const mustEnd = isSaid ? ownersAllAlong(replay.messages, zxid, beyond) : [];
    const left = mustEnd.filter((id) => !again.includes(id));
    return [
      ...again.flatMap((id, index) =>
        ended.has(id) || again.indexOf(id) < index ? [`${id} ended more than once`] : [],
      ),
      ...again.flatMap((id) => (unknown.has(id) ? [`${id} was opened in the lost time, and ended`] : [])),
      ...left.map((id) => `${id} was there, and has not ended`),
    ];
  },
};

/** @param next what was told from then on, to the next restore */
export function faultsOfRestore(before: NemesisRecord, restore: Restore, next: NemesisRecord): string[] {
  const replay = new Replay(before.histories[0] ?? []);
  const after = [...restore.told, ...new Replay(next.histories[0] ?? []).messages];
  const zxid = Math.max(...restore.found.map(({ mzxid }) => mzxid));
  const subject = { ...restore, before, replay, after, zxid };
  return Object.entries(promises).flatMap(([name, promise]) =>
    promise(subject).map((fault) => `${name}: ${fault}`),
  );
}

/** The zxid of a write that was asked when the copy was whole, and so is not in it. */
function firstAskedAfter({ endedMs }: Span, { writes }: NemesisRecord): number {
  const zxids = writes.flatMap(({ beganMs, outcome }) =>
    typeof outcome === "number" && beganMs > endedMs ? [outcome] : [],
  );
  return Math.min(...zxids);
}

/** Of the workload, and not of a session. */
function isLasting(path: string): boolean {
  const isOwn = path.startsWith(`${root}/`) || path === `/counters/${counterName}`;
  return isOwn && !path.startsWith(`${ephemeralParent}/`) && !parents.includes(path);
}

/** They are there, and hold nothing. */
const parents = [`${root}/r`, `${root}/p`, sequenceParent, ephemeralParent];

function isOfLasting({ path }: { readonly path: string }): boolean {
  return isLasting(path);
}

function valuesIn({ events }: Message): string[] {
  return events.flatMap(({ type, path, data = "" }) =>
    type !== "deleted" && data !== "" && path.startsWith(`${root}/`) ? [data] : [],
  );
}

function numbersIn(messages: readonly Message[]): number[] {
  const made = messages.flatMap(({ events }) => events.filter(({ type }) => type === "created"));
  return made.flatMap(({ path }) =>
    path.startsWith(`${sequenceParent}/`) ? [Number(/\d+$/.exec(path)?.[0])] : [],
  );
}

function endsIn(messages: readonly Message[]): string[] {
  return messages.flatMap(({ cause, session }) =>
    session !== undefined && cause.startsWith("session_") ? [session] : [],
  );
}

/** Whose are the ephemerals that were there at a zxid, and were not deleted before another. */
function ownersAllAlong(messages: readonly Message[], zxid: number, beyond: number): string[] {
  const owners = new Map<string, string>();
  for (const message of messages) {
    if (message.zxid >= beyond) break;
    for (const { type, path, stat } of message.events) {
      if (type === "deleted") owners.delete(path);
      else if (type === "created" && stat.ephemeralOwner !== null && message.zxid <= zxid)
        owners.set(path, stat.ephemeralOwner);
    }
  }
  return [...new Set(owners.values())];
}
