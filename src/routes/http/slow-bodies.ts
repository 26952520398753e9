// The bound on the time a body takes. Over HTTP/1.1 Node's parser keeps it by itself, over HTTP/2 it does not. A body that
// may be longer than any time, such as an import, is not bound as a whole: whoever reads it bounds its parts.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { FastifyInstance } from "fastify";
import type { RequestStep } from "./every-request.ts";
import type { HttpLimits } from "./http-limits.ts";
import { BodyRefused } from "./refused-body.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Whether the route's bodies may take as long as they are read from. */
    hasLongBodies?: boolean;
  }
}

/** Requests whose bodies are not in time as a whole, and need not be. */
const unhurried = new WeakSet<object>();

export function isUnhurried(request: IncomingMessage): boolean {
  return unhurried.has(request);
}

/** The body of this one is bounded in its parts by whoever reads it. */
export function takeItsTime(request: IncomingMessage): void {
  unhurried.add(request);
}

/** Call before any route is added. */
export function markLongBodies(app: FastifyInstance): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.hasLongBodies !== true) return;
    route.onRequest = [
      ...[route.onRequest ?? []].flat(),
      ({ raw }, _reply, done) => {
        takeItsTime(raw);
        done();
      },
    ];
  });
}

export function endSlowBodies({ requestTimeoutMs }: HttpLimits): RequestStep {
  return (request) => {
    const { raw } = request;
    if (raw.httpVersionMajor === 1 || !hasMoreToCome(raw)) return true;
    if (request.routeOptions.config.hasLongBodies === true) return true;
    const timer = setTimeout(() => raw.destroy(tooSlow(requestTimeoutMs)), requestTimeoutMs);
    for (const event of ["end", "close"]) raw.once(event, () => clearTimeout(timer));
    // Where nobody reads the body, nobody misses the rest of it.
    raw.on("error", () => {});
    return true;
  };
}

export function hasMoreToCome(request: IncomingMessage | Http2ServerRequest): boolean {
  return "stream" in request && !request.stream.endAfterHeaders;
}

/** Whoever reads the body meets this in its place. */
function tooSlow(limitValue: number): BodyRefused {
  const message = `The request was not complete within ${limitValue} ms.`;
  return new BodyRefused("bad_request", message, { limit: "requestTimeoutMs", limitValue }, 408);
}
