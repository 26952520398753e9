// The connections of a server. There is a bound to them, and to those of one client, beyond which only what keeps sessions
// alive is served; and a planned stop ends each in good order: one at rest at once, one that is waited on after its
// answer, and one whose request never ends when the time is up. Nobody's silence holds up a stop.

import type { IncomingMessage, Server } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

const restCheckMs = 50;

export interface ConnectionBounds {
  /** Served in full. */
  readonly connectionsMax: number;
  /** Of these, one client's. */
  readonly connectionsPerClientMax: number;
  /** Told that they are too many. For a further one the oldest that has said nothing yet is closed. */
  readonly surplusConnectionsMax: number;
}

/** The bound that a connection is beyond. */
export interface SurplusBound {
  readonly limit: "connectionsMax" | "connectionsPerClientMax";
  readonly limitValue: number;
}

/** More connections than are served in full. */
export interface Crowd {
  readonly connections: number;
  /** Who has more than one client's share of them. */
  readonly client?: string;
  /** Closed unheard since it was last said. */
  readonly turnedAway: number;
}

/** How often it is said that there are too many. */
const sayEveryMs = 10_000;

/** Totals count since the start. */
export interface ConnectionsStats {
  readonly open: number;
  readonly openMax: number;
  /** Of these, those that came beyond a bound, and on which sessions alone are kept and closed. */
  readonly surplus: number;
  /** HTTP/2 sessions among them. */
  readonly http2Sessions: number;
  /** Closed unheard. */
  readonly turnedAwayTotal: number;
  /** Who has any, as clients are counted. */
  readonly clients: number;
}

/** Whose a connection from an address is, and whether it is many clients'. */
export interface ConnectionOwners {
  readonly clientAt: (address: string | undefined) => string;
  readonly isMany: (address: string | undefined) => boolean;
}

interface ClientConnections {
  readonly client: string;
  /** Of a proxy: they are many clients', and no one client's share of anything. */
  readonly isMany: boolean;
  count: number;
  /** Those beyond its share that have sent no request yet, oldest first, by their addresses. */
  readonly unheard: Map<string, Socket>;
}

export class Connections {
  readonly #server: Server;
  readonly #bounds: ConnectionBounds;
  readonly #owners: ConnectionOwners;
  readonly #onCrowd: (crowd: Crowd) => void;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #clients = new Map<string, ClientConnections>();
  readonly #clientOf = new Map<Socket, ClientConnections>();
  /**
   * Whose it is that came when there were enough, by its address: under TLS a request has another socket, and the same
   * address.
   */
  readonly #surplus = new Map<string, ClientConnections>();
  /** Those of them that have sent no request yet, oldest first. */
  readonly #unheard = new Map<string, Socket>();
  #turnedAway = 0;
  #turnedAwayTotal = 0;
  #lastSaidMs = Number.NEGATIVE_INFINITY;

  /**
   * @param owners whose a connection is
   * @param onCrowd called now and then while there are more than are served in full
   */
  constructor(
    server: Server,
    bounds: ConnectionBounds,
    owners: ConnectionOwners,
    onCrowd: (crowd: Crowd) => void,
  ) {
    this.#server = server;
    this.#bounds = bounds;
    this.#owners = owners;
    this.#onCrowd = onCrowd;
    server.on("connection", (socket: Socket) => keepWhileOpen(this.#sockets, socket));
    server.on("session", (session: ServerHttp2Session) => keepWhileOpen(this.#sessions, session));
    server.on("connection", (socket: Socket) => this.#noteSurplus(socket, this.#enter(socket)));
  }

  /** The bound that the request's connection came beyond, if it still is: others may have gone since. */
  surplusOf({ socket }: Pick<IncomingMessage, "socket">): SurplusBound | null {
    if (this.#surplus.size === 0) return null;
    const address = addressOf(socket);
    const connections = this.#surplus.get(address);
    if (connections === undefined) return null;
    this.#unheard.delete(address);
    connections.unheard.delete(address);
    const { connectionsMax, connectionsPerClientMax } = this.#bounds;
    if (this.#sockets.size > connectionsMax) return { limit: "connectionsMax", limitValue: connectionsMax };
    if (!isBeyondShare(connections, connectionsPerClientMax)) return null;
    return { limit: "connectionsPerClientMax", limitValue: connectionsPerClientMax };
  }

  stats(): ConnectionsStats {
    return {
      ...{ open: this.#sockets.size, openMax: this.#bounds.connectionsMax, surplus: this.#surplus.size },
      ...{ http2Sessions: this.#sessions.size, turnedAwayTotal: this.#turnedAwayTotal },
      clients: this.#clients.size,
    };
  }

  #enter(socket: Socket): ClientConnections {
    const { remoteAddress } = socket;
    const isMany = this.#owners.isMany(remoteAddress);
    const client = isMany ? `proxy ${remoteAddress}` : this.#owners.clientAt(remoteAddress);
    const connections = this.#clients.get(client) ?? { client, isMany, count: 0, unheard: new Map() };
    this.#clients.set(client, connections);
    connections.count += 1;
    this.#clientOf.set(socket, connections);
    socket.once("close", () => this.#leave(socket));
    return connections;
  }

  #leave(socket: Socket): void {
    const connections = this.#clientOf.get(socket);
    if (connections === undefined) return;
    this.#clientOf.delete(socket);
    connections.count -= 1;
    if (connections.count === 0) this.#clients.delete(connections.client);
  }

  #noteSurplus(socket: Socket, connections: ClientConnections): void {
    const { connectionsMax, connectionsPerClientMax, surplusConnectionsMax } = this.#bounds;
    const isBeyond = isBeyondShare(connections, connectionsPerClientMax);
    if (this.#sockets.size <= connectionsMax && !isBeyond) return;
    const address = addressOf(socket);
    this.#surplus.set(address, connections);
    this.#unheard.set(address, socket);
    if (isBeyond) connections.unheard.set(address, socket);
    socket.once("close", () => {
      this.#surplus.delete(address);
      this.#forgetUnheard(address, connections);
    });
    // One client must not take what is there for the others, be it for being told that it has enough.
    if (isBeyondShare(connections, connectionsPerClientMax + this.#surplusPerClientMax))
      this.#turnOneAway(connections.unheard);
    else if (this.#sockets.size > connectionsMax + surplusConnectionsMax) this.#turnOneAway(this.#unheard);
    this.#sayCrowd(isBeyond ? connections.client : undefined);
  }

  get #surplusPerClientMax(): number {
    return Math.min(this.#bounds.surplusConnectionsMax, this.#bounds.connectionsPerClientMax);
  }

  /** Whoever holds connections and says nothing must not keep out those who have a session to keep. */
  #turnOneAway(unheard: ReadonlyMap<string, Socket>): void {
    const [oldest] = unheard;
    if (oldest === undefined) return;
    const [address, socket] = oldest;
    this.#forgetUnheard(address, this.#clientOf.get(socket));
    this.#leave(socket);
    this.#sockets.delete(socket);
    this.#turnedAway += 1;
    this.#turnedAwayTotal += 1;
    socket.destroy();
  }

  #forgetUnheard(address: string, connections: ClientConnections | undefined): void {
    this.#unheard.delete(address);
    connections?.unheard.delete(address);
  }

  #sayCrowd(client: string | undefined): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastSaidMs < sayEveryMs) return;
    this.#lastSaidMs = nowMs;
    const crowd = { connections: this.#sockets.size, turnedAway: this.#turnedAway };
    this.#onCrowd({ ...crowd, ...(client !== undefined && { client }) });
    this.#turnedAway = 0;
  }

  /**
   * Begins to end them; all are gone after `withinMs`, but those that are spared for somebody else to end. Returns a function
   * that says the server has closed.
   */
  end(withinMs: number, isSpared: (end: ConnectionEnd) => boolean = () => false): () => void {
    // An HTTP/2 session takes no new requests from here on, and closes after the last answer.
    for (const session of this.#sessions) session.close();
    const rest = setInterval(() => this.#closeResting(), restCheckMs);
    const timeUp = setTimeout(() => {
      for (const socket of this.#sockets) if (!isSpared(socket)) socket.destroy();
    }, withinMs);
    return () => {
      clearInterval(rest);
      clearTimeout(timeUp);
    };
  }

  /** Whether there are others yet. */
  hasOthers(isThis: (end: ConnectionEnd) => boolean): boolean {
    for (const socket of this.#sockets) if (!isThis(socket)) return true;
    return false;
  }

  /** Over HTTP/1.1 a client keeps its connection after an answer: those under way at first come to rest later. */
  #closeResting(): void {
    if ("closeIdleConnections" in this.#server) this.#server.closeIdleConnections();
  }
}

function isBeyondShare({ isMany, count }: ClientConnections, connectionsMax: number): boolean {
  return !isMany && count > connectionsMax;
}

/** Where a connection comes from, by which it is known: under TLS a request has another socket, and the same address. */
export type ConnectionEnd = Pick<Socket, "remoteAddress" | "remotePort">;

function addressOf({ remoteAddress, remotePort }: ConnectionEnd): string {
  return `${remoteAddress} ${remotePort}`;
}

function keepWhileOpen<Connection extends Socket | ServerHttp2Session>(
  open: Set<Connection>,
  connection: Connection,
): void {
  open.add(connection);
  connection.once("close", () => open.delete(connection));
}
