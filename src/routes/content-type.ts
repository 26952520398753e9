// What a body is follows from the route alone: data on znodes, JSON elsewhere (API section 1). A Content-Type is
// neither needed nor believed, and one that is malformed is no fault.

import type { FastifyInstance } from "fastify";

/** Call in the scope of the routes, beside its parser for `*`. */
export function ignoreContentType(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => {
    // Not deleted: an object that lost a member is slow to read from ever after.
    request.raw.headers["content-type"] = undefined;
    done();
  });
}
