// What caches may do with answers: keep those of reads, and ask each time whether they still hold; keep nothing else. What
// is written, refused or said to a session is for whoever asked, and tokens stand in some of it.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The same URL is answered in several forms, as the request's Accept says. */
    variesByAccept?: boolean;
  }
}

export function instructCaches(app: FastifyInstance): void {
  // Before anything is refused: that depends on what was accepted as well.
  app.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.config?.variesByAccept === true) addVary(reply, "Accept");
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (!reply.hasHeader("Cache-Control"))
      reply.header("Cache-Control", mayBeKept(request, reply) ? "no-cache" : "no-store");
    done();
  });
}

function mayBeKept({ method, headers, url }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  const isRead = method === "GET" || method === "HEAD";
  const isSession = headers["session-token"] !== undefined || url.startsWith("/v1/sessions");
  return isRead && !isSession && (statusCode === 200 || statusCode === 304);
}

/** Where pages of other origins are let in, answers vary by those too. */
function addVary(reply: FastifyReply, header: string): void {
  const others = reply.getHeader("Vary");
  reply.header("Vary", others === undefined ? header : `${others}, ${header}`);
}
