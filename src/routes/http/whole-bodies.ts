// Bodies that are read whole before a route sees them. What that costs follows from their bytes, whatever pieces they
// come in: chunks of HTTP/1.1, frames of HTTP/2.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { BodiesInFlight } from "./bodies-in-flight.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { paceOf } from "./input-valve.ts";
import { BodyRefused } from "./refused-body.ts";

/** Call in the scope of the routes. @param parse makes of the bytes what the routes take for the body */
export function readBodiesWhole(
  app: FastifyInstance,
  inFlight: BodiesInFlight,
  parse: (request: FastifyRequest, bytes: Buffer) => unknown,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    bytesOf(request, payload as Readable, inFlight)
      .then((bytes) => parse(request, bytes))
      .then((body) => done(null, body), done);
  });
}

/** @throws BodyRefused when they are too many, do not all come, or others need the room */
function bytesOf(request: FastifyRequest, body: Readable, inFlight: BodiesInFlight): Promise<Buffer> {
  const limit = request.routeOptions.bodyLimit as number;
  const declared = Number(request.headers["content-length"] ?? Number.NaN);
  if (declared > limit) return Promise.reject(tooLarge(request, declared));
  const bytes = new GrowingBytes(declared >= 0 ? declared : limit);
  return new Promise((resolve, reject) => {
    const stop = () => {
      held.end();
      body.off("data", add).off("end", end).off("error", fail).off("close", breakOff);
      // What is refused goes on to fail, and nobody is left to mind.
      body.on("error", () => {});
    };
    const fail = (error: Error) => {
      stop();
      reject(error instanceof BodyRefused ? error : brokenOff());
    };
    const breakOff = () => fail(brokenOff());
    const held = inFlight.begin(fail);
    const pace = paceOf(request.raw);
    const add = (piece: Buffer) => {
      const length = bytes.length + piece.length;
      if (length > limit) return fail(tooLarge(request, length));
      bytes.add(piece);
      pace();
      held.holds(length);
    };
    const end = () => {
      stop();
      resolve(bytes.take());
    };
    body.on("data", add).on("end", end).on("error", fail).on("close", breakOff);
  });
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
  return new BodyRefused("bad_request", "The body broke off.");
}
