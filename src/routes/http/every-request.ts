// What every request passes before its route, and every answer before it is sent. Each hook of Fastify costs every request
// something whether or not there is anything to do, so what all of them pass is two hooks of many steps.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/**
 * Whether the request goes on; not when it was answered here. What a step throws is the answer. A step that has to wait
 * comes last: the request goes on when what it returns resolves.
 */
export type RequestStep = (request: FastifyRequest, reply: FastifyReply) => boolean | Promise<void>;

/** Gives what is sent, null for nothing at all. It may set headers. */
export type AnswerStep = (request: FastifyRequest, reply: FastifyReply, payload: unknown) => unknown;

export function passRequests(app: FastifyInstance, steps: readonly RequestStep[]): void {
  app.addHook("onRequest", (request, reply, done) => {
    for (const step of steps) {
      const goesOn = step(request, reply);
      if (goesOn !== true) return goesOn === false ? undefined : goesOn;
    }
    done();
  });
}

export function passAnswers(app: FastifyInstance, steps: readonly AnswerStep[]): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    let sent: unknown = payload;
    for (const step of steps) sent = step(request, reply, sent);
    done(null, sent);
  });
}
