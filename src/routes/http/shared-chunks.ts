// Frames as HTTP/1.1 sends them: each a chunk of its own. Thousands of streams are sent the same frame, so its chunk is
// put together once and goes to each socket in one piece, where a response would write the parts of it one by one.

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Sink } from "../../told/sink.ts";

/** The last frame anybody sent, and its chunk: whoever is sent the same is sent it next. */
let lastFrame: Uint8Array | null = null;
let lastChunk: Buffer = Buffer.alloc(0);

function chunkOf(frame: Uint8Array): Buffer {
  if (frame !== lastFrame) {
    lastFrame = frame;
    lastChunk = Buffer.concat([Buffer.from(`${frame.byteLength.toString(16)}\r\n`), frame, lineEnd]);
  }
  return lastChunk;
}

const lineEnd = Buffer.from("\r\n");

/** A response whose head is sent, whose body is chunked, and whose connection is its own until it ends. */
export class ChunkSink implements Sink {
  readonly #response: ServerResponse;
  readonly #socket: Socket;

  constructor(response: ServerResponse, socket: Socket) {
    this.#response = response;
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(frame: Uint8Array): boolean {
    return this.#socket.write(chunkOf(frame));
  }

  /** The response writes the chunk that is the last. */
  end(): void {
    this.#response.end();
  }

  abort(): void {
    this.#response.destroy();
  }

  onDrain(listener: () => void): void {
    this.#socket.on("drain", listener);
    this.#response.on("close", () => this.#socket.off("drain", listener));
  }
}
