// What one connection may have under way, and what one client may wait for on all of its connections. Clients of HTTP/1.1
// may send requests before the earlier ones are answered, and those of HTTP/2 many beside each other: one of them must
// not take what is there for everybody. Requests beyond the bound wait in their connection; waits beyond theirs are
// refused, whatever it is they wait for.

import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { Shares } from "../../shares.ts";
import { goOnInTurn, isInLine } from "./begin-in-turn.ts";
import { isForwarded } from "./client-address.ts";
import { connectionOf } from "./connection-of.ts";
import { isGone } from "./gone.ts";
import type { HttpLimits } from "./http-limits.ts";
import { inputValveOf } from "./input-valve.ts";
import type { Endings, OpenConnections, Spoken } from "./open-connections.ts";
import { shareHolderOf } from "./share-holder.ts";

type ShareLimits = Pick<
  HttpLimits,
  "requestsPerConnectionMax" | "waitsPerConnectionMax" | "streamsPerClientMax" | "waitsPerClientMax"
>;

/** What each client waits for, on all its connections. */
interface ClientShares {
  readonly streams: Shares;
  readonly waits: Shares;
}

/** Call before any hook that does something for a request. */
export function shareConnections(
  app: FastifyInstance,
  limits: ShareLimits,
  connections: OpenConnections,
): void {
  const clients = clientSharesWithin(limits);
  const manyClientsLimits = { ...limits, waitsPerConnectionMax: Number.POSITIVE_INFINITY };
  const shareFor = (request: FastifyRequest) =>
    new ConnectionShare(isForwarded(request) ? manyClientsLimits : limits, clients, protocolOf(request));
  app.addHook("onRequest", (request, reply, done) => {
    const connection: Connection = connectionOf(request.raw);
    const share = connection[ownShare] ?? begun(request, shareFor(request), connections);
    share.enter(request.raw, reply.raw, done);
  });
}

function begun(
  request: FastifyRequest,
  share: ConnectionShare,
  connections: OpenConnections,
): ConnectionShare {
  const connection: Connection = connectionOf(request.raw);
  connection[ownShare] = share;
  connections.heard(request.raw.socket, share, endingsOf(request, share));
  connection.once("close", share.close);
  return share;
}

function protocolOf({ raw }: FastifyRequest): Spoken["protocol"] {
  return raw.httpVersionMajor === 1 ? "HTTP/1.1" : "HTTP/2";
}

/** Of a session of HTTP/2 it is the session's to say that it ends. */
function endingsOf({ raw }: FastifyRequest, share: ConnectionShare): Endings {
  const { socket } = raw;
  const soon = () => socket.destroySoon();
  if (raw.httpVersionMajor === 1)
    return { soon, inGoodOrder: () => (share.isIdle && !isInLine(socket) ? soon() : undefined) };
  const { session } = (raw as unknown as { readonly stream: ServerHttp2Stream }).stream;
  // It closes when the answer has left, which is later than it was handed over; streams that go on are then ended.
  const close = () => {
    session?.close();
    setTimeout(() => session?.destroy(), othersEndAfterMs).unref();
  };
  return { soon: close, inGoodOrder: () => session?.close() };
}

const othersEndAfterMs = 1000;

/** Who it turned out to be that asks: the connection is theirs, as far as an operator is told. */
export function noteCallerOfConnection(request: FastifyRequest, by: string | null): void {
  const share = (connectionOf(request.raw) as Connection)[ownShare];
  if (share !== undefined) share.by = by;
}

function clientSharesWithin({ streamsPerClientMax, waitsPerClientMax }: ShareLimits): ClientShares {
  return {
    streams: new Shares({
      limit: "streamsPerClientMax",
      limitValue: streamsPerClientMax,
      what: "open streams",
    }),
    waits: new Shares({
      limit: "waitsPerClientMax",
      limitValue: waitsPerClientMax,
      what: "waiting requests",
    }),
  };
}

/**
 * Counts the reply, a long poll or a wait for a place, among those its connection and its client wait for, until it is
 * closed. @throws KeeperError `throttled`
 */
export function countWait({ request, raw }: FastifyReply): void {
  (connectionOf(request.raw) as Connection)[ownShare]?.wait(raw, shareHolderOf(request), "waits");
}

/** The same for a stream. @throws KeeperError `throttled` */
export function countStream({ request, raw }: FastifyReply): void {
  (connectionOf(request.raw) as Connection)[ownShare]?.wait(raw, shareHolderOf(request), "streams");
}

/** Where a connection has its share, and a response that of its connection: found faster there than in a map. */
const ownShare = Symbol("share");

type Connection = EventEmitter & { [ownShare]?: ConnectionShare };
type Heard = ServerResponse & { [ownShare]?: ConnectionShare };

function leaveShare(this: Heard): void {
  this[ownShare]?.leave(this);
}

/** A stream of HTTP/2 is held back by not being read, and what is injected has no socket. */
function comesBySocket({ httpVersionMajor, socket }: IncomingMessage): boolean {
  return httpVersionMajor === 1 && socket instanceof Socket;
}

class ConnectionShare implements Spoken {
  readonly protocol: Spoken["protocol"];
  requests = 0;
  streams = 0;
  by: string | null = null;
  readonly #limits: ShareLimits;
  readonly #clients: ClientShares;
  /** Nearly always one. Those that nobody waits for leave when the next one comes: to hear of each end would cost more. */
  readonly #underWay: ServerResponse[] = [];
  /** Requests that have to wait for others of their connection, in their order. */
  readonly #parked: (() => void)[] = [];
  #release = () => {};
  #waits = 0;

  constructor(limits: ShareLimits, clients: ClientShares, protocol: Spoken["protocol"]) {
    this.#limits = limits;
    this.#clients = clients;
    this.protocol = protocol;
  }

  get waits(): number {
    return this.#waits - this.streams;
  }

  get isIdle(): boolean {
    this.#forgetClosed();
    return this.#underWay.length === 0 && this.#parked.length === 0;
  }

  enter(request: IncomingMessage, response: ServerResponse, begin: () => void): void {
    this.requests += 1;
    this.#forgetClosed();
    if (this.#hasRoom()) {
      this.#begin(request, response, begin);
      return;
    }
    if (this.#parked.length === 0) {
      // What was sent ahead is read when there is room for it.
      if (comesBySocket(request)) this.#release = inputValveOf(request).hold();
      for (const other of this.#underWay) this.#hear(other);
    }
    this.#parked.push(() => {
      // A stream of HTTP/2 may have gone meanwhile, by itself.
      if (request.httpVersionMajor > 1 && request.destroyed) return;
      // Nor does anybody wait for one whose client has gone.
      this.#begin(request, response, () =>
        goOnInTurn(request, () => (isGone(response) ? undefined : begin())),
      );
    });
  }

  #forgetClosed(): void {
    for (let index = this.#underWay.length - 1; index >= 0; index -= 1) {
      if ((this.#underWay[index] as ServerResponse).closed) this.#underWay.splice(index, 1);
    }
  }

  #hasRoom(): boolean {
    return this.#underWay.length < this.#limits.requestsPerConnectionMax;
  }

  #begin(request: IncomingMessage, response: ServerResponse, begin: () => void): void {
    this.#underWay.push(response);
    if (this.#parked.length > 0 || request.httpVersionMajor > 1) this.#hear(response);
    begin();
  }

  #hear(response: Heard): void {
    if (response[ownShare] !== undefined) return;
    response[ownShare] = this;
    response.on("close", leaveShare);
  }

  leave(response: ServerResponse): void {
    const index = this.#underWay.indexOf(response);
    if (index === -1) return;
    this.#underWay.splice(index, 1);
    if (this.#parked.length > 0) this.#beginParked();
  }

  readonly #beginParked = () => {
    while (this.#parked.length > 0 && this.#hasRoom()) this.#parked.shift()?.();
    if (this.#parked.length > 0) return;
    this.#release();
    this.#release = () => {};
  };

  wait(response: ServerResponse, client: string, kind: keyof ClientShares): void {
    // Its end would not be heard of.
    if (isGone(response)) return;
    const { waitsPerConnectionMax: limitValue } = this.#limits;
    if (this.#waits >= limitValue) {
      const message = `One connection waits for at most ${limitValue} things at once; open another for more.`;
      throw new KeeperError("throttled", message, {
        limit: "waitsPerConnectionMax",
        limitValue,
        retryAfterSeconds: 1,
      });
    }
    const giveBack = this.#clients[kind].take(client);
    const stream = kind === "streams" ? 1 : 0;
    this.#waits += 1;
    this.streams += stream;
    response.once("close", () => {
      this.#waits -= 1;
      this.streams -= stream;
      giveBack();
    });
  }

  /** Answers that had not begun, behind others, never hear that their connection is gone. */
  readonly close = () => {
    this.#parked.length = 0;
    for (const response of this.#underWay) {
      if (response.socket !== null || response.destroyed || response.closed) continue;
      response.destroy();
      response.emit("close");
    }
  };
}
