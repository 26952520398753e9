// Readers of a stream that take one byte a second out of the system's buffer, which fills, and the server's after it.

import { connect, type Socket } from "node:net";
import { requestOf } from "./socket.ts";
import { type StreamsToOpen, targetOf } from "./streams.ts";

const byteEveryMs = 1000;

export class SlowReaders {
  readonly #sockets: Socket[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  /** Resolves when each has the first byte of its answer. */
  async open(request: StreamsToOpen): Promise<void> {
    const port = Number(new URL(request.baseUrl).port);
    const indices = Array.from({ length: request.count }, (_, index) => index);
    await Promise.all(
      indices.map((index) => this.#openOne(port, requestOf({ port, target: targetOf(request, index) }))),
    );
  }

  #openOne(port: number, request: string): Promise<void> {
    return new Promise((resolve, reject) => {
      // False stops the reading, until the socket is resumed.
      const callback = () => {
        resolve();
        return false;
      };
      const socket = connect({ port, host: "127.0.0.1", onread: { buffer: Buffer.alloc(1), callback } });
      socket.once("error", reject);
      socket.write(request);
      this.#sockets.push(socket);
      this.#timers.push(setInterval(() => socket.resume(), byteEveryMs));
    });
  }

  close(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    for (const socket of this.#sockets.splice(0)) socket.resetAndDestroy();
  }
}
