// Whole requests on a few connections, as fast as they are answered: each is meant to cost the service more than its sender.
// A connection that the service closes is opened anew.

import type { Socket } from "node:net";
import { type Assault, connected, connectHostile, readStatuses, Tally, type Target } from "./assault.ts";

export interface VolleyKind {
  readonly connections: number;
  /** Requests on each connection in one burst, sent together. */
  readonly together: number;
  /** The request of this number, whole. */
  readonly request: (number: number) => Buffer;
}

/** A request that is never answered must not end the attack. */
const answerWithinMs = 5000;

export class Volley implements Assault {
  readonly tally = new Tally();
  readonly #target: Target;
  readonly #kind: VolleyKind;
  readonly #shots: Shots[] = [];
  #number = 0;

  constructor(target: Target, kind: VolleyKind) {
    this.#target = target;
    this.#kind = kind;
  }

  get isInPlace(): boolean {
    return Object.keys(this.tally.statuses).length > 0;
  }

  async burst(): Promise<number> {
    const { connections } = this.#kind;
    const sent = await Promise.all(Array.from({ length: connections }, (_, index) => this.#shoot(index)));
    return sent.reduce((sum, bytes) => sum + bytes);
  }

  async #shoot(index: number): Promise<number> {
    const requests: Buffer[] = [];
    while (requests.length < this.#kind.together) {
      requests.push(this.#kind.request(this.#number));
      this.#number += 1;
    }
    const bytes = Buffer.concat(requests);
    const shots = await this.#connectionAt(index);
    await shots.send(bytes, requests.length);
    return bytes.length;
  }

  async #connectionAt(index: number): Promise<Shots> {
    const open = this.#shots[index];
    if (open !== undefined && !open.socket.destroyed) return open;
    if (open !== undefined) this.tally.closed += 1;
    const socket = connectHostile(this.#target.baseUrl, { noDelay: true });
    const shots = new Shots(socket, this.tally);
    this.#shots[index] = shots;
    this.tally.connections += 1;
    await connected(socket);
    return shots;
  }

  end(): void {
    for (const { socket } of this.#shots) socket.resetAndDestroy();
  }
}

/** Requests on one connection, and how many of them have yet to be answered. */
class Shots {
  readonly socket: Socket;
  #unanswered = 0;
  #done = () => {};

  constructor(socket: Socket, tally: Tally) {
    this.socket = socket;
    readStatuses(socket, (status) => {
      tally.count(status);
      this.#unanswered -= 1;
      if (this.#unanswered <= 0) this.#done();
    });
    socket.once("close", () => this.#done());
  }

  /** Resolves when all are answered, or never will be. */
  async send(bytes: Buffer, count: number): Promise<void> {
    if (this.socket.destroyed) return;
    this.#unanswered = count;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, answerWithinMs);
      this.#done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.socket.write(bytes);
    });
  }
}
