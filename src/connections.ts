// The connections of a server, so that a planned stop ends each in good order: one at rest at once, one that is waited
// on after its answer, and one whose request never ends when the time is up. Nobody's silence holds up a stop.

import type { Server } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

const restCheckMs = 50;

export class Connections {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => keepWhileOpen(this.#sockets, socket));
    server.on("session", (session: ServerHttp2Session) => keepWhileOpen(this.#sessions, session));
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

function keepWhileOpen<Connection extends Socket | ServerHttp2Session>(
  open: Set<Connection>,
  connection: Connection,
): void {
  open.add(connection);
  connection.once("close", () => open.delete(connection));
}
