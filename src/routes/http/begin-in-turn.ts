// A request begins in the turn of its client, before anything else is done for it: it is not even routed. Requests of a
// connection begin in their order, and what waits for long is held back by not being read.

import type { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { addressOf, isForwarded, type Proxies } from "./client-address.ts";
import type { ClientTurns, Turn } from "./client-turns.ts";
import { connectionOf, remoteAddressOf } from "./connection-of.ts";
import { isGone } from "./gone.ts";
import { inputValveOf } from "./input-valve.ts";
import { shareHolderAt } from "./share-holder.ts";

/** As many of a connection wait before no more of it is read: one that sends nothing ahead is never held. */
const waitingUnheldMax = 2;
/** What the engine takes to read a head, for each of its names and values beyond those of an honest one. */
const readingMsPerText = 0.0001;
const honestTexts = 100;

/** Call before the server listens. Requests that come by a proxy go on to `beginBehindProxies`. */
export function beginInTurn(server: Server, turns: ClientTurns, proxies: Proxies): void {
  // Fastify's own; whoever else listens only takes notice, and does so at once.
  const [handle] = server.listeners("request") as [Handler];
  server.off("request", handle);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const line = lineOf(request, turns, proxies);
    if (line === null) handle(request, response);
    else line.enter(request, response, () => handle(request, response));
  });
}

/**
 * A connection that carries many clients' requests has no turn of its own: each request begins in that of its client. Call
 * behind the shares of connections: a request that waits for its turn has its place on the connection, or those behind it
 * could take all of them and wait for it.
 */
export function beginBehindProxies(app: FastifyInstance, turns: ClientTurns, proxies: Proxies): void {
  if (proxies.isEmpty) return;
  app.addHook("onRequest", (request, reply, done) => {
    if (!isForwarded(request)) {
      done();
      return;
    }
    const { turn, giveBack } = turns.enter(shareHolderAt(addressOf(request)));
    reply.raw.once("close", giveBack);
    const line = new Line(turn);
    (request.raw as WithLine)[ownLine] = line;
    line.enter(request.raw, reply.raw, done);
  });
}

/** Whether requests of the connection wait to begin. */
export function isInLine(connection: EventEmitter): boolean {
  return (connection as WithLine)[ownLine]?.isEmpty === false;
}

/** Work for a request that began, and then had to wait for something else: it goes before those that have yet to begin. */
export function goOnInTurn(request: IncomingMessage, response: ServerResponse, work: () => void): void {
  const line = lineKnownOf(request);
  if (line === undefined) work();
  else line.goOnFirst(response, work);
}

/** Work for a request that has begun, and is done now: it counts. */
export function spendTurn(request: IncomingMessage, work: () => void): void {
  const line = lineKnownOf(request);
  if (line === undefined) work();
  else line.turn.spend(work);
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Where a connection has its line, or a request that came by a proxy: found faster there than in a map. */
const ownLine = Symbol("line");
type WithLine = EventEmitter & { [ownLine]?: Line | null };

/** None where it came by no connection. */
function lineKnownOf(request: IncomingMessage): Line | undefined {
  return (request as WithLine)[ownLine] ?? (connectionOf(request) as WithLine)?.[ownLine] ?? undefined;
}

/** null of the connection of a proxy that is believed. */
function lineOf(request: IncomingMessage, turns: ClientTurns, proxies: Proxies): Line | null {
  const connection: WithLine = connectionOf(request);
  const remoteAddress = remoteAddressOf(request);
  const known = connection[ownLine];
  if (known !== undefined) return known;
  if (proxies.has(remoteAddress)) {
    connection[ownLine] = null;
    return null;
  }
  const { turn, giveBack } = turns.enter(shareHolderAt(remoteAddress));
  const line = new Line(turn);
  connection[ownLine] = line;
  connection.once("close", giveBack);
  return line;
}

/** Until the request was there, in milliseconds: nothing tells it. */
function readingMsOf({ rawHeaders }: IncomingMessage): number {
  return Math.max(0, rawHeaders.length - honestTexts) * readingMsPerText;
}

interface Waiting {
  readonly response: ServerResponse;
  readonly begin: () => void;
  readonly readingMs: number;
}

/** What has yet to begin of the requests of one connection. */
class Line {
  readonly turn: Turn;
  readonly #waiting: Waiting[] = [];
  /** Those that came before all of them. */
  readonly #begun: Waiting[] = [];
  #release: (() => void) | null = null;

  constructor(turn: Turn) {
    this.turn = turn;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#begun.length === 0;
  }

  enter(request: IncomingMessage, response: ServerResponse, begin: () => void): void {
    const readingMs = readingMsOf(request);
    if (this.isEmpty && !this.turn.isOver) {
      this.turn.spend(begin, readingMs);
      return;
    }
    this.#waiting.push({ response, begin, readingMs });
    if (this.#waiting.length === waitingUnheldMax && request.httpVersionMajor === 1)
      this.#release ??= inputValveOf(request).hold();
    this.turn.waitForNext(this.#goOn);
  }

  goOnFirst(response: ServerResponse, begin: () => void): void {
    if (this.#begun.length === 0 && !this.turn.isOver) {
      this.turn.spend(begin);
      return;
    }
    this.#begun.push({ response, begin, readingMs: 0 });
    this.turn.waitForNext(this.#goOn);
  }

  readonly #goOn = () => {
    while (!this.isEmpty && !this.turn.isOver) {
      const { response, begin, readingMs } = (this.#begun.shift() ?? this.#waiting.shift()) as Waiting;
      // Nobody waits for the answer of one that has gone meanwhile, and nothing of it was done.
      if (!isGone(response)) this.turn.spend(begin, readingMs);
    }
    if (!this.isEmpty) {
      this.turn.waitForNext(this.#goOn);
      return;
    }
    this.#release?.();
    this.#release = null;
  };
}
