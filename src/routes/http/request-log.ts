// Requests in the log of the process, one line each, for whoever looks for what a client does. Never a header, a body or a
// ticket, so that no secret can be in it.

import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { addressOf } from "./client-address.ts";
import { withoutTicket } from "./credentials.ts";
import { tracedBy } from "./traceparent.ts";

/** At level `debug`. Call before any other hook. */
export function logRequests(app: FastifyInstance, logger: Logger): void {
  // A client that has gone by then has no address any more, unless it was asked for before.
  app.addHook("onRequest", (request, _reply, done) => {
    void addressOf(request);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, url, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const asked = { method, route: routeOptions.url ?? null, url: withoutTicket(url) };
    const from = { address: addressOf(request), ...tracedBy(request) };
    logger.debug({ ...from, ...asked, status: reply.statusCode, ms }, "request");
    done();
  });
}
