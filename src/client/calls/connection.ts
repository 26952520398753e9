// One connection on which an answer arrives over time, from the request to its end. It is read only as fast as its
// parts are taken, so that a slow consumer holds up the server and not this process's memory; it never connects twice.

import { ConnectionError, connectionFailed, contentTypeOf, RequestError, requestErrorOf } from "./errors.ts";
import type { Transport } from "./transport.ts";

export interface ConnectionRequest {
  readonly url: URL;
  /** JSON that is posted, where the URL would be too long. */
  readonly body?: string | undefined;
  /** What is asked for; any other kind of answer is a refusal. */
  readonly mediaType: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A connection that brings nothing at all for this long is dead. */
  readonly silenceMsMax: number;
  readonly signal: AbortSignal | undefined;
}

export class Connection {
  readonly #transport: Transport;
  readonly #request: ConnectionRequest;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#request.signal?.reason);

  constructor(transport: Transport, request: ConnectionRequest) {
    this.#transport = transport;
    this.#request = request;
    request.signal?.throwIfAborted();
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get url(): URL {
    return this.#request.url;
  }

  /** @throws RequestError when the request is refused, ConnectionError when the connection fails */
  async open(): Promise<Response> {
    const { url, mediaType, body } = this.#request;
    const { signal } = this.#controller;
    const headers: Record<string, string> = {
      Accept: mediaType,
      ...this.#transport.seen.headers,
      ...this.#request.headers,
    };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const posted = body === undefined ? {} : { method: "POST", body };
    const response = await this.#arrival(() =>
      this.#transport.fetch(url, { ...posted, headers, signal, cache: "no-store" }),
    );
    if (!response.ok || contentTypeOf(response) !== mediaType) {
      throw await this.#arrival(() => requestErrorOf(response));
    }
    return response;
  }

  /**
   * The text as it arrives, until the server ends it.
   * @throws ConnectionError when the connection fails or falls silent
   */
  async *text(response: Response): AsyncGenerator<string, void, undefined> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    while (true) {
      const { done, value } = await this.#arrival(() => reader.read());
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  }

  /** Waits for the network, but not for ever. Between two waits no time is counted: that is the consumer's. */
  async #arrival<T>(wait: () => Promise<T>): Promise<T> {
    const { silenceMsMax } = this.#request;
    const cancel = this.#transport.clock.setTimer(silenceMsMax, () => {
      this.#controller.abort(new ConnectionError(`${this.url.origin} was silent for ${silenceMsMax} ms.`));
    });
    try {
      return await wait();
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof RequestError) throw error;
      throw connectionFailed(this.url, error);
    } finally {
      cancel();
    }
  }

  /** Leaves no socket, no timer and no listener; closing twice does no harm. */
  close(): void {
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}
