// What the audit log says of one request: who made it from where, what it was about, and what became of it. No body, no
// header and no token is ever in it, but for a `traceparent` that has its form.

import type { FastifyReply, FastifyRequest } from "fastify";
import { operationsNotedOf } from "./audited-operations.ts";
import { shortened, type Target, targetIn } from "./audited-target.ts";
import { addressOf } from "./client-address.ts";
import { codeOf } from "./problems.ts";
import { traceparentOf } from "./traceparent.ts";

export interface Audit {
  /** Takes what one line says; what is undefined in it is left out. */
  readonly note: (facts: AuditedFacts) => void;
  /** Who makes a request, and what is `/` to them where that is not the root; never what proves it. */
  readonly whoOf: (request: FastifyRequest) => { readonly by: string; readonly root?: string };
}

export interface AuditParts extends Audit {
  readonly pathLengthMax: number;
  /** The last transaction. */
  readonly zxid: () => number;
}

interface AuditedFacts {
  readonly event: "write" | "admin" | "forced_release" | "unauthenticated" | "forbidden";
  readonly [member: string]: unknown;
}

/** What a route knows of a request beyond what its URL and its answer say. */
interface AuditedDetails {
  /** Where the URL names none. */
  readonly path?: string | undefined;
  /** The session whose place was taken by force; null where it had none. */
  readonly owner?: string | null;
  /** Operations of a batch that were refused. */
  readonly refused?: number;
}

export class AuditedRequest {
  readonly #request: FastifyRequest;
  readonly #parts: AuditParts;
  /** Asked for early: a client that has gone by the answer has none any more. */
  readonly #address: string;
  #details: () => AuditedDetails = () => ({});

  constructor(request: FastifyRequest, parts: AuditParts) {
    this.#request = request;
    this.#parts = parts;
    this.#address = addressOf(request);
  }

  /** @param details asked for when the line is written */
  know(details: () => AuditedDetails): void {
    this.#details = details;
  }

  /** @param ending of an answer that was not sent to its end */
  note(reply: FastifyReply, { isCutOff }: { readonly isCutOff: boolean } = { isCutOff: false }): void {
    const { note, whoOf, zxid, pathLengthMax } = this.#parts;
    const { path, owner, refused } = this.#details();
    const { audit = "write" } = this.#request.routeOptions.config;
    note({
      event: eventOfRefusal(reply) ?? (owner === undefined ? audit : "forced_release"),
      ...whoOf(this.#request),
      address: this.#address,
      operation: this.#request.routeOptions.schema?.operationId,
      ...(path === undefined ? this.#target(reply) : { path: shortened(path, pathLengthMax) }),
      ...operationsNotedOf(this.#request, this.#parts),
      owner,
      zxid: zxid(),
      ...(isCutOff ? { left: true } : { status: reply.statusCode }),
      code: codeOf(reply),
      refused,
      replayed: reply.hasHeader("idempotency-replayed") || undefined,
      traceparent: traceparentOf(this.#request),
    });
  }

  /** Where something was made under a name that the service gave it, that one. */
  #target(reply: FastifyReply): Target {
    const location = reply.getHeader("location");
    return targetIn(typeof location === "string" ? location : this.#request.url, this.#parts);
  }
}

/** What a refusal is called that is because of who asks; null for any other answer. */
export function eventOfRefusal(reply: FastifyReply): "unauthenticated" | "forbidden" | null {
  const { statusCode } = reply;
  if (statusCode === 401) return "unauthenticated";
  return statusCode === 403 && codeOf(reply) === "forbidden" ? "forbidden" : null;
}
