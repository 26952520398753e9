// The bytes of a stream: Server-Sent Events, one frame per message, fields in the order of API section 5. A
// frame with an `id` moves the client's resume point, so only what leaves nothing untold before it has one. An id is a
// zxid with its epoch, so that a store which never had that past knows it for what it is. Only what
// carries data is followed by a blank line: some libraries hand anything else so followed to their users as an event.

import { rootPath } from "../core/tree/path.ts";
import {
  type ChangeMessage,
  type EventSelection,
  type MessageEvent,
  selectedText,
} from "./change-message.ts";

/** Why one cannot resume after a zxid: it was forgotten, or never happened here (restored, another store). */
export type Gap = "history_trimmed" | "unknown_zxid";

export const heartbeatFrame: Uint8Array = Buffer.from(": hb\n");

const retryMsMin = 1000;
const retryMsMax = 3000;

/**
 * The first line of a stream, in the block of its first event. Reconnects spread out: clients cut off together do not
 * come back together.
 * @param chance from 0 up to 1
 */
export function retryLine(chance: number): Uint8Array {
  return Buffer.from(`retry: ${retryMsMin + Math.floor(chance * (retryMsMax - retryMsMin + 1))}\n`);
}

/** @param znodes the JSON of each znode */
export function snapshotFrame(zxid: number, znodes: readonly string[]): Uint8Array {
  return Buffer.from(`event: snapshot\ndata: {"zxid":${zxid},"znodes":[${znodes.join(",")}]}\n\n`);
}

/** The same of a service. @param instances the JSON of each instance */
export function instancesFrame(zxid: number, instances: readonly string[]): Uint8Array {
  return Buffer.from(`event: snapshot\ndata: {"zxid":${zxid},"instances":[${instances.join(",")}]}\n\n`);
}

export function syncedFrame(id: string, zxid: number): Uint8Array {
  return Buffer.from(`id: ${id}\nevent: synced\ndata: {"zxid":${zxid}}\n\n`);
}

export function changeFrame(id: string, text: string): Uint8Array {
  return Buffer.from(`id: ${id}\nevent: change\ndata: ${text}\n\n`);
}

/** Several events of one transaction: the last has the id, since only then all of it is told. */
export function eventsFrame(
  id: string,
  events: readonly { readonly name: string; readonly data: string }[],
): Uint8Array {
  const texts = events.map(({ name, data }, index) => {
    const idLine = index === events.length - 1 ? `id: ${id}\n` : "";
    return `${idLine}event: ${name}\ndata: ${data}\n\n`;
  });
  return Buffer.from(texts.join(""));
}

export function bookmarkFrame(id: string, zxid: number): Uint8Array {
  return Buffer.from(`id: ${id}\nevent: bookmark\ndata: {"zxid":${zxid}}\n\n`);
}

export function resetFrame(reason: Gap, zxid: number): Uint8Array {
  return Buffer.from(`event: reset\ndata: {"reason":"${reason}","zxid":${zxid}}\n\n`);
}

let lastReach: { readonly name: string; readonly zxid: number; readonly frame: Uint8Array } | null = null;

/** Whether the server can reach the log. All streams are told at once: nearly always it is the frame that was made before. */
export function reachFrame(name: "suspended" | "connected", zxid: number): Uint8Array {
  if (lastReach?.name !== name || lastReach.zxid !== zxid)
    lastReach = { name, zxid, frame: Buffer.from(`event: ${name}\ndata: {"zxid":${zxid}}\n\n`) };
  return lastReach.frame;
}

export function byeFrame(reason: string): Uint8Array {
  return Buffer.from(`event: bye\ndata: ${JSON.stringify({ reason })}\n\n`);
}

/** The frames of one message, made when first asked for; all who are told the whole share its bytes. */
export class MessageFrames {
  readonly message: ChangeMessage;
  readonly id: string;
  #whole: Uint8Array | null = null;
  #wholeWithoutData: Uint8Array | null = null;

  constructor(message: ChangeMessage, id: string) {
    this.message = message;
    this.id = id;
  }

  /** @param events some or all of the message's own, in its order, one at least */
  of(events: readonly MessageEvent[], { withData, root }: Words): Uint8Array {
    if (root !== rootPath || events.length < this.message.events.length)
      return frameOf(this.id, { ...this.message, events }, { withData, root });
    if (withData) {
      this.#whole ??= frameOf(this.id, this.message, { withData, root });
      return this.#whole;
    }
    this.#wholeWithoutData ??= frameOf(this.id, this.message, { withData, root });
    return this.#wholeWithoutData;
  }
}

/** How events are told, whichever they are. */
type Words = Pick<EventSelection, "withData" | "root">;

function frameOf(id: string, message: ChangeMessage, words: Words): Uint8Array {
  return changeFrame(id, selectedText(message, { matches: () => true, ...words }) as string);
}
