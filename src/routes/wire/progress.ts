// Work that takes long and is told of while it goes on: as lines, as events, or as one answer at its end. Once it is told
// of the status is sent, so a refusal is the last event, `failed` instead of `done`.

import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { problemOf } from "../http/problems.ts";
import { linesMediaType } from "./ndjson.ts";

export const eventStream = "text/event-stream";
const answerMediaTypes = ["application/json", linesMediaType, eventStream];

/** @throws KeeperError `not_acceptable` */
export function progressMediaTypeOf(request: FastifyRequest): string {
  const { accept } = request.headers;
  if (accept === undefined || accept === "*/*") return "application/json";
  const type = request.accepts().type(answerMediaTypes);
  if (typeof type === "string") return type;
  throw new KeeperError("not_acceptable", `This answers with ${answerMediaTypes.join(", ")}, not ${accept}.`);
}

/**
 * Answers with the last step, or tells of each of them; a refusal before the first has a status of its own. Nobody who is
 * gone is worked for: no step is begun then.
 * @param steps how far it is, at least once; the last is the answer
 */
export async function sendProgress(
  reply: FastifyReply,
  steps: AsyncGenerator<object, void>,
  mediaType: string,
): Promise<object> {
  let isGone = false;
  reply.raw.once("close", () => {
    isGone = true;
  });
  const first = (await steps.next()).value as object;
  if (mediaType !== "application/json") {
    reply
      .header("Content-Type", mediaType)
      .header("X-Accel-Buffering", "no")
      .header("Cache-Control", "no-store");
    return reply.send(Readable.from(eventsOf(first, steps, mediaType), { objectMode: false }));
  }
  let last = first;
  while (!isGone) {
    const { done, value } = await steps.next();
    if (done === true) break;
    last = value;
  }
  return last;
}

async function* eventsOf(
  first: object,
  steps: AsyncGenerator<object>,
  mediaType: string,
): AsyncGenerator<string> {
  const write = eventWriterOf(mediaType);
  let last = first;
  yield write("progress", first);
  try {
    for await (const step of steps) {
      yield write("progress", step);
      last = step;
    }
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    yield write("failed", problemOf(error));
    return;
  }
  yield write("done", last);
}

/** How one event is written: as Server-Sent Events, or else as a line. */
export function eventWriterOf(mediaType: string): (event: string, data: object) => string {
  return mediaType === eventStream ? asEvent : asLine;
}

function asEvent(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function asLine(event: string, data: object): string {
  return `${JSON.stringify({ event, ...data })}\n`;
}
