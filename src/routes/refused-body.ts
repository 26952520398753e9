// Refusals that do not wait for the body they refuse. A connection that closes on data nobody read is reset, and a
// client that is still sending would see that and no answer: so the answer goes out at once and whole, and the rest
// of the body is read and thrown away before the connection closes. Bounded in bytes, in silence, and in time by the
// server's bound for a whole request.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { fixedLimits } from "./fixed-limits.ts";

/** Requests that were never told to go on: their bodies do not come. */
const withheld = new WeakSet<IncomingMessage>();

export function withholdContinue(request: IncomingMessage): void {
  withheld.add(request);
}

/** Sends the text; the connection closes behind it, when the client has had its chance to read it. */
export function sendBeforeBodyEnds(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  document: object,
): FastifyReply {
  const text = `${JSON.stringify(document)}\n`;
  // In HTTP/2 a stream ends by itself and takes no other with it.
  if (raw.httpVersionMajor > 1) return reply.send(document);
  reply.header("Connection", "close");
  if (raw.complete || withheld.has(raw)) return reply.send(document);
  reply.header("Content-Length", Buffer.byteLength(text));
  return reply.send(Readable.from(textWhileRunningOut(text, raw)));
}

async function* textWhileRunningOut(text: string, request: IncomingMessage): AsyncGenerator<string> {
  yield text;
  await runOut(request);
}

function runOut(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve();
    const silence = setTimeout(resolve, fixedLimits.refusedBodySilenceMsMax);
    let leftBytes = fixedLimits.refusedBodyBytesMax;
    request.on("data", (part: Buffer) => {
      silence.refresh();
      leftBytes -= part.length;
      if (leftBytes < 0) resolve();
    });
    // A request that ends or breaks off closes, too.
    request.once("end", resolve).once("close", () => {
      clearTimeout(silence);
      resolve();
    });
    request.on("error", () => {});
    request.resume();
  });
}
