// Bodies that are read whole before a route sees them. What that costs follows from their bytes, whatever pieces they
// come in: chunks of HTTP/1.1, frames of HTTP/2.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { goOnInTurn } from "./begin-in-turn.ts";
import type { BodiesInFlight, HeldBody } from "./bodies-in-flight.ts";
import { inputValveOf, paceOf } from "./input-valve.ts";
import { BodyRefused } from "./refused-body.ts";
import { shareHolderOf } from "./share-holder.ts";

/** A body as far as it has come. What it throws is the answer. */
export interface CollectedBody {
  /** What is kept of it in memory. */
  readonly heldBytes: number;
  /** @throws KeeperError where what has come is refused, whatever follows */
  add(piece: Buffer): void;
  /** What the routes take for the body, when it is whole. @throws KeeperError */
  take(): unknown;
}

type Collect = (request: FastifyRequest, bytesMax: number) => CollectedBody;

/** Call in the scope of the routes. */
export function readBodiesWhole(app: FastifyInstance, inFlight: BodiesInFlight, collect: Collect): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    readWhole(request, payload as Readable, { inFlight, collect }, done);
  });
}

interface Reading {
  readonly inFlight: BodiesInFlight;
  readonly collect: Collect;
}

/** @param done hears once of the body, or why not: it is too large, does not all come, is refused, or others need the room */
function readWhole(
  request: FastifyRequest,
  body: Readable,
  { inFlight, collect }: Reading,
  done: (error: Error | null, body?: unknown) => void,
): void {
  const limit = request.routeOptions.bodyLimit as number;
  const declared = Number(request.headers["content-length"] ?? Number.NaN);
  if (declared > limit) {
    done(tooLarge(request, declared));
    return;
  }
  // Given up when it is over: the listeners stay, and who is refused may be listened to for long.
  let collected: CollectedBody | undefined = collect(request, declared >= 0 ? declared : limit);
  let length = 0;
  let rest: Rest | undefined;
  const end = (outcome: () => unknown) => {
    if (collected === undefined) return;
    const [error, whole] = tried(outcome);
    collected = undefined;
    rest?.held.end();
    done(error, whole);
  };
  const refuse = (refusal: Error) =>
    end(() => {
      throw refusal;
    });
  const add = (piece: Buffer) => {
    const [error] = tried(() => collected?.add(piece));
    if (error !== null) refuse(length === declared ? error : early(error));
  };
  const receive = (piece: Buffer) => {
    if (collected === undefined) return;
    length += piece.length;
    if (length > limit) return refuse(tooLarge(request, length));
    add(piece);
    // Nearly all come in one piece, and there is no time in which they would be held.
    if (rest === undefined && length === declared && request.raw.httpVersionMajor === 1) return;
    if (collected === undefined) return;
    rest ??= { held: inFlight.begin(refuse), pace: paceOf(request.raw, shareHolderOf(request)) };
    rest.pace(piece.length);
    rest.held.holds(collected.heldBytes);
  };
  // What is made of it, and what the route does then, is work for its client.
  const inTurn = (work: () => void) => collected === undefined || goOnInTurn(request.raw, work);
  body.on("data", (piece: Buffer) => {
    let release = () => {};
    const isDone = inTurn(() => {
      release();
      receive(piece);
    });
    if (!isDone) release = inputValveOf(request.raw).hold();
  });
  body.on("end", () => inTurn(() => end(() => collected?.take())));
  body.on("error", (error) => inTurn(() => refuse(error instanceof BodyRefused ? error : brokenOff())));
  body.on("close", () => inTurn(() => refuse(brokenOff())));
}

function tried(outcome: () => unknown): [Error | null, unknown?] {
  try {
    return [null, outcome()];
  } catch (error) {
    return [error as Error];
  }
}

/** Nobody waits for the rest. */
function early(error: Error): Error {
  if (!(error instanceof KeeperError) || error instanceof BodyRefused) return error;
  return new BodyRefused(error.code, error.message, error.details);
}

/** What a body has that comes in several pieces. */
interface Rest {
  readonly held: HeldBody;
  readonly pace: (bytes: number) => void;
}

function tooLarge(request: FastifyRequest, size: number): BodyRefused {
  const { bodyLimit: limitValue = 0, config } = request.routeOptions;
  return new BodyRefused(
    "too_large",
    `A body here has at most ${limitValue} bytes; this one has ${size} or more.`,
    {
      limit: config.bodyLimitName ?? "dataBytesMax",
      limitValue,
      size,
    },
  );
}

/** Seldom read: the connection is gone, or the stream is. */
function brokenOff(): BodyRefused {
  return new BodyRefused("bad_request", "The body is incomplete: the connection closed.");
}
