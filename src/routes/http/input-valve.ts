// Holds back what a client sends. A socket is read up to two megabytes at a turn of the event loop; where its bytes are a
// great many small things, each of which costs, everyone else would wait for them.

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Turns } from "./turns.ts";

export interface InputValve {
  /** Nothing more is read until what this returns is called, once, and so for all other holds. */
  hold(): () => void;
}

/** Over HTTP/1.1 the whole connection waits, over HTTP/2 the request's own stream. */
export function inputValveOf(request: IncomingMessage): InputValve {
  const held = request.httpVersionMajor > 1 ? request : request.socket;
  const known = valves.get(held);
  if (known !== undefined) return known;
  const valve = new Valve(held);
  valves.set(held, valve);
  return valve;
}

const valves = new WeakMap<Readable, InputValve>();

class Valve implements InputValve {
  readonly #input: Readable;
  #holds = 0;

  constructor(input: Readable) {
    this.#input = input;
    // Whoever reads a body, or throws it away, sets it going again.
    input.on("resume", () => {
      if (this.#holds === 0) return;
      // Where it was held again before this was told, it counts as paused, and whoever reads its socket is told so anew.
      if (input.readableFlowing === false) input.emit("pause");
      else input.pause();
    });
  }

  hold(): () => void {
    this.#holds += 1;
    this.#input.pause();
    return () => {
      this.#holds -= 1;
      if (this.#holds === 0) this.#input.resume();
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
