// Holds back what a client sends. A socket is read up to two megabytes at a turn of the event loop; where its bytes are a
// great many small things, each of which costs, everyone else would wait for them.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Turns } from "./turns.ts";

export interface InputValve {
  /** Nothing more is read until what this returns is called, once, and so for all other holds. */
  hold(): () => void;
}

/** Over HTTP/1.1 the whole connection waits, over HTTP/2 the request's own stream. */
export function inputValveOf(request: IncomingMessage): InputValve {
  if (request.httpVersionMajor > 1) return streamValve(request);
  const known = valves.get(request.socket);
  if (known !== undefined) return known;
  const valve = new SocketValve(request.socket);
  valves.set(request.socket, valve);
  return valve;
}

const valves = new WeakMap<Socket, InputValve>();

function streamValve(request: IncomingMessage): InputValve {
  return {
    hold() {
      request.pause();
      return () => request.resume();
    },
  };
}

class SocketValve implements InputValve {
  readonly #socket: Socket;
  #holds = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Whoever reads a body, or throws it away, sets its socket going again.
    socket.on("resume", () => {
      if (this.#holds > 0) socket.pause();
    });
  }

  hold(): () => void {
    this.#holds += 1;
    this.#socket.pause();
    return () => {
      this.#holds -= 1;
      if (this.#holds === 0) this.#socket.resume();
    };
  }
}

/** After so many pieces of a body, or bytes of it, no more is read from its socket until it is its turn again. */
const piecesAtOnceMax = 1000;
const bytesAtOnceMax = 65_536;

/** One body goes on in each turn of the event loop, of all there are: what is done with a piece of it others wait for. */
const turns = new Turns();

/**
 * To be called with the length of each piece of a body, so that others have their turn.
 * @param client whose body it is, as shares are told apart
 */
export function paceOf(request: IncomingMessage, client: string): (bytes: number) => void {
  const valve = inputValveOf(request);
  let [pieces, bytes] = [0, 0];
  let isHeld = false;
  return (length) => {
    pieces += 1;
    bytes += length;
    if (isHeld || (pieces < piecesAtOnceMax && bytes < bytesAtOnceMax)) return;
    const release = valve.hold();
    isHeld = true;
    turns.take(client, () => {
      [pieces, bytes] = [0, 0];
      isHeld = false;
      release();
    });
  };
}
