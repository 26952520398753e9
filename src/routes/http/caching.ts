// What caches may do with answers: keep those of reads, and ask each time whether they still hold; keep nothing else. What
// is written, refused or said to a session is for whoever asked, and tokens stand in some of it; what is read with a password may be for whoever knows it.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AnswerStep } from "./every-request.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The same URL is answered in several forms, as the request's Accept says. */
    variesByAccept?: boolean;
  }
}

/** Call before any route is added. */
export function noteForms(app: FastifyInstance): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.variesByAccept !== true) return;
    route.onSend = [
      ...[route.onSend ?? []].flat(),
      // Of what is refused as well: that depends on what was accepted, too.
      (_request, reply, _payload, done) => {
        addVary(reply, "Accept");
        done();
      },
    ];
  });
}

export const instructCaches: AnswerStep = (request, reply, payload) => {
  if (!reply.hasHeader("cache-control"))
    reply.header("cache-control", mayBeKept(request, reply) ? "no-cache" : "no-store");
  return payload;
};

function mayBeKept({ raw, method, url }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (statusCode !== 200 && statusCode !== 304) return false;
  const { "session-token": token, "acl-auth": shown } = raw.headers;
  return token === undefined && shown === undefined && !ofAskersAlone.test(url);
}

/** Credentials stand in what is answered there, or hashes of them. */
const ofAskersAlone = /^\/v1\/(?:sessions|acl)/;

/** Where pages of other origins are let in, answers vary by those too. */
export function addVary(reply: FastifyReply, header: string): void {
  const others = reply.getHeader("vary");
  reply.header("vary", others === undefined ? header : `${others}, ${header}`);
}
