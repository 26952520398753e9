// The `traceparent` of a request: what its log lines, its line in the audit and the changes it makes are found by.

import type { FastifyRequest } from "fastify";
import { traceparentIn } from "../../core/traceparent.ts";

/** Undefined where there is none of the W3C's form; that is never a fault of the request. */
export function traceparentOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === "string" ? traceparentIn(traceparent) : undefined;
}

interface Traced {
  readonly traceparent?: string;
}

const untraced: Traced = {};

/** The same as a member, for what is put together of members. */
export function tracedBy(request: FastifyRequest): Traced {
  const traceparent = traceparentOf(request);
  return traceparent === undefined ? untraced : { traceparent };
}
