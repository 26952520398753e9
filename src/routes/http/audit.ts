// Which requests the audit log notes: each write, whatever became of it, each backup that is taken, and each request that is
// refused because of who makes it. What else only reads costs nothing.

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { readsOnly } from "./audited-operations.ts";
import { AuditedRequest, type AuditParts, eventOfRefusal } from "./audited-request.ts";
import type { AnswerStep } from "./every-request.ts";
import { isPassedOn } from "./forward.ts";
import { codeOf } from "./problems.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the audit log calls a request for this route. */
    audit?: "write" | "admin";
  }
}

/** Operations that change nothing, though their methods are those of a write. */
export const unauditedOperations: ReadonlySet<string> = new Set([
  "createTicket",
  "keepSessionAlive",
  "keepSessionsAlive",
  "sync",
  "watchByBody",
]);

/** Operations that change nothing, and take all there is. */
const auditedReads: ReadonlySet<string> = new Set(["takeBackup", "followLog"]);

/** Those that are noted, from their routes on. */
const audited = new WeakMap<FastifyRequest, AuditedRequest>();

/** Call before any route is added. The step it returns comes when status and headers of an answer are there. */
export function auditRequests(app: FastifyInstance, parts: AuditParts): AnswerStep {
  app.addHook("onRoute", (route) => {
    const event = eventOf(route);
    if (event === null) return;
    route.config = { ...route.config, audit: event };
    route.onRequest = [
      (request, _reply, done) => {
        audited.set(request, new AuditedRequest(request, parts));
        done();
      },
      ...[route.onRequest ?? []].flat(),
    ];
  });
  return (request, reply, payload) => {
    if (isNoted(request, reply)) {
      noteAnswer(audited.get(request) ?? new AuditedRequest(request, parts), reply, payload);
    }
    return payload;
  };
}

function isNoted(request: FastifyRequest, reply: FastifyReply): boolean {
  // Whoever has answered it knows who asked, and notes it.
  if (isPassedOn(reply)) return false;
  if (eventOfRefusal(reply) !== null) return true;
  // Before a route there are only refusals; keepalives, of which there are many, end here.
  if ((request.method === "GET" || reply.statusCode < 400) && !audited.has(request)) return false;
  return isWrite(request);
}

/** What is told while it goes on is noted at its end, and a refusal at once. */
function noteAnswer(line: AuditedRequest, reply: FastifyReply, payload: unknown): void {
  if (payload instanceof Readable && codeOf(reply) === undefined) {
    payload.once("close", () => line.note(reply, { isCutOff: !payload.readableEnded }));
  } else line.note(reply);
}

/** Adds to what is noted of the request. It is asked for when the line is written. */
export function tellAudit(request: FastifyRequest, ...details: Parameters<AuditedRequest["know"]>): void {
  audited.get(request)?.know(...details);
}

/** Instead of an answer, where the client has gone while it waited. */
export function leaveUnanswered(reply: FastifyReply): FastifyReply {
  audited.get(reply.request)?.note(reply, { isCutOff: true });
  return reply.hijack();
}

function eventOf({ method, url, schema }: RouteOptions): "write" | "admin" | null {
  const reads = [method].flat().every((name) => name === "GET" || name === "HEAD" || name === "OPTIONS");
  const operationId = schema?.operationId;
  if (operationId === undefined || unauditedOperations.has(operationId)) return null;
  if (reads && !auditedReads.has(operationId)) return null;
  return forOperators.test(url) ? "admin" : "write";
}

const forOperators = /^\/v1\/(admin|quotas)\//;

/** A rehearsal of an import is none, and neither is a batch that only reads. */
function isWrite(request: FastifyRequest): boolean {
  if (request.routeOptions.config.audit === undefined) return false;
  const { dryRun } = (request.query ?? {}) as { readonly dryRun?: unknown };
  return dryRun !== true && !readsOnly(request);
}
