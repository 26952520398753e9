// A watch of znodes: what happens to them, each change once and in order, over as many connections as it takes.

import type { WatchEventType } from "../../core/watch-event.ts";
import { isTooLong } from "../calls/names.ts";
import type { Transport } from "../calls/transport.ts";
import { follow, heartbeatMsDefault, type StreamTarget, type WatchOptions } from "./follow.ts";
import { messageOf, type WatchMessage } from "./messages.ts";
import type { WatchCursor } from "./watch-progress.ts";

export interface WatchRequest extends WatchCursor {
  /** They need not exist. */
  readonly paths: readonly string[];
  /** The node itself (the default); it and its direct children; it and everything below. */
  readonly scope?: "node" | "children" | "subtree" | undefined;
  /** All types unless some are named. */
  readonly types?: readonly WatchEventType[] | undefined;
  /** False leaves the data out; the stat always comes. */
  readonly data?: boolean | undefined;
  /** End after the first change. */
  readonly once?: boolean | undefined;
  /** How often a quiet server shows that it is there; three times this long without a byte is a dead connection. */
  readonly heartbeatMs?: number | undefined;
  /** Bookmarks are told only when this is given. */
  readonly bookmarkMs?: number | undefined;
}

/** @throws RequestError when the service refuses the request, and would do so again */
export async function* watch(
  transport: Transport,
  request: WatchRequest,
  options: WatchOptions = {},
): AsyncGenerator<WatchMessage, void, undefined> {
  const { once, bookmarkMs, heartbeatMs = heartbeatMsDefault } = request;
  const followed = {
    cursor: request,
    requestOf: (cursor: WatchCursor) => requestOf(transport, request, cursor),
    heartbeatMs,
    tellsBookmarks: bookmarkMs !== undefined,
    reader: () => messageOf,
  };
  for await (const message of follow(transport, followed, options)) {
    yield message;
    options.signal?.throwIfAborted();
    if (once === true && message.type === "change") return;
  }
}

function requestOf(transport: Transport, request: WatchRequest, cursor: WatchCursor): StreamTarget {
  const { paths, scope, types, data, once, heartbeatMs = heartbeatMsDefault, bookmarkMs } = request;
  const url = transport.url("v1/watch");
  const parameters = { scope, types: types?.join(","), data, once, heartbeatMs, bookmarkMs, ...cursor };
  const query = new URLSearchParams(paths.map((path): [string, string] => ["path", path]));
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  const text = query.toString();
  if (isTooLong(text)) return { url, body: JSON.stringify({ path: paths, ...parameters }) };
  url.search = text;
  return { url };
}
