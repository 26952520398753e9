// Znodes as lines of JSON, as many as there are: each at the state of one zxid, sent as fast as the client reads and
// never held in memory. A stream that cannot be finished, or whose reader may read something else by now, is cut off in the
// middle, so that it cannot pass for whole.

import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { ReadContext } from "../../core/reader.ts";
import type { TreeWalk } from "../../core/tree/tree-walk.ts";
import type { Store } from "../../store/store.ts";
import type { Answers, HeldAnswer } from "../http/answers.ts";
import type { Turns } from "../http/turns.ts";
import { callerOf } from "./callers.ts";
import type { ReadParts } from "./parts.ts";
import { pieceBytes } from "./pieces.ts";
import { bytes } from "./schemas.ts";
import { type Included, partialTextOf } from "./views.ts";

export const linesMediaType = "application/x-ndjson";

/** A chunk ends once it has this many characters. */
const chunkLengthMin = pieceBytes;

/** What lines hold from the start: a chunk on its way, and the next one. */
const heldBytesMin = 2 * pieceBytes;

/**
 * Whether a listing is asked for as lines; a page of JSON is what anybody gets who does not say.
 * @throws KeeperError `not_acceptable` when neither would do
 */
export function prefersLines(request: FastifyRequest): boolean {
  const { accept } = request.headers;
  if (accept === undefined || accept === "*/*") return false;
  const type = request.accepts().type(["application/json", linesMediaType]);
  if (type !== false) return type === linesMediaType;
  throw new KeeperError(
    "not_acceptable",
    `This is given as application/json or ${linesMediaType}, not as ${accept}.`,
  );
}

/** How a listing is read that is a page or, under another URL or by another Accept, lines. */
export interface WalkRead {
  /** Of the URL, before the path. */
  readonly prefix: string;
  readonly parts: ReadParts;
  /** The media type of lines, where it is answered with lines. */
  readonly asLines: () => typeof linesMediaType | typeof fileMediaType | null;
}

export function linesHaveNoLimit(): KeeperError {
  return new KeeperError("bad_request", "Lines are not paged: leave limit out, or ask for application/json.");
}

/** The answer as the document has it: a line is the JSON of one znode. */
export function linesAnswer(examples: readonly object[]) {
  const example = examples.map((znode) => `${JSON.stringify(znode)}\n`).join("");
  return {
    description: "A line for each znode, as `x-line` describes it.",
    content: { [fileMediaType]: { schema: bytes, example, "x-line": { $ref: "Znode#" } } },
  };
}

/** What clients of every language take as bytes, to be kept or handed on; lines by name are for who asks for them. */
export const fileMediaType = "application/octet-stream";

interface Lines {
  readonly answers: Answers;
  readonly store: Pick<Store, "rightsInUse">;
  /** Begins a walk, which is ended here, whatever becomes of the client. */
  readonly walk: () => TreeWalk;
  readonly included: Included;
  readonly mediaType: typeof linesMediaType | typeof fileMediaType;
}

/** @throws KeeperError `throttled` when clients hold too much already */
export function sendLines(request: FastifyRequest, reply: FastifyReply, lines: Lines): FastifyReply {
  const isHead = request.method === "HEAD";
  const held = isHead ? null : lines.answers.hold(request, heldBytesMin);
  reply
    .header("Content-Type", lines.mediaType)
    .header("X-Accel-Buffering", "no")
    .header("X-Content-Type-Options", "nosniff");
  // Of a HEAD nothing is sent, but a stream all the same: how long it would be is not known.
  return reply.send(held === null ? Readable.from([]) : new LineStream(lines, held, callerOf(request)));
}

/** Asked for more only when the client has taken what there was. */
class LineStream extends Readable {
  readonly #walk: TreeWalk;
  readonly #included: Included;
  readonly #held: HeldAnswer;
  readonly #turns: Turns;
  readonly #stopFollowing: () => void;
  /** What was made so far. */
  producedBytes = 0;
  /** Of the last chunk, which may still be on its way when the next one is made. */
  #chunkBytes = 0;

  /** @param context whose lines they are: they end with the rights that they were asked for with */
  constructor({ answers, store, walk, included }: Lines, held: HeldAnswer, context: ReadContext) {
    super({ highWaterMark: chunkLengthMin });
    this.#walk = walk();
    this.#included = included;
    this.#held = held;
    this.#turns = answers.turns;
    held.cut = () => this.destroy(new Error("the client took nothing of its lines, and others needed room"));
    this.#stopFollowing = store.rightsInUse.follow(context, () =>
      this.destroy(new Error("what the client may read has changed since it asked")),
    );
  }

  override _read(): void {
    this.#held.taken();
    this.#turns.take(this.#held.client, () => this.#pushChunk());
  }

  #pushChunk(): void {
    if (this.destroyed) return;
    try {
      const chunk = this.#nextChunk();
      this.#hold(chunk?.byteLength ?? 0);
      this.producedBytes += chunk?.byteLength ?? 0;
      this.push(chunk);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopFollowing();
    this.#walk.end();
    this.#held.release();
    done(error);
  }

  /** A few large znodes may hold more than there is room for: then the lines end here. */
  #hold(chunkBytes: number): void {
    this.#held.resize(Math.max(heldBytesMin, this.#chunkBytes + chunkBytes));
    this.#chunkBytes = chunkBytes;
  }

  /** Null when every znode had its line. */
  #nextChunk(): Buffer | null {
    let lines = "";
    while (lines.length < chunkLengthMin) {
      const znode = this.#walk.next();
      if (znode === undefined) break;
      lines += `${partialTextOf(znode, this.#included)}\n`;
    }
    return lines === "" ? null : Buffer.from(lines);
  }
}
