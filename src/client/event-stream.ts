// One connection to an event stream, from the request to its end. It is read only as fast as its events are taken,
// so that a slow consumer holds up the server and not this process's memory; it never connects twice.

import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";
import { ConnectionError, contentTypeOf, requestErrorOf } from "./errors.ts";
import type { Transport } from "./transport.ts";

export interface EventStreamRequest {
  readonly url: URL;
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
  request: EventStreamRequest,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const connection = new Connection(transport, request);
  try {
    yield* connection.events(await connection.open());
  } finally {
    connection.close();
  }
}

class Connection {
  readonly #transport: Transport;
  readonly #request: EventStreamRequest;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#request.signal?.reason);

  constructor(transport: Transport, request: EventStreamRequest) {
    this.#transport = transport;
    this.#request = request;
    request.signal?.throwIfAborted();
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  async open(): Promise<Response> {
    const { url, lastEventId } = this.#request;
    const { signal } = this.#controller;
    const headers = {
      Accept: "text/event-stream",
      ...(lastEventId !== null && { "Last-Event-ID": lastEventId }),
    };
    const response = await this.#arrival(() =>
      this.#transport.fetch(url, { headers, signal, cache: "no-store" }),
    );
    if (!response.ok || contentTypeOf(response) !== "text/event-stream") {
      throw await this.#arrival(() => requestErrorOf(response));
    }
    return response;
  }

  async *events(response: Response): AsyncGenerator<EventSourceMessage, void, undefined> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const arrived: EventSourceMessage[] = [];
    const parser = createParser({
      onEvent: (event) => arrived.push(event),
      onRetry: this.#request.onRetry,
      onError: refuseEndlessEvent,
      maxBufferSize: eventCharactersMax,
    });
    while (true) {
      const { done, value } = await this.#arrival(() => reader.read());
      if (done) return;
      // The rest of an event that was cut off stays in the parser and is forgotten with it.
      parser.feed(decoder.decode(value, { stream: true }));
      yield* arrived.splice(0);
    }
  }

  /** Waits for the network, but not for ever. Between two waits no time is counted: that is the consumer's. */
  async #arrival<T>(wait: () => Promise<T>): Promise<T> {
    const { silenceMsMax } = this.#request;
    const cancel = this.#transport.clock.setTimer(silenceMsMax, () => {
      this.#controller.abort(new ConnectionError(`The connection was silent for ${silenceMsMax} ms.`));
    });
    try {
      return await wait();
    } catch (error) {
      if (error instanceof ConnectionError) throw error;
      throw new ConnectionError("The connection failed.", { cause: error });
    } finally {
      cancel();
    }
  }

  /** Leaves no socket, no timer and no listener; closing twice does no harm. */
  close(): void {
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}

/** Fields the format does not know are skipped, as the format demands. */
function refuseEndlessEvent({ type, message }: ParseError): void {
  if (type === "max-buffer-size-exceeded") throw new ConnectionError(`An event does not end: ${message}.`);
}
