// One stream as cheaply as it can be read: a bare socket that looks for the ends of frames and for the first letter of
// what kind they are. It must not parse: ten thousand of these share one core, and what they cost is not to be measured.

import { connect, type Socket } from "node:net";

/** A frame stands in `bytes` from `start` up to `end`; only until the callback returns. */
export interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export interface StreamListener {
  synced(frame: Frame): void;
  change(frame: Frame): void;
  /** It ended, or was never answered as a stream. */
  lost(error: Error): void;
}

export interface StreamTarget {
  readonly port: number;
  readonly target: string;
  readonly lastEventId?: number;
  /** Whole lines, each with its end. */
  readonly headers?: string;
}

/** One for all sockets: what was read is looked at before the next socket is read from. */
const readBuffer = Buffer.allocUnsafe(64 * 1024);

const frameEnd = Buffer.from("\n\n");
const eventField = Buffer.from("event: ");
const okStatus = "HTTP/1.1 200 ";

export class WatchSocket {
  readonly #socket: Socket;
  readonly #listener: StreamListener;
  #isAnswered = false;
  /** What came of a frame that is not whole yet. */
  #rest: Buffer | null = null;

  constructor(stream: StreamTarget, listener: StreamListener) {
    this.#listener = listener;
    const onread = { buffer: readBuffer, callback: (length: number) => this.#read(length) };
    this.#socket = connect({ port: stream.port, host: "127.0.0.1", noDelay: true, onread });
    this.#socket.once("error", (error) => this.#lost(error));
    this.#socket.once("close", () => this.#lost(new Error("A stream was cut off.")));
    this.#socket.write(requestOf(stream));
  }

  /** With a reset, so that no port is left waiting. The listener hears nothing of it. */
  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.resetAndDestroy();
  }

  #lost(error: Error): void {
    this.close();
    this.#listener.lost(error);
  }

  #read(length: number): boolean {
    const bytes = this.#withRest(length);
    if (!this.#isAnswered) this.#checkAnswer(bytes);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(frameEnd, start);
      if (end < 0) break;
      this.#tell({ bytes, start, end });
      start = end + frameEnd.length;
    }
    // After the last frame comes the end of its HTTP chunk, which is nothing to keep.
    const isWhole = bytes.length - start <= 2;
    this.#rest = isWhole ? null : Buffer.from(bytes.subarray(start));
    return true;
  }

  #withRest(length: number): Buffer {
    const bytes = readBuffer.subarray(0, length);
    return this.#rest === null ? bytes : Buffer.concat([this.#rest, bytes]);
  }

  #checkAnswer(bytes: Buffer): void {
    this.#isAnswered = true;
    if (bytes.toString("latin1", 0, okStatus.length) === okStatus) return;
    this.#lost(new Error(`A stream was refused: ${bytes.toString("latin1", 0, 500)}`));
  }

  #tell(frame: Frame): void {
    const kindAt = frame.bytes.indexOf(eventField, frame.start) + eventField.length;
    if (kindAt < frame.start + eventField.length || kindAt >= frame.end) return;
    const kind = frame.bytes.toString("latin1", kindAt, kindAt + 6);
    if (kind === "change") this.#listener.change(frame);
    else if (kind === "synced") this.#listener.synced(frame);
  }
}

export function requestOf({ port, target, lastEventId, headers = "" }: StreamTarget): string {
  const resume = lastEventId === undefined ? "" : `Last-Event-ID: ${lastEventId}\r\n`;
  return `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n${headers}${resume}\r\n`;
}
