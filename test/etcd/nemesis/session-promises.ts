// What several servers promise of sessions: each ends once, not before its time, and not for a silence that nobody could hear.

import type { Promised } from "./promise.ts";
import type { SessionRecord } from "./record.ts";
import type { Replay } from "./replay.ts";

/** Times of servers are whole milliseconds of another clock of the same machine. */
const clockErrorMs = 3;
export const sessionPromises: Readonly<Record<string, Promised>> = {
  /** A session ends once, and all that is its own goes with it. */
  endsOnce({ replay }) {
    const ended = new Map<string, number>();
    const owned = new Map<string, Set<string>>();
    return replay.messages.flatMap(({ zxid, cause, session, events }) => {
      const faults = [];
      const isEnd = cause === "session_expired" || cause === "session_closed";
      for (const { type, path, stat } of events) {
        const owner = stat.ephemeralOwner;
        if (owner === null) continue;
        const paths = owned.get(owner) ?? new Set();
        owned.set(owner, paths);
        if (type === "created") paths.add(path);
        if (type === "deleted") paths.delete(path);
        const before = ended.get(owner);
        if (before !== undefined) faults.push(`${path} at ${zxid} is of ${owner}, which ended at ${before}`);
      }
      if (isEnd && session !== undefined) {
        if (ended.has(session)) faults.push(`${session} ended at ${ended.get(session)} and at ${zxid}`);
        ended.set(session, zxid);
        const left = [...(owned.get(session) ?? [])];
        if (left.length > 0) faults.push(`${session} ended at ${zxid} and left ${left.join(", ")}`);
      }
      return faults;
    });
  },

  /** Nobody's session ends before its time, nor is kept after its end. */
  keptIsAlive({ record, replay, known }) {
    const ends = endsOf(replay);
    const { wallOffsetMs: offsetMs } = record;
    return record.sessions.flatMap((session) => {
      const end = ends.get(session.id);
      if (end === undefined) return [];
      return keptOf(session).flatMap(({ beganMs }) => {
        const faults = [];
        const earlyMs = beganMs + session.timeoutMs - (end.timeMs + offsetMs) - clockErrorMs;
        if (end.cause === "session_expired" && earlyMs > 0)
          faults.push(`${session.id} expired at ${end.zxid}, ${earlyMs} ms before its time`);
        if (known.since(end.zxid) < beganMs)
          faults.push(`${session.id} was kept after its end at ${end.zxid}`);
        return faults;
      });
    });
  },

  /** Nobody is silent who could not be heard: who was in time when an outage began has all its time when it is over. */
  unheardIsNotSilent({ record, replay }) {
    const ends = endsOf(replay);
    return record.sessions.flatMap((session) => {
      const end = ends.get(session.id);
      if (end?.cause !== "session_expired") return [];
      const endMs = end.timeMs + record.wallOffsetMs + clockErrorMs;
      return record.outages.flatMap((outage) => {
        const isInTime = keptOf(session).some(
          ({ beganMs }) => beganMs < outage.beganMs && beganMs + session.timeoutMs > outage.beganMs,
        );
        const earlyMs = outage.endedMs + session.timeoutMs - endMs;
        return isInTime && earlyMs > 0 && endMs > outage.beganMs
          ? [`${session.id} expired at ${end.zxid}, ${earlyMs} ms before its time after an outage`]
          : [];
      });
    });
  },

  /** What nobody keeps goes. */
  leftIsGone({ record, replay }) {
    if (record.isCutOff) return [];
    const ends = endsOf(replay);
    return record.sessions.flatMap(({ id, isLeft }) =>
      isLeft && !ends.has(id) && ownsAnything(replay, id) ? [`${id} was left and has not ended`] : [],
    );
  },
};

export function keptOf({ keepalives }: SessionRecord): SessionRecord["keepalives"] {
  return keepalives.filter(({ outcome }) => outcome === "kept");
}

interface End {
  readonly zxid: number;
  readonly timeMs: number;
  readonly cause: string;
}

/** By session. */
function endsOf({ messages }: Replay): ReadonlyMap<string, End> {
  const ends = messages.flatMap(({ zxid, timeMs, cause, session }): [string, End][] =>
    session !== undefined && cause.startsWith("session_") ? [[session, { zxid, timeMs, cause }]] : [],
  );
  return new Map(ends);
}

function ownsAnything({ messages }: Replay, id: string): boolean {
  return messages.some(({ events }) => events.some(({ stat }) => stat.ephemeralOwner === id));
}
