// The connections of a server. There is a bound to them, beyond which only what keeps sessions alive is served; and a
// planned stop ends each in good order: one at rest at once, one that is waited on after its answer, and one whose
// request never ends when the time is up. Nobody's silence holds up a stop.

import type { IncomingMessage, Server } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

const restCheckMs = 50;

export interface ConnectionBounds {
  /** Served in full. */
  readonly connectionsMax: number;
  /** Told that they are too many. For a further one the oldest that has said nothing yet is closed. */
  readonly surplusConnectionsMax: number;
}

/** More connections than are served in full. */
export interface Crowd {
  readonly connections: number;
  /** Closed unheard since it was last said. */
  readonly turnedAway: number;
}

/** How often it is said that there are too many. */
const sayEveryMs = 10_000;

export class Connections {
  readonly #server: Server;
  readonly #connectionsMax: number;
  readonly #surplusConnectionsMax: number;
  readonly #onCrowd: (crowd: Crowd) => void;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** The addresses of what came when there were enough: under TLS a request has another socket, and the same address. */
  readonly #surplus = new Set<string>();
  /** Those of them that have sent no request yet, oldest first. */
  readonly #unheard = new Map<string, Socket>();
  #turnedAway = 0;
  #lastSaidMs = Number.NEGATIVE_INFINITY;

  /** @param onCrowd called now and then while there are more than are served in full */
  constructor(
    server: Server,
    { connectionsMax, surplusConnectionsMax }: ConnectionBounds,
    onCrowd: (crowd: Crowd) => void,
  ) {
    this.#server = server;
    this.#connectionsMax = connectionsMax;
    this.#surplusConnectionsMax = surplusConnectionsMax;
    this.#onCrowd = onCrowd;
    server.on("connection", (socket: Socket) => keepWhileOpen(this.#sockets, socket));
    server.on("session", (session: ServerHttp2Session) => keepWhileOpen(this.#sessions, session));
    server.on("connection", (socket: Socket) => this.#noteSurplus(socket));
  }

  /** Whether the request's connection is one too many, and still is: others may have gone since. */
  isSurplus({ socket }: Pick<IncomingMessage, "socket">): boolean {
    if (this.#surplus.size === 0) return false;
    const address = addressOf(socket);
    this.#unheard.delete(address);
    return this.#sockets.size > this.#connectionsMax && this.#surplus.has(address);
  }

  #noteSurplus(socket: Socket): void {
    if (this.#sockets.size <= this.#connectionsMax) return;
    const address = addressOf(socket);
    this.#surplus.add(address);
    this.#unheard.set(address, socket);
    socket.once("close", () => {
      this.#surplus.delete(address);
      this.#unheard.delete(address);
    });
    if (this.#sockets.size > this.#connectionsMax + this.#surplusConnectionsMax) this.#turnOneAway();
    this.#sayCrowd();
  }

  /** Whoever holds connections and says nothing must not keep out those who have a session to keep. */
  #turnOneAway(): void {
    const [oldest] = this.#unheard;
    if (oldest === undefined) return;
    const [address, socket] = oldest;
    this.#unheard.delete(address);
    this.#sockets.delete(socket);
    this.#turnedAway += 1;
    socket.destroy();
  }

  #sayCrowd(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastSaidMs < sayEveryMs) return;
    this.#lastSaidMs = nowMs;
    this.#onCrowd({ connections: this.#sockets.size, turnedAway: this.#turnedAway });
    this.#turnedAway = 0;
  }

  /** Begins to end them; all are gone after `withinMs`. Returns a function that says the server has closed. */
  end(withinMs: number): () => void {
    // An HTTP/2 session takes no new requests from here on, and closes after the last answer.
    for (const session of this.#sessions) session.close();
    const rest = setInterval(() => this.#closeResting(), restCheckMs);
    const timeUp = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, withinMs);
    return () => {
      clearInterval(rest);
      clearTimeout(timeUp);
    };
  }

  /** Over HTTP/1.1 a client keeps its connection after an answer: those under way at first come to rest later. */
  #closeResting(): void {
    if ("closeIdleConnections" in this.#server) this.#server.closeIdleConnections();
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function keepWhileOpen<Connection extends Socket | ServerHttp2Session>(
  open: Set<Connection>,
  connection: Connection,
): void {
  open.add(connection);
  connection.once("close", () => open.delete(connection));
}
