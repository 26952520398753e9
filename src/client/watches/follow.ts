// A stream of changes that outlives its connections: when one is lost, another goes on after the last event that was
// read, so that each change is told once, in order, or `reset` says that it is not. It never reads ahead of its
// consumer, and knows nothing of what the changes are.

import type { EventSourceMessage } from "eventsource-parser";
import { Backoff } from "../calls/backoff.ts";
import { pause } from "../calls/clock.ts";
import { ConnectionError, RequestError } from "../calls/errors.ts";
import type { Transport } from "../calls/transport.ts";
import { readEvents } from "./event-stream.ts";
import type { ByeMessage, ResetMessage } from "./messages.ts";
import { type Told, type WatchCursor, WatchProgress } from "./watch-progress.ts";

export interface WatchOptions {
  /** Ends the watch at once; the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called when there is no connection, before the next attempt. */
  readonly disconnected?: ((cause: Error) => void) | undefined;
  /**
   * Called when the server says that it cannot reach its log, and no other was given to go to: what happens from here on is
   * told late, and nothing is left out.
   */
  readonly suspended?: (() => void) | undefined;
  /** Called when it can again. */
  readonly connected?: (() => void) | undefined;
}

export interface StreamTarget {
  readonly url: URL;
  /** JSON that is posted, where the URL would be too long. */
  readonly body?: string;
}

/** A stream as it is asked for and read. */
export interface Followed<Message extends Told> {
  readonly cursor: WatchCursor;
  /** Where a connection that begins so goes, and what it says there. */
  readonly requestOf: (cursor: WatchCursor) => StreamTarget;
  readonly heartbeatMs: number;
  readonly tellsBookmarks: boolean;
  /** Makes what reads the events of one connection: null for one that says nothing, or nothing yet. */
  readonly reader: () => (event: EventSourceMessage) => Message | ByeMessage | null;
}

/** How often a quiet server shows that it is there, unless another interval is asked for. */
export const heartbeatMsDefault = 10_000;
/** One heartbeat may be lost or late; three are not. */
const heartbeatsMissedMax = 3;

/** @throws RequestError when the service refuses the request, and would do so again */
export async function* follow<Message extends Told>(
  transport: Transport,
  followed: Followed<Message>,
  options: WatchOptions,
): AsyncGenerator<Message | ResetMessage, never, undefined> {
  const { signal, disconnected } = options;
  const progress = new WatchProgress(followed.cursor);
  const backoff = new Backoff(transport.chance, { others: transport.endpointCount - 1 });
  while (true) {
    const target = followed.requestOf(progress.cursor);
    try {
      for await (const message of readMessages(transport, { target, followed, progress, backoff, options })) {
        yield message;
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTemporary(error)) throw error;
      transport.failed(target.url);
      disconnected?.(error);
      const interrupted = progress.interrupt();
      if (interrupted !== null) yield interrupted;
      const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : 0;
      await pause(transport.clock, backoff.nextDelayMs(retryAfterMs), signal);
    }
  }
}

interface Attempt<Message extends Told> {
  readonly target: StreamTarget;
  readonly followed: Followed<Message>;
  readonly progress: WatchProgress;
  readonly backoff: Backoff;
  readonly options: WatchOptions;
}

/** The messages of one connection that its consumer has not seen. It always ends with an error. */
async function* readMessages<Message extends Told>(
  transport: Transport,
  { target, followed, progress, backoff, options }: Attempt<Message>,
): AsyncGenerator<Message, never, undefined> {
  const events = readEvents(transport, {
    ...target,
    lastEventId: progress.lastEventId,
    silenceMsMax: heartbeatsMissedMax * followed.heartbeatMs,
    onRetry: (retryMs) => backoff.serverAsked(retryMs),
    signal: options.signal,
  });
  const messageOf = followed.reader();
  for await (const event of events) {
    heedReach(transport, target.url, event, options);
    const message = messageOf(event);
    if (message === null) continue;
    if (isBye(message)) throw ended(message);
    backoff.succeeded();
    if (message.type === "reset" && message.reason === "unknown_zxid") transport.seen.restart(message.zxid);
    else transport.seen.note(message.zxid);
    const isNews = progress.advance(message, event.id);
    if (isNews && (message.type !== "bookmark" || followed.tellsBookmarks)) yield message;
  }
  throw new ConnectionError("The server ended the stream.");
}

/** @throws ConnectionError where its server cannot reach the log and another may */
function heedReach(
  { endpointCount }: Transport,
  { origin }: URL,
  { event }: EventSourceMessage,
  { suspended, connected }: WatchOptions,
): void {
  if (event === "connected") connected?.();
  if (event !== "suspended") return;
  if (endpointCount > 1) throw new ConnectionError(`${origin} cannot reach its log.`);
  suspended?.();
}

/**
 * Of one whose rights have changed the reader is told, as of any other. Whether there are any left, and whether the token
 * is still one, the next connection tells: with the token that is given then it goes on, or is refused for good.
 */
function ended({ reason }: ByeMessage): ConnectionError {
  const detail = reason === "unauthorised" ? ", since what its token may do has changed or ended" : "";
  return new ConnectionError(`The server ended the stream: ${reason}${detail}.`);
}

function isBye(message: Told | ByeMessage): message is ByeMessage {
  return message.type === "bye";
}

function isTemporary(error: unknown): error is ConnectionError | RequestError {
  return error instanceof ConnectionError || (error instanceof RequestError && error.isTemporary);
}
