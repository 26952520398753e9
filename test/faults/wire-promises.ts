// What a stream of a real server promises beyond `watches/promises.ts`: what can only be seen on the wire, over kills
// and restarts, and with the bounds of the history known. Each check says what it found wrong; none means kept.

import type { Message, Recording } from "../watches/promises.ts";
import type { ToldChange, ToldEvent, ToldLog } from "./told-log.ts";

export interface WireRecording extends Recording {
  /** Whether it was to end after its first change. */
  readonly once: boolean;
}

export interface Judge {
  readonly log: ToldLog;
  /** The bound on the history of the server. */
  readonly historyMessagesMax: number;
}

type WirePromise = (recording: WireRecording, judge: Judge) => string[];

/**
 * What was told at a zxid is what the log has there, to the last byte, after every kill: nobody heard of a write that
 * was not durable, and what is told again is what was told first.
 */
const fenced: WirePromise = ({ messages, types, withData }, { log }) =>
  changesIn(messages).flatMap((change) => {
    const logged = log.changeAt(change.zxid);
    if (logged === undefined) return [`${change.zxid} was told, but never happened`];
    const asked = new Set(change.events.map(({ path }) => path));
    const events = logged.events
      .filter(({ type, path }) => types.includes(type) && asked.has(path))
      .map((event) => (withData ? event : withoutData(event)));
    const meant = JSON.stringify({ ...logged, events });
    const told = JSON.stringify(change);
    return told === meant ? [] : [`${change.zxid}: told ${told}, happened ${meant}`];
  });

/** One can resume after exactly the zxids the history reaches; after any other one is told at once that one cannot. */
const resetExactly: WirePromise = (recording, { log, historyMessagesMax }) => {
  const { sinceZxid, openedAtZxid, messages } = recording;
  const [first] = messages;
  if (first === undefined) return [];
  const told = first.event === "reset" ? first.data.reason : null;
  const meant = gapAfter(sinceZxid ?? openedAtZxid);
  return told === meant ? [] : [`opened at ${openedAtZxid} after ${sinceZxid}: ${told} and not ${meant}`];

  function gapAfter(zxid: number): string | null {
    if (zxid > openedAtZxid) return "unknown_zxid";
    return log.zxidsBetween(zxid, openedAtZxid).length > historyMessagesMax ? "history_trimmed" : null;
  }
};

/** What may come after what, so that a reader always knows where it stands. */
const followers: Readonly<Record<string, readonly string[]>> = {
  begin: ["reset", "snapshot", "change", "synced"],
  reset: ["snapshot"],
  snapshot: ["snapshot", "synced"],
  synced: ["change", "bookmark", "reset"],
  change: ["change", "bookmark", "synced", "reset"],
  bookmark: ["change", "bookmark", "reset"],
};

/** Reset, snapshot and synced, always in this order; synced once, and no bookmark before it. */
const wellFormed: WirePromise = ({ messages }) => {
  const faults: string[] = [];
  let isSynced = false;
  for (const [index, { event, id }] of messages.entries()) {
    const before = messages[index - 1]?.event ?? "begin";
    const fits = followers[before]?.includes(event) && !(isSynced && event === "synced");
    if (!fits || (event === "bookmark" && !isSynced)) faults.push(`${event} ${id} after ${before}`);
    if (event === "synced" || event === "reset") isSynced = event === "synced";
  }
  return faults;
};

/** A one-shot watch is told one change and nothing after it (W21). */
const onceOnly: WirePromise = ({ once, messages }) => {
  const first = messages.findIndex(({ event }) => event === "change");
  return once && first !== -1 && first < messages.length - 1 ? ["it went on after its first change"] : [];
};

export const wirePromises: Readonly<Record<string, WirePromise>> = {
  fenced,
  resetExactly,
  wellFormed,
  onceOnly,
};

function changesIn(messages: readonly Message[]): ToldChange[] {
  return messages.filter(({ event }) => event === "change").map(({ data }) => data as unknown as ToldChange);
}

function withoutData({ type, path, stat }: ToldEvent): Omit<ToldEvent, "data"> {
  return { type, path, stat };
}
