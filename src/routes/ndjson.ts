// Znodes as lines of JSON, as many as there are: each at the state of one zxid, sent as fast as the client reads and
// never held in memory. A stream that cannot be finished is cut off in the middle, so that it cannot pass for whole.

import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../core/errors.ts";
import type { TreeWalk } from "../core/tree-walk.ts";
import { type Included, partialViewOf } from "./views.ts";

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
  const lines = Readable.from(chunksOf(walk, included), { objectMode: false, highWaterMark: chunkLengthMin });
  lines.once("close", () => walk.end());
  return reply.send(lines);
}

function* chunksOf(walk: TreeWalk, included: Included): Generator<string> {
  let chunk = "";
  for (let znode = walk.next(); znode !== undefined; znode = walk.next()) {
    chunk += `${JSON.stringify(partialViewOf(znode, included))}\n`;
    if (chunk.length < chunkLengthMin) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
