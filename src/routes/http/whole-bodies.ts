// Bodies that are read whole before a route sees them. What that costs follows from their bytes, whatever pieces they
// come in: chunks of HTTP/1.1, frames of HTTP/2.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { BodiesInFlight, HeldBody } from "./bodies-in-flight.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { paceOf } from "./input-valve.ts";
import { BodyRefused } from "./refused-body.ts";

/**
 * Call in the scope of the routes.
 * @param parse makes of the bytes what the routes take for the body; what it throws is the answer
 */
export function readBodiesWhole(
  app: FastifyInstance,
  inFlight: BodiesInFlight,
  parse: (request: FastifyRequest, bytes: Buffer) => unknown,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    readWhole(request, payload as Readable, inFlight, (error, bytes) => {
      if (error !== null) return done(error);
      let body: unknown;
      try {
        body = parse(request, bytes as Buffer);
      } catch (fault) {
        return done(fault as Error);
      }
      done(null, body);
    });
  });
}

/** @param done hears once of the bytes, or why not: they are too many, do not all come, or others need the room */
function readWhole(
  request: FastifyRequest,
  body: Readable,
  inFlight: BodiesInFlight,
  done: (error: BodyRefused | null, bytes?: Buffer) => void,
): void {
  const limit = request.routeOptions.bodyLimit as number;
  const declared = Number(request.headers["content-length"] ?? Number.NaN);
  if (declared > limit) {
    done(tooLarge(request, declared));
    return;
  }
  // Given up when it is over: the listeners stay, and who is refused may be listened to for long.
  let bytes: GrowingBytes | undefined = new GrowingBytes(declared >= 0 ? declared : limit);
  let rest: Rest | undefined;
  const finish = (error: BodyRefused | null) => {
    if (bytes === undefined) return;
    const whole = error === null ? bytes.take() : undefined;
    bytes = undefined;
    rest?.held.end();
    done(error, whole);
  };
  body.on("data", (piece: Buffer) => {
    if (bytes === undefined) return;
    const length = bytes.length + piece.length;
    if (length > limit) return finish(tooLarge(request, length));
    bytes.add(piece);
    // Nearly all come in one piece, and there is no time in which they would be held.
    if (rest === undefined && length === declared && request.raw.httpVersionMajor === 1) return;
    rest ??= { held: inFlight.begin(finish), pace: paceOf(request.raw) };
    rest.pace();
    rest.held.holds(length);
  });
  body.on("end", () => finish(null));
  body.on("error", (error) => finish(error instanceof BodyRefused ? error : brokenOff()));
  body.on("close", () => {
    if (bytes !== undefined) finish(brokenOff());
  });
}

/** What a body has that comes in several pieces. */
interface Rest {
  readonly held: HeldBody;
  readonly pace: () => void;
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
