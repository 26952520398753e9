// Work that takes long and is told of while it goes on: as lines, as events, or as one answer at its end. Once it is told
// of the status is sent, so a refusal is the last event, `failed` instead of `done`.

import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { lateProblemOf } from "../http/problems.ts";
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

/** How it is told of, beside the steps. */
interface Telling<Step> {
  readonly mediaType: string;
  /** What the last event says; the last step itself unless given. */
  readonly summaryOf?: (last: Step) => object;
  /** Called when the first step is done, before the head is sent. */
  readonly begun?: () => void;
  /** Called when a later step was refused and that was told. */
  readonly refused?: () => Promise<void>;
}

/** To whom it is told. */
interface Told<Step> extends Telling<Step> {
  readonly reply: FastifyReply;
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
  if (mediaType !== "application/json") return await tellProgress(reply, steps, { mediaType });
  let isGone = false;
  reply.raw.once("close", () => {
    isGone = true;
  });
  let last = (await steps.next()).value as object;
  while (!isGone) {
    const { done, value } = await steps.next();
    if (done === true) break;
    last = value;
  }
  return last;
}

/** Tells of each step while it goes on. @throws KeeperError when the first is refused */
export async function tellProgress<Step extends object>(
  reply: FastifyReply,
  steps: AsyncGenerator<Step, void>,
  telling: Telling<Step>,
): Promise<FastifyReply> {
  const first = (await steps.next()).value as Step;
  telling.begun?.();
  reply
    .header("Content-Type", telling.mediaType)
    .header("X-Accel-Buffering", "no")
    .header("Cache-Control", "no-store");
  const events = Readable.from(eventsOf(first, steps, { ...telling, reply }), { objectMode: false });
  // Who left during the first step gets no event, and what never began ends nothing by itself: what the steps hold would
  // be held.
  events.once("close", () => void steps.return(undefined));
  return reply.send(events);
}

async function* eventsOf<Step extends object>(
  first: Step,
  steps: AsyncGenerator<Step, void>,
  { reply, mediaType, summaryOf, refused }: Told<Step>,
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
    yield write("failed", lateProblemOf(reply, error));
    await refused?.();
    return;
  }
  yield write("done", summaryOf?.(last) ?? last);
}

/** How one event is written: as Server-Sent Events, or else as a line. */
function eventWriterOf(mediaType: string): (event: string, data: object) => string {
  return mediaType === eventStream ? asEvent : asLine;
}

function asEvent(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function asLine(event: string, data: object): string {
  return `${JSON.stringify({ event, ...data })}\n`;
}
