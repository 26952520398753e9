// Refusals that do not wait for the body they refuse. A connection that closes on data nobody read is reset, and a
// client that is still sending would see that and no answer: so the answer goes out at once and whole, and the rest
// of the body is read and thrown away before the connection closes. Bounded in bytes, in silence and in time.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, type ErrorDetails, KeeperError } from "../../core/errors.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { paceOf } from "./input-valve.ts";
import { shareHolderOf } from "./share-holder.ts";

/** A refusal of a body that may not be whole: nobody waits for the rest of it. */
export class BodyRefused extends KeeperError {
  /** Where the transport has a more exact status for the code. */
  readonly statusCode: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, statusCode?: number) {
    super(code, message, details);
    this.statusCode = statusCode;
  }
}

/** Requests that were never told to go on: their bodies do not come. */
const withheld = new WeakSet<IncomingMessage>();

export function withholdContinue(request: IncomingMessage): void {
  withheld.add(request);
}

/** Sends the text; the connection closes behind it, when the client has had its chance to read it. */
export function sendBeforeBodyEnds(
  request: FastifyRequest,
  reply: FastifyReply,
  document: object,
): FastifyReply {
  const { raw } = request;
  const text = `${JSON.stringify(document)}\n`;
  closeBehind(request, reply);
  if (raw.httpVersionMajor > 1 || raw.complete || withheld.has(raw)) return reply.send(document);
  reply.header("Content-Length", Buffer.byteLength(text));
  return reply.send(Readable.from(textWhileRunningOut(text, request)));
}

async function* textWhileRunningOut(text: string, request: FastifyRequest): AsyncGenerator<string> {
  yield text;
  await runOut(request);
}

/** The connection ends with the answer; in HTTP/2 the stream, which takes no other with it, whoever still sends. */
export function closeBehind({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (!("stream" in raw)) reply.header("Connection", "close");
  else reply.raw.once("finish", () => (raw as unknown as Http2ServerRequest).stream.close());
}

/** Resolves when nothing of the body is to come, or nobody waits for it any longer. */
export function runOut(request: FastifyRequest): Promise<void> {
  const { raw } = request;
  return new Promise((resolve) => {
    if ("stream" in raw || raw.readableEnded || raw.destroyed) return resolve();
    const silence = setTimeout(resolve, fixedLimits.refusedBodySilenceMsMax);
    const timeUp = setTimeout(resolve, fixedLimits.refusedBodyMsMax);
    const pace = paceOf(raw, shareHolderOf(request));
    let leftBytes = fixedLimits.refusedBodyBytesMax;
    raw.on("data", (part: Buffer) => {
      silence.refresh();
      leftBytes -= part.length;
      if (leftBytes < 0) resolve();
      pace(part.length);
    });
    // A request that ends or breaks off closes, too.
    raw.once("end", resolve).once("close", () => {
      clearTimeout(silence);
      clearTimeout(timeUp);
      resolve();
    });
    raw.on("error", () => {});
    raw.resume();
  });
}
