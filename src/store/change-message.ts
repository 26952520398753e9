// A transaction as watchers read it: the JSON of one `change` message. It is made once, when the transaction is
// applied, sent to every stream that matches and written to the `change` table; a replay sends the same bytes.

import { statOf } from "../core/stat.ts";
import type { Cause, Txn } from "../core/txn.ts";
import { type WatchEventType, watchEventsOf } from "../core/watch-event.ts";
import { dataMember } from "./json-data.ts";

/** One event, in pieces, so that a stream without data needs no second serialisation. */
export interface MessageEvent {
  readonly type: WatchEventType;
  readonly path: string;
  /** `{"type":…,"path":…` */
  readonly head: string;
  /** `,"data":…`; empty for a deletion. */
  readonly data: string;
  /** `,"stat":{…}}` */
  readonly tail: string;
}

export interface ChangeMessage {
  readonly zxid: number;
  readonly timeMs: number;
  /** `{"zxid":…,"events":[` */
  readonly head: string;
  readonly events: readonly MessageEvent[];
}

export interface EventSelection {
  readonly matches: (event: MessageEvent) => boolean;
  readonly withData: boolean;
}

/** Null when the transaction has nothing to tell (a session opened). */
export function changeMessageOf(txn: Txn): ChangeMessage | null {
  const events = watchEventsOf(txn).map(({ type, znode }) => ({
    type,
    path: znode.path,
    head: `{"type":"${type}","path":${JSON.stringify(znode.path)}`,
    data: type === "deleted" ? "" : `,${JSON.stringify(dataMember(znode.data)).slice(1, -1)}`,
    tail: `,"stat":${JSON.stringify(statOf(znode))}}`,
  }));
  if (events.length === 0) return null;
  return {
    zxid: txn.zxid,
    timeMs: txn.timeMs,
    head: headOf(txn.zxid, txn.timeMs, txn.cause, txn.sessionId),
    events,
  };
}

function headOf(zxid: number, timeMs: number, cause: Cause, sessionId: string | null): string {
  const session = sessionId === null ? "" : `,"session":"${sessionId}"`;
  return `{"zxid":${zxid},"timeMs":${timeMs},"cause":"${cause}"${session},"events":[`;
}

/** The whole message, as it stands in the `change` table. */
export function messageText(message: ChangeMessage): string {
  let text = message.head;
  for (let index = 0; index < message.events.length; index += 1) {
    if (index > 0) text += ",";
    const event = message.events[index] as MessageEvent;
    text += event.head + event.data + event.tail;
  }
  return `${text}]}`;
}

/** The message with the selected events alone, in their order; null when none is selected. */
export function selectedText(message: ChangeMessage, selection: EventSelection): string | null {
  let text = "";
  for (const event of message.events) {
    if (!selection.matches(event)) continue;
    if (text !== "") text += ",";
    text += event.head + (selection.withData ? event.data : "") + event.tail;
  }
  return text === "" ? null : `${message.head}${text}]}`;
}

interface StoredMessage {
  readonly zxid: number;
  readonly timeMs: number;
  readonly cause: Cause;
  readonly session?: string;
  readonly events: readonly {
    readonly type: WatchEventType;
    readonly path: string;
    readonly data?: string;
    readonly dataBase64?: string;
    readonly stat: object;
  }[];
}

/** A message read back from its text: its own text is again the same, byte for byte. */
export function parseChangeMessage(text: string): ChangeMessage {
  const stored = JSON.parse(text) as StoredMessage;
  return {
    zxid: stored.zxid,
    timeMs: stored.timeMs,
    head: headOf(stored.zxid, stored.timeMs, stored.cause, stored.session ?? null),
    events: stored.events.map((event) => ({
      type: event.type,
      path: event.path,
      head: `{"type":"${event.type}","path":${JSON.stringify(event.path)}`,
      data: storedDataPiece(event),
      tail: `,"stat":${JSON.stringify(event.stat)}}`,
    })),
  };
}

function storedDataPiece(event: StoredMessage["events"][number]): string {
  if (event.data !== undefined) return `,"data":${JSON.stringify(event.data)}`;
  return event.dataBase64 === undefined ? "" : `,"dataBase64":"${event.dataBase64}"`;
}
