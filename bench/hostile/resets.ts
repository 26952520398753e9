// Streams of HTTP/2 that are opened and taken back at once, again and again: the service has begun a request that nobody
// waits for. It ends such a session, and there is a new one.

import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import {
  connectFrames,
  endHeaders,
  endStream,
  field,
  frame,
  frameTypes,
  requestHead,
} from "../../test/support/http2-frames.ts";
import { type Assault, hostileAddress, hostilePath, Tally, type Target } from "./assault.ts";

const streamsPerBurst = 50;
const cancel = [0, 0, 0, 8];

export class Resets implements Assault {
  readonly tally = new Tally();
  readonly #target: Target;
  readonly #head: Buffer;
  #socket: TLSSocket | null = null;
  #stream = 1;

  constructor(target: Target) {
    this.#target = target;
    this.#head = Buffer.concat([
      requestHead("GET", `/v1/znodes${hostilePath}`),
      field("authorization", target.guest),
    ]);
  }

  get isInPlace(): boolean {
    return this.tally.closed > 0;
  }

  async burst(): Promise<number> {
    const socket = this.#socket ?? (await this.#connect().catch(() => null));
    if (socket === null) return 0;
    const frames = Buffer.concat(Array.from({ length: streamsPerBurst }, () => this.#openAndReset()));
    if (!socket.write(frames) && !socket.destroyed)
      await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => {});
    return frames.length;
  }

  async #connect(): Promise<TLSSocket> {
    const socket = await connectFrames(this.#target.baseUrl, hostileAddress);
    socket.resume();
    this.#socket = socket;
    this.#stream = 1;
    this.tally.connections += 1;
    socket.once("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.tally.closed += 1;
    });
    return socket;
  }

  #openAndReset(): Buffer {
    const stream = this.#stream;
    this.#stream += 2;
    return Buffer.concat([
      frame(frameTypes.headers, endStream | endHeaders, stream, this.#head),
      frame(frameTypes.rstStream, 0, stream, cancel),
    ]);
  }

  end(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }
}
