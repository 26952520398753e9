// What a watch tells (API section 5), typed, and how it is read from the events of a stream. Nothing that cannot be
// read is passed on, and what a newer server may add is left out.

import type { EventSourceMessage } from "eventsource-parser";
import type { Stat } from "../../core/tree/stat.ts";
import type { Cause } from "../../core/txn.ts";
import type { WatchEventType } from "../../core/watch-event.ts";
import { ConnectionError, parseObject } from "../calls/errors.ts";
import { type WireData, ZnodeData } from "../znodes/znode-data.ts";

/** A znode as of the message's zxid. */
export interface WatchedZnode {
  readonly path: string;
  /** Absent when the watch is without data, and on a deletion. */
  readonly data?: ZnodeData;
  readonly stat: Stat;
}

/** A deletion has the last stat and no data. */
export interface ZnodeEvent extends WatchedZnode {
  readonly type: WatchEventType;
}

/** A page of what is there; `synced` comes after the last one. */
export interface SnapshotMessage {
  readonly type: "snapshot";
  readonly zxid: number;
  readonly znodes: readonly WatchedZnode[];
}

/** Everything up to `zxid` was told; from here on it is told as it happens. Comes again after each reconnect. */
export interface SyncedMessage {
  readonly type: "synced";
  readonly zxid: number;
}

/** One transaction, whole, with its events in the order they were done. */
export type ChangeMessage = ToldTransaction<ZnodeEvent>;

/** What is told of one transaction, in events of one kind. */
export interface ToldTransaction<Event> {
  readonly type: "change";
  readonly zxid: number;
  readonly timeMs: number;
  readonly cause: Cause;
  /** The session that ended, where that is the cause. */
  readonly session?: string;
  /** That of the request which did it, if it carried one: what whoever asked says of it. */
  readonly traceparent?: string;
  readonly events: readonly Event[];
}

/** What was told before no longer counts: a snapshot of everything follows, and `synced`. */
export interface ResetMessage {
  readonly type: "reset";
  /** `snapshot_interrupted` is the client's own: the connection was lost amid a snapshot. */
  readonly reason: "history_trimmed" | "unknown_zxid" | "snapshot_interrupted";
  readonly zxid: number;
}

/** Nothing happened up to `zxid` that was not told. */
export interface BookmarkMessage {
  readonly type: "bookmark";
  readonly zxid: number;
}

export type WatchMessage = SnapshotMessage | SyncedMessage | ChangeMessage | ResetMessage | BookmarkMessage;

/** The server ends the stream on purpose. */
export interface ByeMessage {
  readonly type: "bye";
  readonly reason: string;
}

/**
 * Null for a kind of event that this client does not know.
 * @throws ConnectionError when the event cannot be read: something in between has mangled it
 */
export function messageOf({ event, data }: EventSourceMessage): WatchMessage | ByeMessage | null {
  const members = parseObject(data);
  switch (event) {
    case "bye":
      return { type: "bye", reason: String(members.reason ?? "none given") };
    case "snapshot":
      return { type: event, zxid: zxidIn(members), znodes: znodesIn(members.znodes) };
    case "change":
      return { ...(members as unknown as ChangeMessage), type: event, ...changeIn(members) };
    case "synced":
    case "bookmark":
      return { type: event, zxid: zxidIn(members) };
    case "reset":
      return { type: event, zxid: zxidIn(members), reason: members.reason as ResetMessage["reason"] };
    default:
      return null;
  }
}

export type Members = Readonly<Record<string, unknown>>;

function changeIn(members: Members): Pick<ChangeMessage, "zxid" | "events"> {
  return { zxid: zxidIn(members), events: znodesIn(members.events) as ZnodeEvent[] };
}

export function zxidIn({ zxid }: Members): number {
  if (!Number.isSafeInteger(zxid)) throw unreadable("its zxid is no number");
  return zxid as number;
}

/** Each with its other members, such as an event's type. */
function znodesIn(list: unknown): WatchedZnode[] {
  if (!Array.isArray(list)) throw unreadable("it has no list of znodes");
  return list.map(znodeIn);
}

/** @throws ConnectionError when it is none */
export function znodeIn(item: unknown): WatchedZnode {
  const { data, dataBase64, ...rest } = Object(item) as WireData & WatchedZnode;
  if (typeof rest.path !== "string" || Object(rest.stat) !== rest.stat) {
    throw unreadable("a znode has no path or no stat");
  }
  const znodeData = ZnodeData.from({ data, dataBase64 });
  return znodeData === undefined ? rest : { ...rest, data: znodeData };
}

export function unreadable(reason: string): ConnectionError {
  return new ConnectionError(`The server sent something unreadable: ${reason}.`);
}
