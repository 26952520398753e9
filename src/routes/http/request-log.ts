// Requests in the log of the process, one line each, for whoever looks for what a client does. Never a header, a body or a
// ticket, so that no secret can be in it.

import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { withoutTicket } from "./credentials.ts";

/** At level `debug`. Call before any other hook. */
export function logRequests(app: FastifyInstance, logger: Logger): void {
  // A client that has gone by then has no address any more, unless it was asked for before.
  app.addHook("onRequest", (request, _reply, done) => {
    void request.ip;
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { ip: address, method, url, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const line = { address, method, route: routeOptions.url ?? null, url: withoutTicket(url) };
    logger.debug({ ...line, status: reply.statusCode, ms }, "request");
    done();
  });
}
