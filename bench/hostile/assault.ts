// What all attacks have in common: where they go, how they are played, and what the service did to them.

import { connect, type NetConnectOpts, type Socket } from "node:net";

/** Another of this machine's addresses: to the service it is another client. */
export const hostileAddress = "127.0.0.2";

export interface Target {
  readonly baseUrl: string;
  /** Of a token that may do everything below `hostilePath` and nothing else. */
  readonly guest: string;
  /** Connections that the service and the system allow one client. */
  readonly connectionsMax: number;
}

/** There is a znode of 1 MiB below it, `large`. */
export const hostilePath = "/hostile";

/** An attack that is going on. */
export interface Assault {
  /** Does a little of it; whoever plays it makes pauses between. @returns the bytes that were sent */
  burst(): Promise<number>;
  /** Whether it is all there. */
  readonly isInPlace: boolean;
  readonly tally: Tally;
  end(): void;
}

/** What became of an attack: one that was turned away at the door has shown nothing. */
export class Tally {
  connections = 0;
  /** Closed by the service. */
  closed = 0;
  /** Those open when it was in place. */
  held = 0;
  readonly statuses: Record<string, number> = {};

  count(status: string): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
  }
}

export function connectHostile(baseUrl: string, options: Partial<NetConnectOpts> = {}): Socket {
  const port = Number(new URL(baseUrl).port);
  const socket = connect({ host: "127.0.0.1", port, localAddress: hostileAddress, ...options });
  // It may be cut off at any time; that is seen by its close.
  return socket.on("error", () => {});
}

/** Settled when it is connected, or never will be. */
export function connected(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
}

/** Reads what comes and calls back for the status of each answer in it. */
export function readStatuses(socket: Socket, onStatus: (status: string) => void): void {
  const statusLine = /HTTP\/1\.1 (\d{3}) /g;
  const statusLineLength = 13;
  let rest = "";
  socket.on("data", (piece: Buffer) => {
    const text = rest + piece.toString("latin1");
    for (const [, status] of text.matchAll(statusLine)) onStatus(status as string);
    // Of a status line that is not whole yet; one that was counted is not seen again.
    rest = text.slice(1 - statusLineLength);
  });
}
