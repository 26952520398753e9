// A transaction as watchers read it: the JSON of one `change` message. It is made once, when the transaction is
// applied, sent to every stream that matches and written to the `change` table; a replay sends the same bytes. Of an
// instance of a service it also keeps what it was before, for those who are told of some instances only, and of a znode
// that is not open to all its access control list.

import type { Namespaces } from "../core/access/namespaces.ts";
import { inRoot } from "../core/access/root-paths.ts";
import { type Acl, openAcl, textLengthOf, textOfAcl } from "../core/acl/acl.ts";
import { aclOfTriples } from "../core/acl/acl-syntax.ts";
import { deletedLength, writtenLength } from "../core/bounds.ts";
import { isInstancePath } from "../core/coordination/instances.ts";
import { rootPath } from "../core/tree/path.ts";
import { statText } from "../core/tree/stat.ts";
import type { Cause, Txn } from "../core/txn.ts";
import { type WatchEvent, type WatchEventType, watchEventsOf } from "../core/watch-event.ts";
import { dataText } from "./json-data.ts";

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
  /** Data of an instance of a service before the event, as `"data":…`; absent for all else. It is not sent. */
  readonly before?: string | undefined;
  /** The list the znode had, or has from then on, where that is not open to all. It is not sent. */
  readonly acl?: Acl | undefined;
}

export interface ChangeMessage {
  readonly zxid: number;
  /** `{"zxid":…,"events":[` */
  readonly head: string;
  readonly events: readonly MessageEvent[];
  /** The whole message with what is not sent, as it stands in the `change` table. */
  readonly text: string;
}

export interface EventSelection {
  readonly matches: (event: MessageEvent) => boolean;
  readonly withData: boolean;
  /** What is `/` to whom it is told; every event that matches is inside. */
  readonly root: string;
}

/** Where instances are. */
type InNamespaces = Pick<Namespaces, "keeps">;

/** Characters of the longest message: well below what one string can have, and above what bounded transactions tell. */
const textLengthMax = 400_000_000;
/** More than the stat and the names of its members take. */
const lengthPerEvent = 512;

/**
 * Whether no message can tell of it. Only entries from before transactions were bounded hold such: whoever watches past
 * one finds that the history begins behind it.
 */
export function isTooLongToTell(txn: Txn, namespaces: InNamespaces): boolean {
  const events = watchEventsOf(txn);
  let length = events.length * lengthPerEvent;
  for (const { type, znode } of events)
    length += type === "deleted" ? deletedLength(znode, namespaces) : writtenLength(znode);
  for (const acl of new Set(events.map(({ znode }) => znode.acl))) length += textLengthOf(acl.entries);
  return length > textLengthMax;
}

/** Null when the transaction has nothing to tell (a session opened). */
export function changeMessageOf(txn: Txn, namespaces: InNamespaces): ChangeMessage | null {
  const events = watchEventsOf(txn).map((event) => {
    const { type, znode } = event;
    return {
      type,
      path: znode.path,
      head: headOfEvent(type, znode.path),
      data: type === "deleted" ? "" : `,${dataText(znode.data)}`,
      tail: `,"stat":${statText(znode)}}`,
      before: namespaces.keeps(znode.path, isInstancePath) ? dataBefore(event) : undefined,
      acl: znode.acl.id === openAcl.id ? undefined : znode.acl.entries,
    };
  });
  if (events.length === 0) return null;
  const { zxid, timeMs } = txn;
  const head = headOf(zxid, timeMs, txn);
  return { zxid, head, events, text: wholeText(head, events) };
}

function headOfEvent(type: WatchEventType, path: string): string {
  return `{"type":"${type}","path":${JSON.stringify(path)}`;
}

function dataBefore(event: WatchEvent): string | undefined {
  if (event.type === "created") return undefined;
  return dataText((event.type === "changed" ? event.before : event.znode).data);
}

/** Who did it is an identity, or nobody in particular; which request it was they say, and nobody vouches for it. */
function headOf(
  zxid: number,
  timeMs: number,
  { cause, by, sessionId, traceparent }: Pick<Txn, "cause" | "by" | "sessionId" | "traceparent">,
): string {
  const who = by === null ? "" : whoText(by);
  const session = sessionId === null ? "" : `,"session":"${sessionId}"`;
  const request = traceparent === null ? "" : `,"traceparent":"${traceparent}"`;
  return `{"zxid":${zxid},"timeMs":${timeMs},"cause":"${cause}"${who}${session}${request},${eventsOpening}`;
}

let lastWho = "";
let lastWhoText = "";

/** Nearly always that of the message before. */
function whoText(by: string): string {
  if (by !== lastWho) {
    lastWhoText = `,"by":${JSON.stringify(by)}`;
    lastWho = by;
  }
  return lastWhoText;
}

/** Joined in one go, so that what the history keeps is one flat string and not the tree of its pieces. */
function wholeText(head: string, events: readonly MessageEvent[]): string {
  const pieces = [head];
  const places = new Map<Acl, number>();
  for (const event of events) {
    if (pieces.length > 1) pieces.push(",");
    pieces.push(event.head, event.data);
    if (event.before !== undefined) pieces.push(`,"before":{${event.before}}`);
    if (event.acl !== undefined) pieces.push(`,"acl":${placeOf(event.acl, places)}`);
    pieces.push(event.tail);
  }
  pieces.push("]", aclsText(places), "}");
  return pieces.join("");
}

/** Lists stand behind the events, each once, and an event says which is its own. */
function placeOf(acl: Acl, places: Map<Acl, number>): number {
  const place = places.get(acl) ?? places.size;
  places.set(acl, place);
  return place;
}

function aclsText(places: ReadonlyMap<Acl, number>): string {
  return places.size === 0 ? "" : `,"acls":[${[...places.keys()].map(textOfAcl).join(",")}]`;
}

const eventsOpening = '"events":[';

/** What is true of all events of the message: `{"zxid":…,"timeMs":…,"cause":…,` to be gone on with. */
export function factsText({ head }: ChangeMessage): string {
  return head.slice(0, -eventsOpening.length);
}

/** The message with the selected events alone, in their order; null when none is selected. */
export function selectedText(message: ChangeMessage, selection: EventSelection): string | null {
  let text = "";
  for (const event of message.events) {
    if (!selection.matches(event)) continue;
    if (text !== "") text += ",";
    text += headIn(selection.root, event) + (selection.withData ? event.data : "") + event.tail;
  }
  return text === "" ? null : `${message.head}${text}]}`;
}

/** An event as it begins for those to whom a part of the tree is all. */
function headIn(root: string, { type, path, head }: MessageEvent): string {
  if (root === rootPath) return head;
  const told = inRoot(root, path);
  if (told === undefined) throw new Error("an event is outside of the root of those who are told of it");
  return headOfEvent(type, told);
}

interface StoredMessage {
  readonly zxid: number;
  readonly timeMs: number;
  readonly cause: Cause;
  readonly by?: string;
  readonly session?: string;
  readonly traceparent?: string;
  readonly events: readonly {
    readonly type: WatchEventType;
    readonly path: string;
    readonly data?: string;
    readonly dataBase64?: string;
    readonly before?: object;
    readonly acl?: number;
    readonly stat: object;
  }[];
  readonly acls?: readonly unknown[];
}

/** A message read back from its text: its own text is again the same, byte for byte. */
export function parseChangeMessage(text: string): ChangeMessage {
  const stored = JSON.parse(text) as StoredMessage;
  const { zxid, timeMs } = stored;
  const acls = (stored.acls ?? []).map((triples) => aclOfTriples(triples) ?? forNobody);
  return {
    zxid,
    head: headOf(zxid, timeMs, {
      cause: stored.cause,
      by: stored.by ?? null,
      sessionId: stored.session ?? null,
      traceparent: stored.traceparent ?? null,
    }),
    text,
    events: stored.events.map((event) => ({
      type: event.type,
      path: event.path,
      head: headOfEvent(event.type, event.path),
      data: storedDataPiece(event),
      tail: `,"stat":${JSON.stringify(event.stat)}}`,
      before: event.before === undefined ? undefined : JSON.stringify(event.before).slice(1, -1),
      acl: event.acl === undefined ? undefined : (acls[event.acl] ?? forNobody),
    })),
  };
}

/** Where a list cannot be read. */
const forNobody: Acl = [];

function storedDataPiece(event: StoredMessage["events"][number]): string {
  if (event.data !== undefined) return `,"data":${JSON.stringify(event.data)}`;
  return event.dataBase64 === undefined ? "" : `,"dataBase64":"${event.dataBase64}"`;
}
