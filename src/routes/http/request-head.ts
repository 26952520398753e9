// What the head of a request says about the request itself: for whom it is, and what it expects. It is judged before
// a route reads any of it, and refused in a problem document like anything else.

import type { IncomingMessage, Server } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { RequestStep } from "./every-request.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { sendProblem } from "./problems.ts";
import { withholdContinue } from "./refused-body.ts";

/** Bodies that no route would take are not asked for: their senders hear why before they send. */
export function meetExpectations(server: Server, bodyBytesMax: number): void {
  server.on("checkContinue", (request, response) => {
    if (Number(request.headers["content-length"]) > bodyBytesMax) withholdContinue(request);
    else response.writeContinue();
    server.emit("request", request, response);
  });
  // The step below refuses what it expects; without a listener the answer would have no body.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

export const refuseUnclearHead: RequestStep = (request, reply) => {
  if (isExpectationUnknown(request)) {
    refuseExpectation(request, reply);
    return false;
  }
  const { raw } = request;
  // Node.js 22 leaves out those beyond the bound, a condition perhaps; with 24 none of such requests come here.
  if (raw.httpVersionMajor === 1 && raw.rawHeaders.length > 2 * fixedLimits.headersMax) {
    refuseHeaders(reply, "headersMax", `A request has at most ${fixedLimits.headersMax} headers.`);
    return false;
  }
  if (raw.httpVersion === "1.1" && countOf("host", raw) !== 1)
    throw new KeeperError("bad_request", "A request in HTTP/1.1 has one Host header.");
  // A proxy may have looked at another one than the first.
  if (raw.headers.authorization !== undefined && countOf("authorization", raw) !== 1)
    throw new KeeperError("bad_request", "A request has one Authorization header at most.");
  const tooLong = listHeaders.find(
    (name) => (raw.headers[name]?.length ?? 0) > fixedLimits.listHeaderLengthMax,
  );
  if (tooLong !== undefined) {
    const { listHeaderLengthMax: limitValue } = fixedLimits;
    refuseHeaders(
      reply,
      "listHeaderLengthMax",
      `The header ${tooLong} has at most ${limitValue} characters.`,
    );
    return false;
  }
  return true;
};

/** Lists that are read item by item, and sorted: thousands of items would be for nobody. */
const listHeaders = ["accept", "accept-encoding"] as const;

function refuseHeaders(
  reply: FastifyReply,
  limit: "headersMax" | "listHeaderLengthMax",
  message: string,
): void {
  sendProblem(reply, new KeeperError("bad_request", message, { limit, limitValue: fixedLimits[limit] }), 431);
}

function isExpectationUnknown({ headers: { expect } }: FastifyRequest): boolean {
  return expect !== undefined && expect.toLowerCase() !== "100-continue";
}

function refuseExpectation({ headers }: FastifyRequest, reply: FastifyReply): void {
  const message = `The only supported expectation is 100-continue, not ${headers.expect}.`;
  sendProblem(reply, new KeeperError("bad_request", message), 417);
}

/**
 * Of several only the first would be seen. Of `Host` there is one (RFC 9112, 3.2); HTTP/2 has `:authority`, HTTP/1.0 need
 * not have any.
 */
function countOf(header: string, { rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === header.length && name.toLowerCase() === header) count += 1;
  }
  return count;
}
