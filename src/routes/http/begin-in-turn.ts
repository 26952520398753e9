// A request begins in the turn of its client, before anything else is done for it: it is not even routed. So is all that
// comes for it later. Requests of a connection begin in their order, and what waits for long is held back by not being read.

import type { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { addressOf, isForwarded, type Proxies } from "./client-address.ts";
import type { ClientTurns, Turn } from "./client-turns.ts";
import { connectionOf, remoteAddressOf } from "./connection-of.ts";
import { isGone } from "./gone.ts";
import { inputValveOf } from "./input-valve.ts";
import { shareHolderAt } from "./share-holder.ts";

/** As many of a connection wait before no more of it is read: one that sends nothing ahead is never held. */
const waitingUnheldMax = 2;
/** The same where its heads take long to be read: what has come of the next one would be read in the same turn. */
const waitingUnheldOfLongMax = 1;
/** What the engine takes to read a head, for each of its names and values beyond those of an honest one. */
const readingMsPerText = 0.0001;
const honestTexts = 100;

/** Call before the server listens. Requests that come by a proxy go on to `beginBehindProxies`. */
export function beginInTurn(server: Server, turns: ClientTurns, proxies: Proxies): void {
  const handle = takeOver(server, "request") as Handler;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const line = lineOf(request, turns, proxies);
    // A stream that closes forgets its session.
    if (request.httpVersionMajor > 1) (request as WithLine)[ownLine] = line;
    if (line === null) handle(request, response);
    else line.enter(request, response, () => handle(request, response));
  });
  const refuse = takeOver(server, "clientError") as Refuser;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const line = lineAt(socket, socket.remoteAddress, turns, proxies);
    // What is late now may be whole when it is its turn.
    if (line === null || error.code === "ERR_HTTP_REQUEST_TIMEOUT") refuse(error, socket);
    else line.refuse(() => refuse(error, socket));
  });
}

/** Fastify's own; whoever else listens only takes notice, and does so at once. */
function takeOver(server: Server, event: "request" | "clientError"): unknown {
  const [handle] = server.listeners(event);
  server.off(event, handle as Handler);
  return handle;
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

/**
 * Work for a request that has begun: it goes before those that have yet to begin, in its order.
 * @returns whether it is done, and does not wait
 */
export function goOnInTurn(request: IncomingMessage, work: () => void): boolean {
  const line = lineKnownOf(request);
  if (line !== undefined) return line.goOn(work);
  work();
  return true;
}

/** Work for a request that has begun, and is too little to wait: it counts. */
export function spendTurn(request: IncomingMessage, work: () => void): void {
  const line = lineKnownOf(request);
  if (line === undefined) work();
  else line.turn.spend(work);
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Refuser = (error: Error, socket: Socket) => void;

/** Where a connection has its line, or a request that came by a proxy: found faster there than in a map. */
const ownLine = Symbol("line");
type WithLine = EventEmitter & { [ownLine]?: Line | null };

/** None where it came by no connection. */
function lineKnownOf(request: IncomingMessage): Line | undefined {
  return (request as WithLine)[ownLine] ?? (connectionOf(request) as WithLine)?.[ownLine] ?? undefined;
}

function lineOf(request: IncomingMessage, turns: ClientTurns, proxies: Proxies): Line | null {
  const connection: WithLine = connectionOf(request);
  const known = connection[ownLine];
  return known === undefined ? lineAt(connection, remoteAddressOf(request), turns, proxies) : known;
}

/** null of the connection of a proxy that is believed, and of one that is gone before anything was heard on it. */
function lineAt(
  connection: WithLine,
  remoteAddress: string | undefined,
  turns: ClientTurns,
  proxies: Proxies,
): Line | null {
  const known = connection[ownLine];
  if (known !== undefined) return known;
  if (remoteAddress === undefined || remoteAddress === "") return null;
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
  /** None of what is done in any case. */
  readonly response: ServerResponse | null;
  readonly work: () => void;
  readonly readingMs: number;
}

/** What has yet to be done of what came on one connection. */
class Line {
  readonly turn: Turn;
  readonly #waiting: Waiting[] = [];
  /** For those that have begun, which came before all of them. */
  readonly #begun: Waiting[] = [];
  #release: (() => void) | null = null;
  #isRefusing = false;
  #isGoingOn = false;

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
    this.#waiting.push({ response, work: begin, readingMs });
    this.turn.waitForNext(this.#goOn);
    const unheldMax = readingMs > 0 ? waitingUnheldOfLongMax : waitingUnheldMax;
    if (this.#waiting.length >= unheldMax && request.httpVersionMajor === 1)
      this.#release ??= inputValveOf(request).hold();
  }

  /** Behind all that could be read. It is said again and again of what comes behind the fault. */
  refuse(work: () => void): void {
    if (this.#isRefusing) return;
    this.#isRefusing = true;
    const refuse = () => {
      this.#isRefusing = false;
      work();
    };
    this.#waiting.push({ response: null, work: refuse, readingMs: 0 });
    if (this.#isGoingOn) return;
    if (this.turn.isOver) this.turn.waitForNext(this.#goOn);
    else this.#goOn();
  }

  goOn(work: () => void): boolean {
    if (this.#begun.length === 0 && !this.turn.isOver && !this.#isGoingOn) {
      this.turn.spend(work);
      return true;
    }
    this.#begun.push({ response: null, work, readingMs: 0 });
    if (!this.#isGoingOn) this.turn.waitForNext(this.#goOn);
    return false;
  }

  readonly #goOn = () => {
    this.#isGoingOn = true;
    try {
      this.#doWhileInTurn();
    } finally {
      this.#isGoingOn = false;
    }
    if (!this.isEmpty) {
      this.turn.waitForNext(this.#goOn);
      return;
    }
    this.#release?.();
    this.#release = null;
  };

  #doWhileInTurn(): void {
    while (!this.isEmpty && !this.turn.isOver) {
      const { response, work, readingMs } = this.#next();
      // Nobody waits for the answer of one that has gone meanwhile, and nothing of it was done.
      if (response === null || !isGone(response)) this.turn.spend(work, readingMs);
    }
  }

  #next(): Waiting {
    return (this.#begun.shift() ?? this.#waiting.shift()) as Waiting;
  }
}
