// What a body is follows from the route alone: data on znodes, JSON elsewhere (API section 1). A Content-Type is
// neither needed nor believed, and one that is malformed is no fault.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { RequestStep } from "./every-request.ts";

/** For routes with a parser for `*`. */
export const ignoreContentType: RequestStep = ({ raw }) => {
  // Not deleted: an object that lost a member is slow to read from ever after.
  if (raw.httpVersionMajor > 1 && comesWithoutLength(raw))
    raw.headers["content-type"] = "application/octet-stream";
  else if (raw.headers["content-type"] !== undefined) raw.headers["content-type"] = undefined;
  return true;
};

/** Over HTTP/2 a body need not be announced by any header; Fastify would take a request without one to have none. */
function comesWithoutLength(request: IncomingMessage | Http2ServerRequest): boolean {
  if (!("stream" in request)) return false;
  return request.headers["content-length"] === undefined && !request.stream.endAfterHeaders;
}
