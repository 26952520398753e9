// What a server says that does not do what a follower asks of it, and which of it is worth asking again.

import type { IncomingMessage } from "node:http";

/** It has answered, and will not do it. */
export class UpstreamRefusal extends Error {
  readonly status: number;
  readonly code: string;
  /** What was asked from is of a past that it does not have. */
  readonly isOfAnotherPast: boolean;
  /** Before then it says the same again; 0 where it does not say. */
  readonly retryAfterMs: number;

  constructor(status: number, { code, detail, unknownPast }: ProblemFacts, retryAfter = "") {
    super(typeof detail === "string" ? detail : `it answered ${status}`);
    this.status = status;
    this.code = typeof code === "string" ? code : "";
    this.isOfAnotherPast = unknownPast === true;
    this.retryAfterMs = /^\d{1,9}$/.test(retryAfter)
      ? Math.min(Number(retryAfter) * 1000, retryAfterMsMax)
      : 0;
  }
}

interface ProblemFacts {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly unknownPast?: unknown;
}

/** Who says to come back later than that is asked all the same. */
const retryAfterMsMax = 60_000;
const problemBytesMax = 65_536;

/** @throws Error where the way broke off */
export async function refusalIn(answer: IncomingMessage): Promise<UpstreamRefusal> {
  return new UpstreamRefusal(answer.statusCode ?? 0, await problemIn(answer), answer.headers["retry-after"]);
}

/** Where it is none, an empty one. */
async function problemIn(answer: IncomingMessage): Promise<ProblemFacts> {
  let body = "";
  for await (const piece of answer.setEncoding("utf8") as AsyncIterable<string>) {
    body += piece;
    if (body.length > problemBytesMax) break;
  }
  try {
    return (JSON.parse(body) ?? {}) as ProblemFacts;
  } catch {
    return {};
  }
}

/** Asked again it would come to the same. */
export class FinalError extends Error {}

/** Whether it is worth asking again, or another server. */
export function isOfTheWay(error: unknown): boolean {
  if (error instanceof FinalError) return false;
  return !(error instanceof UpstreamRefusal) || error.status === 429 || error.status >= 500;
}

/** How long it is of no use to ask again. */
export function retryAfterMsOf(error: unknown): number {
  return error instanceof UpstreamRefusal ? error.retryAfterMs : 0;
}
