// What a body is follows from the route alone: data on znodes, JSON elsewhere (API section 1). A Content-Type is
// neither needed nor believed, and one that is malformed is no fault.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { FastifyInstance } from "fastify";

/** Call in the scope of the routes, beside its parser for `*`. */
export function ignoreContentType(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => {
    // Not deleted: an object that lost a member is slow to read from ever after.
    request.raw.headers["content-type"] = comesWithoutLength(request.raw)
      ? "application/octet-stream"
      : undefined;
    done();
  });
}

/** Over HTTP/2 a body need not be announced by any header; Fastify would take a request without one to have none. */
function comesWithoutLength(request: IncomingMessage | Http2ServerRequest): boolean {
  if (!("stream" in request)) return false;
  return request.headers["content-length"] === undefined && !request.stream.endAfterHeaders;
}
