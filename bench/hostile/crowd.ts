// Many connections that are held: each says a little and then next to nothing, or is read from as good as not at all. One
// that the service closes is opened anew.

import type { Socket } from "node:net";
import { type Assault, connected, connectHostile, readStatuses, Tally, type Target } from "./assault.ts";

export interface CrowdKind {
  readonly size: number;
  /** What each says at once. */
  readonly first: string;
  /** What it does from then on: a byte each second, nothing, or nothing with its side closed. */
  readonly afterwards: "drip" | "silence" | "end";
  /** Whether it takes what it is sent, or a byte of it each second. */
  readonly reads: "all" | "drip";
}

const openedAtOnce = 50;
const drippedAtOnce = 100;
const dripEveryMs = 1000;
const drop = "a";

export class Crowd implements Assault {
  readonly tally = new Tally();
  readonly #target: Target;
  readonly #kind: CrowdKind;
  readonly #sockets = new Set<Socket>();
  /** Those that have yet to get their byte this second. */
  #due: Socket[] = [];
  #dripMs = 0;

  constructor(target: Target, kind: CrowdKind) {
    this.#target = target;
    this.#kind = { ...kind, size: Math.min(kind.size, target.connectionsMax) };
  }

  /** Those that have closed their side do not stay: the service closes its own. */
  get isInPlace(): boolean {
    const { size, afterwards } = this.#kind;
    this.tally.held = Math.max(this.tally.held, this.#sockets.size);
    return (afterwards === "end" ? this.tally.connections : this.#sockets.size) >= size;
  }

  async burst(): Promise<number> {
    const missing = Math.min(openedAtOnce, this.#kind.size - this.#sockets.size);
    await Promise.all(Array.from({ length: missing }, () => this.#open()));
    return missing * this.#kind.first.length + this.#drip();
  }

  async #open(): Promise<void> {
    const { first, afterwards, reads } = this.#kind;
    // False stops the reading, until the socket is resumed.
    const onread = { buffer: Buffer.alloc(1), callback: () => false };
    const socket = connectHostile(this.#target.baseUrl, {
      allowHalfOpen: true,
      ...(reads === "drip" && { onread }),
    });
    if (reads === "all") readStatuses(socket, (status) => this.tally.count(status));
    socket.once("end", () => socket.destroy());
    socket.once("close", () => {
      if (this.#sockets.delete(socket)) this.tally.closed += 1;
    });
    await connected(socket);
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    this.tally.connections += 1;
    if (first !== "") socket.write(first);
    if (afterwards === "end") socket.end();
  }

  #drip(): number {
    const { afterwards, reads } = this.#kind;
    if (afterwards !== "drip" && reads !== "drip") return 0;
    if (this.#due.length === 0 && performance.now() - this.#dripMs >= dripEveryMs) {
      this.#dripMs = performance.now();
      this.#due = [...this.#sockets];
    }
    const some = this.#due.splice(0, drippedAtOnce);
    for (const socket of some) {
      if (reads === "drip") socket.resume();
      if (afterwards === "drip") socket.write(drop);
    }
    return some.length;
  }

  end(): void {
    const sockets = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of sockets) socket.resetAndDestroy();
  }
}
