// The bound on the time a body takes over HTTP/2, where Node has none. Over HTTP/1.1 its parser keeps the time by itself.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { FastifyInstance } from "fastify";
import { KeeperError } from "../core/errors.ts";
import type { HttpLimits } from "./http-limits.ts";

export function endSlowBodies(app: FastifyInstance, { requestTimeoutMs }: HttpLimits): void {
  app.addHook("onRequest", ({ raw }, _reply, done) => {
    if (hasMoreToCome(raw)) {
      const timer = setTimeout(() => raw.destroy(tooSlow(requestTimeoutMs)), requestTimeoutMs);
      for (const event of ["end", "close"]) raw.once(event, () => clearTimeout(timer));
      // Where nobody reads the body, nobody misses the rest of it.
      raw.on("error", () => {});
    }
    done();
  });
}

function hasMoreToCome(request: IncomingMessage | Http2ServerRequest): boolean {
  return "stream" in request && !request.stream.endAfterHeaders;
}

/** Whoever reads the body meets this in its place. */
function tooSlow(limitValue: number): KeeperError {
  const message = `The request was not complete within ${limitValue} ms.`;
  const error = new KeeperError("bad_request", message, { limit: "requestTimeoutMs", limitValue });
  return Object.assign(error, { statusCode: 408 });
}
