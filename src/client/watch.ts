// A watch that outlives its connections: when one is lost, another goes on after the last event that was read, so
// that each change is told once, in order, or `reset` says that it is not. It never reads ahead of its consumer.

import type { WatchEventType } from "../core/watch-event.ts";
import { Backoff } from "./backoff.ts";
import { pause } from "./clock.ts";
import { ConnectionError, RequestError } from "./errors.ts";
import { readEvents } from "./event-stream.ts";
import { messageOf, type WatchMessage } from "./messages.ts";
import type { Transport } from "./transport.ts";
import { type WatchCursor, WatchProgress } from "./watch-progress.ts";

export interface WatchRequest extends WatchCursor {
  /** They need not exist. */
  readonly paths: readonly string[];
  /** The node itself (the default); it and its direct children; it and everything below. */
  readonly scope?: "node" | "children" | "subtree";
  /** All types unless some are named. */
  readonly types?: readonly WatchEventType[];
  /** False leaves the data out; the stat always comes. */
  readonly data?: boolean;
  /** End after the first change. */
  readonly once?: boolean;
  /** How often a quiet server shows that it is there; three times this long without a byte is a dead connection. */
  readonly heartbeatMs?: number;
  /** Bookmarks are told only when this is given. */
  readonly bookmarkMs?: number;
}

export interface WatchOptions {
  /** Ends the watch at once; the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called when there is no connection, before the next attempt. */
  readonly disconnected?: (cause: Error) => void;
}

const heartbeatMsDefault = 10_000;
/** One heartbeat may be lost or late; three are not. */
const heartbeatsMissedMax = 3;

/** @throws RequestError when the service refuses the request, and would do so again */
export async function* watch(
  transport: Transport,
  request: WatchRequest,
  { signal, disconnected }: WatchOptions = {},
): AsyncGenerator<WatchMessage, void, undefined> {
  const progress = new WatchProgress(request);
  const backoff = new Backoff(transport.chance);
  while (true) {
    const url = urlOf(transport, request, progress);
    try {
      for await (const message of readMessages(transport, { url, request, progress, backoff, signal })) {
        yield message;
        signal?.throwIfAborted();
        if (request.once === true && message.type === "change") return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTemporary(error)) throw error;
      transport.failed(url);
      disconnected?.(error);
      const interrupted = progress.interrupt();
      if (interrupted !== null) yield interrupted;
      const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : 0;
      await pause(transport.clock, backoff.nextDelayMs(retryAfterMs), signal);
    }
  }
}

interface Attempt {
  readonly url: URL;
  readonly request: WatchRequest;
  readonly progress: WatchProgress;
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
}

/** The messages of one connection that its consumer has not seen. It always ends with an error. */
async function* readMessages(
  transport: Transport,
  { url, request, progress, backoff, signal }: Attempt,
): AsyncGenerator<WatchMessage, never, undefined> {
  const events = readEvents(transport, {
    url,
    lastEventId: progress.lastEventId,
    silenceMsMax: heartbeatsMissedMax * (request.heartbeatMs ?? heartbeatMsDefault),
    onRetry: (retryMs) => backoff.serverAsked(retryMs),
    signal,
  });
  for await (const event of events) {
    const message = messageOf(event);
    if (message === null) continue;
    if (message.type === "bye") throw new ConnectionError(`The server ended the stream: ${message.reason}.`);
    backoff.succeeded();
    const isNews = progress.advance(message, event.id);
    if (isNews && (message.type !== "bookmark" || request.bookmarkMs !== undefined)) yield message;
  }
  throw new ConnectionError("The server ended the stream.");
}

function urlOf(transport: Transport, request: WatchRequest, progress: WatchProgress): URL {
  const { paths, scope, types, data, once, heartbeatMs = heartbeatMsDefault, bookmarkMs } = request;
  const url = transport.url("v1/watch");
  const parameters = { scope, types, data, once, heartbeatMs, bookmarkMs, ...progress.cursor };
  for (const path of paths) url.searchParams.append("path", path);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

function isTemporary(error: unknown): error is ConnectionError | RequestError {
  return error instanceof ConnectionError || (error instanceof RequestError && error.isTemporary);
}
