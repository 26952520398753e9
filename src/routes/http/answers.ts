// What answers hold in memory until their clients have taken them, on one connection, for one client and in all. Small ones are not
// counted, so that keepalives and the like go on whatever else waits. A large one for which there is no room is refused,
// and where room is needed, those go first whose clients take nothing.

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import { bytesInPieces, type HeldBytes, type InPieces, Pieces, pieceBytes } from "../wire/pieces.ts";
import { isForwarded } from "./client-address.ts";
import { connectionOf } from "./connection-of.ts";
import type { AnswerStep } from "./every-request.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { isGone } from "./gone.ts";
import type { HttpLimits } from "./http-limits.ts";
import { headed, problemOf } from "./problems.ts";
import { shareHolderOf } from "./share-holder.ts";
import { Turns } from "./turns.ts";

type AnswerLimits = Pick<
  HttpLimits,
  "answerBytesMax" | "connectionAnswerBytesMax" | "answerBytesPerClientMax"
>;

declare module "fastify" {
  interface FastifyContextConfig {
    /** A write whose answer may be large: it is not begun where there is no room, for afterwards it cannot be refused. */
    answersAtLength?: boolean;
  }
}

/** Totals count since the start. */
export interface AnswersStats {
  /** Large answers that their clients have yet to take, and their bytes. */
  readonly held: number;
  readonly heldBytes: number;
  readonly heldBytesMax: number;
  /** Refused for want of room, and ended in the middle where room was needed. */
  readonly refusedTotal: number;
  readonly cutTotal: number;
}

export class Answers {
  /** In which lines and pieces are made, however many ask for them at once. */
  readonly turns = new Turns();
  readonly #limits: AnswerLimits;
  readonly #clock: Clock;
  readonly #held = new Set<HeldAnswer>();
  readonly #bytesOf = new WeakMap<object, number>();
  /** Of those for whom any are held. */
  readonly #bytesOfClient = new Map<string, number>();
  #bytes = 0;
  #refused = 0;
  #cut = 0;

  constructor(limits: AnswerLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  stats(): AnswersStats {
    return {
      ...{ held: this.#held.size, heldBytes: this.#bytes, heldBytesMax: this.#limits.answerBytesMax },
      ...{ refusedTotal: this.#refused, cutTotal: this.#cut },
    };
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws KeeperError `throttled` when there is no room, unless what was done has to be told in any case */
  hold(request: FastifyRequest, bytes: number, mustBeTold = false): HeldAnswer {
    const held = new HeldAnswer(askerOf(request), this.#clock, {
      resize: (newBytes) => this.#resize(held, newBytes),
      release: () => this.#release(held),
    });
    if (!mustBeTold) this.#assertRoom(held, bytes);
    this.#held.add(held);
    this.#count(held, bytes);
    return held;
  }

  /**
   * For whoever is about to make an answer of so many bytes, which takes time: small ones fit in any case.
   * @throws KeeperError `throttled` when there is no room
   */
  assertRoom(request: FastifyRequest, bytes = pieceBytes): void {
    if (bytes >= pieceBytes) this.#assertRoom({ ...askerOf(request), bytes: 0 }, bytes);
  }

  /**
   * A large answer that is made as its client takes it; of HEAD nothing is made but its length.
   * @throws KeeperError `throttled` when there is no room
   */
  inPieces(request: FastifyRequest, source: InPieces): Pieces {
    if (request.method !== "HEAD")
      return new Pieces(source, this.hold(request, source.byteLength), this.turns);
    const nothing = { byteLength: source.byteLength, next: () => null };
    return new Pieces(nothing, heldForNobody(shareHolderOf(request)), this.turns);
  }

  #resize(held: HeldAnswer, bytes: number): void {
    if (!this.#held.has(held)) return;
    if (bytes > held.bytes) this.#assertRoom(held, bytes);
    this.#count(held, bytes);
  }

  #count(held: HeldAnswer, bytes: number): void {
    const { connection, client } = held;
    const more = bytes - held.bytes;
    held.bytes = bytes;
    this.#bytes += more;
    this.#bytesOf.set(connection, (this.#bytesOf.get(connection) ?? 0) + more);
    const ofClient = (this.#bytesOfClient.get(client) ?? 0) + more;
    if (ofClient === 0) this.#bytesOfClient.delete(client);
    else this.#bytesOfClient.set(client, ofClient);
  }

  #release(held: HeldAnswer): void {
    if (this.#held.delete(held)) this.#count(held, 0);
  }

  /** What is alone fits in any case: each bound is at least the largest answer. */
  #assertRoom({ connection, client, bytes: had }: Asker & { readonly bytes: number }, bytes: number): void {
    const { answerBytesMax, connectionAnswerBytesMax, answerBytesPerClientMax } = this.#limits;
    const others = (this.#bytesOf.get(connection) ?? 0) - had;
    if (others > 0 && others + bytes > connectionAnswerBytesMax) {
      throw this.#noRoom("connectionAnswerBytesMax", connectionAnswerBytesMax, "One connection has");
    }
    const isFullWith = (held: number, bytesMax: number) => held - had > 0 && held - had + bytes > bytesMax;
    const hasShare = () => isFullWith(this.#bytesOfClient.get(client) ?? 0, answerBytesPerClientMax);
    if (hasShare()) this.#endStillWhile(hasShare, (held) => held.client === client);
    if (hasShare()) throw this.#noRoom("answerBytesPerClientMax", answerBytesPerClientMax, "One client has");
    const isFull = () => isFullWith(this.#bytes, answerBytesMax);
    if (isFull()) this.#endStillWhile(isFull, () => true);
    if (isFull()) throw this.#noRoom("answerBytesMax", answerBytesMax, "The server holds");
  }

  #noRoom(limit: keyof AnswerLimits, limitValue: number, who: string): KeeperError {
    this.#refused += 1;
    const message = `${who} ${limitValue} bytes of answers that clients have yet to take; nothing was done. Try again shortly.`;
    return new KeeperError("throttled", message, { limit, limitValue, retryAfterSeconds: 1 });
  }

  /** The longest still go first. */
  #endStillWhile(isFull: () => boolean, isMeant: (held: HeldAnswer) => boolean): void {
    const nowMs = this.#clock.monotonicMs();
    const still = [...this.#held].filter(
      (held) => nowMs - held.takenAtMs >= fixedLimits.answerStillMsMax && isMeant(held),
    );
    still.sort((a, b) => a.takenAtMs - b.takenAtMs);
    for (const held of still) {
      if (!isFull()) return;
      this.#release(held);
      this.#cut += 1;
      held.cut();
    }
  }
}

interface Account {
  readonly resize: (bytes: number) => void;
  readonly release: () => void;
}

/** Who asked for an answer, and on which connection; where that carries many clients' requests, each is one by itself. */
interface Asker {
  readonly connection: object;
  readonly client: string;
}

function askerOf(request: FastifyRequest): Asker {
  const connection = isForwarded(request) ? request.raw : connectionOf(request.raw);
  return { connection, client: shareHolderOf(request) };
}

/** One answer, from when there is room for it until its client has taken it. */
export class HeldAnswer implements HeldBytes, Asker {
  readonly connection: object;
  readonly client: string;
  readonly #clock: Clock;
  readonly #account: Account;
  bytes = 0;
  /** When its client last took some of it. */
  takenAtMs: number;
  /** Ends it in the middle. */
  cut = () => {};

  constructor({ connection, client }: Asker, clock: Clock, account: Account) {
    this.connection = connection;
    this.client = client;
    this.#clock = clock;
    this.#account = account;
    this.takenAtMs = clock.monotonicMs();
  }

  taken(): void {
    this.takenAtMs = this.#clock.monotonicMs();
  }

  /** @throws KeeperError `throttled` when there is no room for that much more */
  resize(bytes: number): void {
    this.#account.resize(bytes);
  }

  release(): void {
    this.#account.release();
  }
}

function heldForNobody(client: string): HeldBytes {
  return { client, taken: () => {}, release: () => {}, cut: () => {} };
}

/** Call before any route is added. */
export function makeRoomFirst(app: FastifyInstance, answers: Answers): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.answersAtLength !== true) return;
    route.preHandler = [
      ...[route.preHandler ?? []].flat(),
      (request, _reply, done) => {
        answers.assertRoom(request);
        done();
      },
    ];
  });
}

/** Sends what is large in pieces, as fast as its client takes them. After the steps that make answers larger. */
export function holdAnswers(answers: Answers): AnswerStep {
  return (request, reply, payload) => {
    if (isGone(reply.raw)) {
      // Nobody would take it, and nobody would say so.
      if (payload instanceof Readable) payload.destroy();
      return null;
    }
    const bytes = request.method === "HEAD" ? 0 : largeBytesOf(payload);
    return bytes === 0 ? payload : held(payload as string | Buffer, bytes, answers, request, reply);
  };
}

function held(
  payload: string | Buffer,
  bytes: number,
  answers: Answers,
  request: FastifyRequest,
  reply: FastifyReply,
): Pieces | string {
  try {
    const account = answers.hold(request, bytes, request.method !== "GET");
    reply.header("content-length", bytes);
    const bytesOf = typeof payload === "string" ? Buffer.from(payload) : payload;
    return new Pieces(bytesInPieces(bytesOf), account, answers.turns);
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    for (const name of ["etag", "content-length"]) reply.removeHeader(name);
    headed(reply, error).header("cache-control", "no-store");
    return `${JSON.stringify(problemOf(error))}\n`;
  }
}

/** 0 for what is small, and for what comes in parts already. */
function largeBytesOf(payload: unknown): number {
  const isText = typeof payload === "string";
  if (!isText && !Buffer.isBuffer(payload)) return 0;
  // No character takes more than three bytes for each of its code units.
  if (payload.length <= pieceBytes / (isText ? 3 : 1)) return 0;
  const bytes = Buffer.byteLength(payload);
  return bytes > pieceBytes ? bytes : 0;
}
