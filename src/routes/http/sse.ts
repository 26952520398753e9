// A Server-Sent Events response: its headers, sent before the first event, and the sink its stream writes to.
// It knows nothing of what is sent.

import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { retryLine } from "../../told/frames.ts";
import type { Sink } from "../../told/sink.ts";
import { browserHeaders } from "./browser-headers.ts";
import { isGone } from "./gone.ts";
import { countStreamBegun } from "./request-counts.ts";
import { ChunkSink } from "./shared-chunks.ts";
import { type DatedStore, streamHeadOf } from "./staleness.ts";

/** What proxies must not do with a stream: keep it, change it, or hold it back to fill a buffer. */
const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
  // A ticket may stand in the URL.
  "Referrer-Policy": "no-referrer",
  ...browserHeaders,
};

/** Whether the client says that it reads event streams, as an EventSource does; curl's own "any" does not. */
export function acceptsEventStream(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes("text/event-stream") ?? false;
}

class ResponseSink implements Sink {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  write(frame: Uint8Array): boolean {
    return this.#response.write(frame);
  }

  end(): void {
    this.#response.end();
  }

  abort(): void {
    this.#response.destroy();
  }

  onDrain(listener: () => void): void {
    this.#response.on("drain", listener);
  }
}

/** A sink that says when it can take more. */
export type StreamSink = ResponseSink | ChunkSink;

/** Takes the reply over and sends its head, with the headers hooks have set so far, and when to come back. */
export function beginEventStream(reply: FastifyReply, store: DatedStore): StreamSink {
  const sink = beginResponse(reply, streamHeadOf(store));
  sink.write(retryLine(Math.random()));
  return sink;
}

function beginResponse(reply: FastifyReply, headers: Readonly<Record<string, string>>): StreamSink {
  reply.hijack();
  countStreamBegun(reply);
  reply.request.spans?.answered(200);
  const response = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(200, { ...streamHeaders, ...headers });
  const { socket } = response;
  // One that is pipelined behind another response has no socket yet; over HTTP/2 there are no chunks.
  if (response.chunkedEncoding !== true || socket === null) return new ResponseSink(response);
  response.flushHeaders();
  return new ChunkSink(response, socket);
}

/** A stream as its response drives it. */
export interface ResponseReader {
  drained(): void;
  closed(): void;
}

/** Tells the stream when its response can take more, and when the client is gone. */
export function connectReader(response: ServerResponse, sink: StreamSink, reader: ResponseReader): void {
  sink.onDrain(() => reader.drained());
  response.on("close", () => reader.closed());
  // A write may meet a connection that was just lost; nothing is owed to it but to stop.
  response.on("error", () => reader.closed());
  if (isGone(response)) reader.closed();
}
