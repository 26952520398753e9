// Znodes as lines of JSON, as many as there are: each at the state of one zxid, sent as fast as the client reads and
// never held in memory. A stream that cannot be finished is cut off in the middle, so that it cannot pass for whole.

import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../core/errors.ts";
import type { TreeWalk } from "../core/tree-walk.ts";
import { type Included, partialTextOf } from "./views.ts";

export const linesMediaType = "application/x-ndjson";

/** A chunk ends once it has this many characters. */
const chunkLengthMin = 65_536;

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

export function linesHaveNoLimit(): KeeperError {
  return new KeeperError("bad_request", "Lines are not paged: leave limit out, or ask for application/json.");
}

/** @param walk ended here, whatever becomes of the client */
export function sendLines(
  request: FastifyRequest,
  reply: FastifyReply,
  walk: TreeWalk,
  included: Included,
): FastifyReply {
  reply.header("Content-Type", linesMediaType).header("X-Accel-Buffering", "no");
  if (request.method === "HEAD") {
    walk.end();
    return reply.send();
  }
  return reply.send(new LineStream(walk, included));
}

/** Asked for more only when the client has taken what there was. */
class LineStream extends Readable {
  readonly #walk: TreeWalk;
  readonly #included: Included;

  constructor(walk: TreeWalk, included: Included) {
    super({ highWaterMark: chunkLengthMin });
    this.#walk = walk;
    this.#included = included;
  }

  override _read(): void {
    try {
      this.push(this.#nextChunk());
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#walk.end();
    done(error);
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
