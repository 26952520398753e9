// What a nemesis is judged by: what several servers promise together, each a pure function from what clients were told and
// what the servers say happened to the faults in it. Writes are linearizable if each has one place, its zxid, and no place is
// before one that was known of when the write began; reads, if they show the state of the zxid that they say.

import { faultsIn } from "../../trials/judge.ts";
import type { Promised } from "./promise.ts";
import type { History, NemesisRecord, Span, Write } from "./record.ts";
import { counterName } from "./register-client.ts";
import { Known, Replay } from "./replay.ts";
import { keptOf, sessionPromises } from "./session-promises.ts";

/** So much of what is wrong is said. */
const faultsMax = 5;

export const promises: Readonly<Record<string, Promised>> = {
  /** All servers tell the same, to the byte. */
  oneHistory({ record: { histories, isCutOff } }) {
    const [first = [], ...others] = histories;
    return others.flatMap((other, index) => {
      const at = differenceOf(first, other, isCutOff);
      const name = `server ${index + 1} beside server 0`;
      if (at !== -1) return [`${name}: ${other[at]} in the place of ${first[at]}`];
      return other.length > first.length ? [`${name}: ${other[first.length]} in addition`] : [];
    });
  },

  oneOrder({ replay }) {
    return replay.messages.flatMap(({ zxid }, index, all) => {
      const before = all[index - 1]?.zxid ?? 0;
      return zxid > before ? [] : [`${zxid} comes after ${before}`];
    });
  },

  /** What was acknowledged is there, at its zxid, all of it, under its name. */
  acknowledgedIsThere({ record, replay }) {
    return record.writes.filter(isDone).flatMap((write) => {
      const done = replay.doneWith(write.value);
      const isThere = write.paths.every((asked) => {
        const path = write.isSequential ? write.path : asked;
        return done.some((each) => each.zxid === write.outcome && each.path === path);
      });
      return isThere ? [] : [`${nameOf(write)} was acknowledged at ${write.outcome} and is not there`];
    });
  },

  /** What was refused, and what was never told, is done once at most; what was refused never. */
  doneOnce({ record, replay }) {
    return record.writes.flatMap((write) => {
      const done = replay.doneWith(write.value);
      const zxids = new Set(done.map(({ zxid }) => zxid));
      if (zxids.size > 1) return [`${nameOf(write)} was done at ${[...zxids].join(" and ")}`];
      if (zxids.size === 1 && typeof write.outcome === "object")
        return [`${nameOf(write)} was refused (${write.outcome.refused}) and done at ${[...zxids]}`];
      return zxids.size === 1 && done.length !== write.paths.length
        ? [`${nameOf(write)} was done ${done.length} times in one transaction`]
        : [];
    });
  },

  /** Nothing has a place before what anybody knew when it was asked. */
  writesInRealTime({ record, replay, known }) {
    return record.writes.flatMap((write) => {
      const [done] = replay.doneWith(write.value);
      const floor = known.before(write.beganMs);
      return done === undefined || done.zxid > floor
        ? []
        : [`${nameOf(write)} was done at ${done.zxid}, and ${floor} was known when it was asked`];
    });
  },

  /** Whoever wrote on condition of a version wrote over that one; a refusal was true at a moment while it was asked. */
  conditionsHold({ record, replay, known }) {
    return record.writes.flatMap((write) => {
      const { ifVersion, paths, outcome, refusedAt = 0, beganMs } = write;
      if (ifVersion === undefined) return [];
      const path = paths[0] as string;
      if (typeof outcome === "number") {
        const version = replay.at(path, outcome - 1)?.version;
        return version === ifVersion ? [] : [`${nameOf(write)} was done over version ${version}`];
      }
      if (typeof outcome !== "object" || outcome.refused !== "bad_version") return [];
      const states = replay.between(path, known.before(beganMs), refusedAt);
      return states.some(({ version }) => version !== ifVersion)
        ? []
        : [`${nameOf(write)} was refused, and ${path} was at version ${ifVersion} all the time`];
    });
  },

  /** An answer is from the state that its client has seen, or a later one. */
  neverBack({ record }) {
    return record.answers.flatMap(({ server, minZxid, zxid }) =>
      zxid < minZxid && zxid > 0 ? [`server ${server} answered from ${zxid} who had seen ${minZxid}`] : [],
    );
  },

  /** A read shows the state that it says it is from. */
  readsAreTrue({ record, replay }) {
    return record.reads.flatMap(({ path, zxid, value, mzxid, version }) => {
      const state = replay.at(path, zxid);
      const isSame = state?.value === value && state.version === version && state.zxid === mzxid;
      if (isSame) return [];
      const told = `${value} of version ${version} at ${mzxid}`;
      return [`${path} at ${zxid} was ${told}, and is ${JSON.stringify(state)}`];
    });
  },

  /** A read that asks for the newest is not from before what anybody knew. */
  readsAreNew({ record, known }) {
    return record.reads.flatMap(({ isLinearizable, path, zxid, beganMs }) => {
      const floor = known.before(beganMs);
      return isLinearizable && zxid < floor ? [`${path} was read at ${zxid}, and ${floor} was known`] : [];
    });
  },

  /** Each addition is done once, and what it came to is what was answered. */
  countedOnce({ record: { increments }, replay }) {
    const states = replay.statesOf(`/counters/${counterName}`);
    const uneven = states.flatMap(({ value }, index) =>
      Number(value) === index + 1 ? [] : [`the counter came to ${value} with its addition ${index + 1}`],
    );
    const valueAt = new Map(states.map(({ zxid, value }) => [zxid, Number(value)]));
    const done = increments.filter(({ outcome }) => typeof outcome === "number");
    const wrong = done.flatMap(({ outcome, value }) =>
      valueAt.get(outcome as number) === value ? [] : [`an addition at ${outcome} came to ${value}`],
    );
    const twice = done.length - new Set(done.map(({ outcome }) => outcome)).size;
    const unknown = increments.filter(({ outcome }) => outcome === "unknown").length;
    const tooMany = states.length - done.length - unknown;
    return [
      ...[...uneven, ...wrong],
      ...(twice > 0 ? [`${twice} additions were answered twice`] : []),
      ...(tooMany > 0 ? [`${tooMany} additions more than were asked for`] : []),
    ];
  },

  /** Numbers of a sequence are given once, and grow with the zxid. */
  numbersGrow({ record, replay }) {
    const made = record.writes
      .filter(({ isSequential }) => isSequential)
      .flatMap(({ value }) => replay.doneWith(value))
      .toSorted((one, other) => one.zxid - other.zxid);
    return made.flatMap(({ path }, index, all) => {
      const before = all[index - 1];
      return before !== undefined && numberIn(before.path) >= numberIn(path)
        ? [`${path} was made after ${before.path}`]
        : [];
    });
  },

  /** Each stream tells what there is to tell, each once and in order. */
  streamsAreWhole({ record, replay }) {
    return record.streams.flatMap(({ name, parent, texts, faults }) => {
      const expected = parent === null ? (record.histories[0] ?? []) : childrenOf(replay, parent);
      const told = parent === null ? texts : texts.map(essenceOf);
      const at = differenceOf(expected, told, record.isCutOff);
      const wrong =
        at === -1
          ? told.slice(expected.length).map((text) => `${text} in addition`)
          : [`${told[at]} in the place of ${expected[at]}`];
      return [...faults, ...wrong].map((fault) => `${name}: ${fault}`);
    });
  },

  ...sessionPromises,

  /** While nothing can be ordered nothing is acknowledged, nor read as the newest. */
  nothingUnordered({ record }) {
    return record.outages.flatMap(({ beganMs, endedMs, isReadable }) => {
      const isWithin = (asked: Span) => asked.beganMs >= beganMs && asked.endedMs <= endedMs;
      const done = [...record.writes, ...record.increments].filter(isDone).filter(isWithin);
      const kept = record.sessions.flatMap(keptOf).filter(isWithin);
      const read = record.reads.filter(({ isLinearizable }) => isLinearizable).filter(isWithin);
      return [
        ...(done.length > 0
          ? [`${done.length} were acknowledged when nothing could be put into the log`]
          : []),
        ...(kept.length > 0 ? [`${kept.length} were kept when nothing could be put into the log`] : []),
        ...(read.length > 0 && !isReadable ? [`${read.length} read the newest when nobody knew it`] : []),
      ];
    });
  },

  /** Locks, by the judge of the old-master contract. */
  locks({ record: { trials, isCutOff } }) {
    return trials.flatMap((trial) => faultsIn(trial, isCutOff ? ["nothingLeft"] : []));
  },

  /** What is wrong whatever else happened. */
  seen({ record }) {
    return [...record.seen];
  },
};

/** Each with the promise that it breaks. */
export function faultsOf(record: NemesisRecord): string[] {
  const subject = { record, replay: new Replay(record.histories[0] ?? []), known: new Known(record.answers) };
  return Object.entries(promises).flatMap(([name, promise]) => {
    const faults = promise(subject);
    const some = faults.slice(0, faultsMax).map((fault) => `${name}: ${fault}`);
    return faults.length > faultsMax ? [...some, `${name}: and ${faults.length - faultsMax} more`] : some;
  });
}

/** The place of the first that is not there. What was told last need not have come where it was cut off. */
function differenceOf(all: History, some: History, isCutOff: boolean): number {
  return all.findIndex((text, place) => text !== some[place] && !(isCutOff && place >= some.length));
}

function isDone({ outcome }: Pick<Write, "outcome">): boolean {
  return typeof outcome === "number";
}

function nameOf({ value, paths }: Write): string {
  return `${value} at ${paths.join(" and ")}`;
}

function numberIn(path: string): number {
  return Number(/\d+$/.exec(path)?.[0]);
}

/** Of a stream that is told of a part. */
function childrenOf({ messages }: Replay, parent: string): string[] {
  return messages.flatMap(({ zxid, events }) => {
    const own = events.filter(({ path }) => path === parent || isChild(path, parent));
    return own.length === 0 ? [] : [JSON.stringify({ zxid, events: own })];
  });
}

function isChild(path: string, parent: string): boolean {
  return path.startsWith(`${parent}/`) && !path.includes("/", parent.length + 1);
}

function essenceOf(text: string): string {
  const { zxid, events } = JSON.parse(text) as { zxid: number; events: unknown };
  return JSON.stringify({ zxid, events });
}
