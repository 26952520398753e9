// Bringing in a tree that was exported elsewhere: its lines go up as fast as the service takes them, and how far it is
// comes back meanwhile. It holds no more of the tree than is under way.

import {
  ConnectionError,
  connectionFailed,
  contentTypeOf,
  problemIn,
  RequestError,
  refusalOf,
  requestErrorOf,
} from "../calls/errors.ts";
import { readLines } from "../calls/lines.ts";
import type { Transport } from "../calls/transport.ts";

export interface ImportOptions {
  /** What to do where a znode exists already: stop (the default), leave it, or set its data. */
  readonly onConflict?: "fail" | "skip" | "replace" | undefined;
  /** Change nothing; say what would be done. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportProgress {
  /** `done` comes once, at the end. */
  readonly event: "progress" | "done";
  readonly lines: number;
  readonly created: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly skipped: number;
  /** Lines left out: their znodes live with a session elsewhere. */
  readonly ephemerals: number;
  /** The last transaction of the import. */
  readonly zxid: number;
}

export const linesMediaType = "application/x-ndjson";

export async function* importLines(
  transport: Transport,
  lines: AsyncIterable<Uint8Array>,
  { onConflict, dryRun, signal }: ImportOptions,
): AsyncGenerator<ImportProgress, void, undefined> {
  const url = transport.url("v1/import");
  if (onConflict !== undefined) url.searchParams.set("onConflict", onConflict);
  if (dryRun !== undefined) url.searchParams.set("dryRun", String(dryRun));
  try {
    const response = await transport.fetch(url, {
      method: "POST",
      headers: {
        ...{ Accept: linesMediaType, "Content-Type": linesMediaType },
        ...{ ...transport.seen.headers, ...transport.traceHeaders() },
      },
      body: ReadableStream.from(lines),
      // The answer may begin before the request has ended.
      duplex: "half",
      signal: signal ?? null,
    });
    if (!response.ok || contentTypeOf(response) !== linesMediaType) throw await requestErrorOf(response);
    yield* progressIn<ImportProgress>(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ConnectionError || error instanceof RequestError) throw error;
    throw connectionFailed(url, error);
  }
}

/** The events of long work, up to the one that says it is done. @throws RequestError for one that says it failed */
export async function* progressIn<Progress extends { readonly event: "progress" | "done" }>({
  body,
}: Response): AsyncGenerator<Progress, void, undefined> {
  if (body !== null) {
    for await (const line of readLines(body.pipeThrough(new TextDecoderStream()))) {
      const event = Object(line) as Record<string, unknown>;
      const problem = event.event === "failed" ? problemIn(event) : null;
      if (problem !== null) throw refusalOf(problem);
      yield event as unknown as Progress;
      if (event.event === "done") return;
    }
  }
  throw new ConnectionError("The answer ended before the work was done.");
}
