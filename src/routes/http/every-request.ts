// What every request passes before its route, and every answer before it is sent. Each hook of Fastify costs every request
// something whether or not there is anything to do, so what all of them pass is two hooks of many steps.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/**
 * Whether the request goes on; not when it was answered here. What a step throws is the answer. Where a step has to wait,
 * the request goes on to the next when what it returns resolves.
 */
export type RequestStep = (request: FastifyRequest, reply: FastifyReply) => boolean | Promise<void>;

/** Gives what is sent, null for nothing at all. It may set headers. */
export type AnswerStep = (request: FastifyRequest, reply: FastifyReply, payload: unknown) => unknown;

export function passRequests(app: FastifyInstance, steps: readonly RequestStep[]): void {
  app.addHook("onRequest", (request, reply, done) => {
    for (const [index, step] of steps.entries()) {
      const goesOn = step(request, reply);
      if (goesOn === true) continue;
      if (goesOn !== false) {
        const rest = goesOn.then(() => passRest(steps.slice(index + 1), request, reply));
        rest.then((isThrough) => (isThrough ? done() : undefined), done);
      }
      return;
    }
    done();
  });
}

/** Whether the request has passed them all. */
async function passRest(
  steps: readonly RequestStep[],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<boolean> {
  for (const step of steps) if ((await step(request, reply)) === false) return false;
  return true;
}

export function passAnswers(app: FastifyInstance, steps: readonly AnswerStep[]): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    let sent: unknown = payload;
    for (const step of steps) sent = step(request, reply, sent);
    done(null, sent);
  });
}
