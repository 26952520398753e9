// A backup as a program takes it: bytes as they arrive, and at their end whether they are those that the server said it
// would send. It holds no more of it than is under way.

import type { CallOptions } from "./calls/calls.ts";
import {
  ConnectionError,
  connectionFailed,
  contentTypeOf,
  RequestError,
  requestErrorOf,
} from "./calls/errors.ts";
import type { Transport } from "./calls/transport.ts";

export interface Backup {
  /** All that was acknowledged up to here is in it, and nothing after it. */
  readonly zxid: number;
  readonly bytes: number;
  /** Of the whole file, in base64; whoever keeps it holds it against what arrived. */
  readonly sha256: string;
  /** A name for the file, with the time and the zxid. */
  readonly fileName: string;
  /** To be read once. It ends when all bytes are there. @throws ConnectionError when it breaks off or falls silent */
  readonly content: AsyncIterable<Uint8Array>;
}

const backupPath = "v1/admin/backup";
/** A connection that brings nothing for this long is dead. */
const silenceMsMax = 60_000;

/** @param options.timeoutMs how long the server may take to make the copy, before the first byte comes */
export async function takeBackup(transport: Transport, { signal, timeoutMs }: CallOptions): Promise<Backup> {
  const url = transport.url(backupPath);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort, { once: true });
  const end = () => signal?.removeEventListener("abort", onAbort);
  const cancel =
    timeoutMs === undefined
      ? () => {}
      : transport.clock.setTimer(timeoutMs, () =>
          controller.abort(new ConnectionError(`${url.origin} made no backup within ${timeoutMs} ms.`)),
        );
  try {
    const headers = { Accept: "application/octet-stream", ...transport.seen.headers };
    const init = { headers, signal: controller.signal, cache: "no-store" } as const;
    const response = await transport.fetch(url, init);
    if (!response.ok || contentTypeOf(response) !== "application/octet-stream")
      throw await requestErrorOf(response);
    return backupIn(response, { transport, controller, url, end, signal });
  } catch (error) {
    end();
    throw asFailure(url, error, signal);
  } finally {
    cancel();
  }
}

interface Arriving {
  readonly transport: Transport;
  readonly controller: AbortController;
  readonly url: URL;
  readonly end: () => void;
  readonly signal: AbortSignal | undefined;
}

function backupIn(response: Response, arriving: Arriving): Backup {
  const { headers } = response;
  const [, sha256 = ""] = /sha-256=:([^:]+):/.exec(headers.get("repr-digest") ?? "") ?? [];
  const [, fileName = ""] = /filename="([\w.-]+)"/.exec(headers.get("content-disposition") ?? "") ?? [];
  const length = headers.get("content-length");
  if (length === null)
    throw new ConnectionError(`${arriving.url.origin} did not say how long its backup is.`);
  const bytes = Number(length);
  const content = contentOf(response, bytes, arriving);
  return { zxid: Number(headers.get("backup-zxid")), bytes, sha256, fileName, content };
}

async function* contentOf(
  response: Response,
  bytes: number,
  { transport, controller, url, end, signal }: Arriving,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes;
  const reader = response.body?.getReader();
  try {
    while (reader !== undefined) {
      const silent = () =>
        controller.abort(new ConnectionError(`${url.origin} was silent for ${silenceMsMax} ms.`));
      const cancel = transport.clock.setTimer(silenceMsMax, silent);
      const { done, value } = await reader.read().finally(cancel);
      if (done) break;
      left -= value.byteLength;
      yield value;
    }
    if (left !== 0) throw new ConnectionError(`The backup broke off: ${left} of ${bytes} bytes are missing.`);
  } catch (error) {
    throw asFailure(url, error, signal);
  } finally {
    end();
    controller.abort();
  }
}

function asFailure(url: URL, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof ConnectionError || error instanceof RequestError) return error;
  return connectionFailed(url, error);
}
