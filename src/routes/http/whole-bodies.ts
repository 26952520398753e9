// Bodies that are read whole before a route sees them. What that costs follows from their bytes, whatever pieces they
// come in: chunks of HTTP/1.1, frames of HTTP/2.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { goOnInTurn, spendTurn } from "./begin-in-turn.ts";
import type { BodiesInFlight, HeldBody } from "./bodies-in-flight.ts";
import { inputValveOf, paceOf } from "./input-valve.ts";
import { LateBytes } from "./late-bytes.ts";
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

/** What is made of so much takes less than a turn of the event loop. */
const shortBytesMax = 4096;
/** So much is looked through and parsed before it is asked whether the client's turn is over: of empty lists 0.3 ms. */
const sliceBytesMax = 16_384;

/** Hears once of the body, or why not: it is too large, does not all come, is refused, or others need the room. */
type Done = (error: Error | null, body?: unknown) => void;

/** Call in the scope of the routes. */
export function readBodiesWhole(app: FastifyInstance, inFlight: BodiesInFlight, collect: Collect): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done: Done) => {
    const limit = request.routeOptions.bodyLimit as number;
    const declared = Number(request.headers["content-length"] ?? Number.NaN);
    if (declared > limit) done(tooLarge(request, declared));
    else {
      const collected = collect(request, declared >= 0 ? declared : limit);
      new BodyReading({ request, inFlight, collected, declared, limit, done }).follow(payload as Readable);
    }
  });
}

interface ReadingParts {
  readonly request: FastifyRequest;
  readonly inFlight: BodiesInFlight;
  readonly collected: CollectedBody;
  /** Bytes; NaN where it does not say. */
  readonly declared: number;
  readonly limit: number;
  readonly done: Done;
}

/** What is made of a body, and what the route does then, is work for its client. */
class BodyReading {
  readonly #parts: ReadingParts;
  /** Given up when it is over: the listeners stay, and who is refused may be listened to for long. */
  #collected: CollectedBody | undefined;
  /** Bytes that have come, and those of them that were received. */
  #heard = 0;
  #length = 0;
  #rest: Rest | null = null;
  #late: LateBytes | null = null;
  #isWhole = false;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
    this.#collected = parts.collected;
  }

  follow(body: Readable): void {
    body.on("data", (piece: Buffer) => this.#hear(piece));
    body.on("end", () => this.#hearEnd());
    body.on("error", (error) => this.#breakOff(error));
    body.on("close", () => this.#breakOff());
  }

  /** What is short came with its head, nearly always, and is done in the turn that it began in. @returns whether it is done */
  #inTurn(work: () => void, isShort = false): boolean {
    if (this.#collected === undefined) return true;
    const { raw } = this.#parts.request;
    if (!isShort || this.#late !== null) return goOnInTurn(raw, work);
    spendTurn(raw, work);
    return true;
  }

  #hear(piece: Buffer): void {
    this.#heard += piece.length;
    if (this.#late !== null) {
      this.#keep(this.#late, piece);
      return;
    }
    const isShort = this.#heard <= shortBytesMax;
    for (let rest = piece; rest.length > 0; rest = rest.subarray(sliceBytesMax)) {
      const isDone = this.#inTurn(() => this.#receiveNow(rest), isShort);
      if (isDone) continue;
      this.#late = new LateBytes(inputValveOf(this.#parts.request.raw).hold());
      this.#keep(this.#late, rest);
      return;
    }
  }

  #hearEnd(): void {
    this.#isWhole = true;
    if (this.#late === null) this.#takeWhole();
  }

  #takeWhole(): void {
    this.#inTurn(() => this.#end(() => this.#collected?.take()), this.#length <= shortBytesMax);
  }

  /** It counts as what is received. */
  #keep(late: LateBytes, piece: Buffer): void {
    if (this.#collected === undefined) return;
    late.add(piece);
    this.#count(this.#collected);
  }

  #count({ heldBytes }: CollectedBody): void {
    this.#restOf().held.holds(heldBytes + (this.#late?.length ?? 0));
  }

  /** The beginning of the piece, or of what waited for its turn: the rest of that waits again. */
  #receiveNow(piece: Buffer): void {
    const late = this.#late;
    this.#receive(late?.next(sliceBytesMax) ?? piece.subarray(0, sliceBytesMax));
    if (late === null) return;
    if (late.length > 0 && this.#collected !== undefined) {
      this.#inTurn(() => this.#receiveNow(piece));
      return;
    }
    this.#late = null;
    late.release();
    if (this.#isWhole) this.#takeWhole();
  }

  #receive(piece: Buffer): void {
    if (this.#collected === undefined) return;
    const { request, declared, limit } = this.#parts;
    this.#length += piece.length;
    if (this.#length > limit) {
      this.#refuse(tooLarge(request, this.#length));
      return;
    }
    this.#add(piece);
    // Nearly all come in one piece, and there is no time in which they would be held.
    if (this.#rest === null && this.#heard === declared && request.raw.httpVersionMajor === 1) return;
    if (this.#collected === undefined) return;
    this.#restOf().pace(piece.length);
    this.#count(this.#collected);
  }

  #add(piece: Buffer): void {
    const [error] = tried(() => this.#collected?.add(piece));
    if (error !== null) this.#refuse(this.#length === this.#parts.declared ? error : early(error));
  }

  /** Of one that is gone nothing is held, whenever that is noted. */
  #breakOff(error?: Error): void {
    if (this.#collected === undefined || this.#isWhole) return;
    this.#rest?.held.end();
    this.#inTurn(() => this.#refuse(error instanceof BodyRefused ? error : brokenOff()));
  }

  #refuse(refusal: Error): void {
    this.#end(() => {
      throw refusal;
    });
  }

  #end(outcome: () => unknown): void {
    if (this.#collected === undefined) return;
    const [error, whole] = tried(outcome);
    this.#collected = undefined;
    this.#rest?.held.end();
    this.#parts.done(error, whole);
  }

  #restOf(): Rest {
    const { request, inFlight } = this.#parts;
    this.#rest ??= {
      held: inFlight.begin((refusal) => this.#refuse(refusal)),
      pace: paceOf(request.raw, shareHolderOf(request)),
    };
    return this.#rest;
  }
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
