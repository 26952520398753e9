// Streams of HTTP/2 that are taken back with what they came with never become requests. Node makes a request and an answer of
// each stream as soon as it has read its head, and destroys both when it reads that nobody waits any more: for a client
// that does nothing else, that was most of what it cost.

import type { Server } from "node:http";
import type { Http2Session, ServerHttp2Stream } from "node:http2";

type Handler = (stream: ServerHttp2Stream, ...head: unknown[]) => void;

/**
 * Requests of HTTP/2 begin once all is read that came with them. Call for a server with TLS, before it listens.
 * @param onTakenBack called for each that was taken back by then
 */
export function passOverTakenBack(
  server: Server,
  onTakenBack: (session: Http2Session | undefined) => void,
): void {
  // Node's own, which makes requests of streams.
  const [handle] = server.listeners("stream") as [Handler];
  server.off("stream", handle);
  let waiting: (() => void)[] = [];
  const beginAll = () => {
    const begins = waiting;
    waiting = [];
    for (const begin of begins) begin();
  };
  server.on("stream", (stream: ServerHttp2Stream, ...head: unknown[]) => {
    // By a fault of its client it may fail before anybody else listens.
    stream.once("error", ignore);
    if (waiting.length === 0) setImmediate(beginAll);
    const { session } = stream;
    waiting.push(() => {
      if (stream.closed) {
        onTakenBack(session);
        return;
      }
      stream.off("error", ignore);
      const { readableEnded } = stream;
      handle(stream, ...head);
      // Of an empty body, which came with the head: nobody listened yet.
      if (readableEnded) stream.emit("end");
    });
  });
}

function ignore(): void {}
