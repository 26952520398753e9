// The connections there are, one by one, for an operator: who they are of, since when, and what is asked on them. What is
// counted on each request is counted by whoever has to look at its connection anyway.

import type { Server } from "node:http";
import type { Socket } from "node:net";
import { noteArrival } from "./arrivals.ts";

/** What has been said on a connection so far; known from its first request on. */
export interface Spoken {
  readonly protocol: "HTTP/1.1" | "HTTP/2";
  readonly requests: number;
  /** Answers that go on for as long as the client listens. */
  readonly streams: number;
  /** Requests that wait: long polls, places in queues. */
  readonly waits: number;
  /** Who asked last, as events name them; null for nobody who is known. */
  readonly by: string | null;
  /** Whether nothing is asked on it now. */
  readonly isIdle: boolean;
}

/** How a connection is ended, as its protocol has it. */
export interface Endings {
  /** Behind what has been answered. */
  readonly soon: () => void;
  /** At once where nothing is under way; else behind it, as far as the protocol can say so by itself. */
  readonly inGoodOrder: () => void;
}

export interface ConnectionDescription extends Omit<Spoken, "protocol" | "isIdle"> {
  /** Absent before its first request. */
  readonly protocol?: Spoken["protocol"];
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly openForMs: number;
  /** The door it came in by. */
  readonly localAddress: string;
  readonly localPort: number;
}

interface Entry {
  readonly id: number;
  readonly socket: Socket;
  readonly openedMs: number;
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  spoken: Spoken | null;
  endings: Endings;
}

/** Of whom nothing was asked yet. */
const unheard: Omit<Spoken, "protocol" | "isIdle"> = { requests: 0, streams: 0, waits: 0, by: null };

export class OpenConnections {
  /** In order of their ids, which is the order they were opened in. */
  readonly #entries = new Map<number, Entry>();
  /** By where they come from: under TLS a request has another socket, and the same addresses. */
  readonly #byEnds = new Map<string, Entry>();
  #lastId = 0;
  /** Those that are to go: on HTTP/1.1 their next answers say so. */
  #leaving = new Set<Entry>();

  follow(server: Server): void {
    server.on("connection", (socket: Socket) => {
      noteArrival();
      this.#enter(socket);
    });
  }

  /** The first request on a connection has come. */
  heard(socket: Socket, spoken: Spoken, endings: Endings): void {
    const entry = this.#byEnds.get(endsOf(socket));
    if (entry === undefined) return;
    entry.spoken = spoken;
    entry.endings = endings;
  }

  /** In order of their ids; `next` is where to go on, null at the end. */
  list({ after = 0, limit }: { after?: number | undefined; limit: number }) {
    const connections: ConnectionDescription[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.id <= after) continue;
      if (connections.length === limit) return { connections, next: connections.at(-1)?.id ?? null };
      connections.push(this.#describe(entry));
    }
    return { connections, next: null };
  }

  /** Ends a connection, with whatever is under way on it; false when there is none of that id. */
  end(id: number): boolean {
    const entry = this.#entries.get(id);
    entry?.socket.destroy();
    return entry !== undefined;
  }

  /** The same of one's own, which ends behind what has been answered. */
  endSoon(id: number): void {
    this.#entries.get(id)?.endings.soon();
  }

  /** What makes each connection go that is open now; those that were to go before are left. */
  endings(): (() => void)[] {
    const leaving = new Set<Entry>();
    this.#leaving = leaving;
    return Array.from(this.#entries.values(), (entry) => () => {
      if (!this.#entries.has(entry.id)) return;
      leaving.add(entry);
      entry.endings.inGoodOrder();
    });
  }

  /** Whether the connection on which a request came is to go. */
  isLeaving(socket: Socket): boolean {
    const entry = this.#byEnds.get(endsOf(socket));
    return entry !== undefined && this.#leaving.has(entry);
  }

  /** Whether it is that on which a request came. */
  isOf(id: number, socket: Socket): boolean {
    return this.#byEnds.get(endsOf(socket))?.id === id;
  }

  #enter(socket: Socket): void {
    const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = socket;
    this.#lastId += 1;
    const entry: Entry = {
      ...{ id: this.#lastId, socket, openedMs: performance.now(), spoken: null },
      // One that has said nothing yet is told with the first answer.
      endings: { soon: () => socket.destroySoon(), inGoodOrder: () => {} },
      ...{ address: remoteAddress, port: remotePort, localAddress, localPort },
    };
    const ends = endsOf(socket);
    this.#entries.set(entry.id, entry);
    this.#byEnds.set(ends, entry);
    socket.once("close", () => {
      this.#entries.delete(entry.id);
      this.#leaving.delete(entry);
      if (this.#byEnds.get(ends) === entry) this.#byEnds.delete(ends);
    });
  }

  #describe({ id, openedMs, spoken, address, port, localAddress, localPort }: Entry): ConnectionDescription {
    const { requests, streams, waits, by } = spoken ?? unheard;
    const openForMs = Math.round(performance.now() - openedMs);
    return {
      ...{ id, address, port, localAddress, localPort, openForMs, requests, streams, waits, by },
      ...(spoken !== null && { protocol: spoken.protocol }),
    };
  }
}

/** All four: from one end a client may connect to several addresses of this machine. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
