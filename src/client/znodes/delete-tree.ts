// Deleting a subtree of any size: in parts, told of while it goes on. It is not sent again by itself: whoever asks again
// goes on with what is left.

import { ConnectionError, contentTypeOf, RequestError, requestErrorOf } from "../calls/errors.ts";
import type { Transport } from "../calls/transport.ts";
import { conditionHeadersOf } from "./conditions.ts";
import { linesMediaType, progressIn } from "./import.ts";
import type { ChangeOptions } from "./options.ts";
import { urlPathOf } from "./url-path.ts";

export interface DeleteTreeOptions extends Pick<ChangeOptions, "version" | "ifMatch" | "fences" | "signal"> {
  /** Only while this session is alive, which is renewed by it. */
  readonly session?: { readonly token: string } | undefined;
}

export interface DeleteProgress {
  /** `done` comes once, at the end. */
  readonly event: "progress" | "done";
  readonly path: string;
  /** Znodes deleted so far. */
  readonly deleted: number;
  /** Znodes of the subtree that are left. */
  readonly remaining: number;
  /** The last transaction of the delete. */
  readonly zxid: number;
}

export async function* deleteTree(
  transport: Transport,
  path: string,
  options: DeleteTreeOptions,
): AsyncGenerator<DeleteProgress, void, undefined> {
  const { version, session, signal } = options;
  const url = transport.url(urlPathOf("v1/znodes", path));
  url.searchParams.set("recursive", "true");
  url.searchParams.set("inParts", "true");
  if (version !== undefined) url.searchParams.set("version", String(version));
  try {
    const headers = {
      ...{ Accept: linesMediaType, ...transport.seen.headers, ...conditionHeadersOf(options) },
      ...(session !== undefined && { "Session-Token": session.token }),
      ...transport.traceHeaders(),
    };
    const response = await transport.fetch(url, { method: "DELETE", headers, signal: signal ?? null });
    if (!response.ok || contentTypeOf(response) !== linesMediaType) throw await requestErrorOf(response);
    yield* progressIn<DeleteProgress>(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ConnectionError || error instanceof RequestError) throw error;
    throw new ConnectionError("The connection failed.", { cause: error });
  }
}
