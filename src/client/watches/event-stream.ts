// The events of one connection to an event stream. An event that was cut off in the middle is forgotten; one that
// does not end is refused.

import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";
import { Connection } from "../calls/connection.ts";
import { ConnectionError } from "../calls/errors.ts";
import type { Transport } from "../calls/transport.ts";

export interface EventStreamRequest {
  readonly url: URL;
  readonly body?: string | undefined;
  /** Resume after this event; null to begin. */
  readonly lastEventId: string | null;
  /** A connection that brings nothing at all for this long is dead. */
  readonly silenceMsMax: number;
  /** What the server says of reconnecting, as soon as it is read. */
  readonly onRetry: (retryMs: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Characters of one event. The largest transaction fits; an endless line does not. */
const eventCharactersMax = 134_217_728;

/**
 * The events of a stream, until the server ends it.
 * @throws RequestError when the request is refused, ConnectionError when the connection fails or dies
 */
export async function* readEvents(
  transport: Transport,
  { lastEventId, onRetry, ...request }: EventStreamRequest,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (event) => arrived.push(event),
    onRetry,
    onError: refuseEndlessEvent,
    maxBufferSize: eventCharactersMax,
  });
  const connection = new Connection(transport, {
    ...request,
    mediaType: "text/event-stream",
    ...(lastEventId !== null && { headers: { "Last-Event-ID": lastEventId } }),
  });
  try {
    for await (const text of connection.text(await connection.open())) {
      // The rest of an event that was cut off stays in the parser and is forgotten with it.
      parser.feed(text);
      yield* arrived.splice(0);
    }
  } finally {
    connection.close();
  }
}

/** Fields the format does not know are skipped, as the format demands. */
function refuseEndlessEvent({ type, message }: ParseError): void {
  if (type === "max-buffer-size-exceeded") throw new ConnectionError(`An event does not end: ${message}.`);
}
