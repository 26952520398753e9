// The client: how programs, on Node and in browsers, use a treekeeper service. It needs web APIs and nothing else,
// and decides nothing that the service decides.

import { type ClientClock, systemClock } from "./clock.ts";
import type { WatchMessage } from "./messages.ts";
import { createTransport, type Transport } from "./transport.ts";
import { TreeCopy, type TreeOptions } from "./tree-copy.ts";
import { type WatchOptions, type WatchRequest, watch } from "./watch.ts";

export interface ClientOptions {
  /** The service's URL, such as `http://127.0.0.1:2281`, or where a proxy has put it. */
  readonly endpoint: string;
  /** For a service that needs more than the platform's own, such as a proxy or a certificate. */
  readonly fetch?: typeof fetch;
  readonly clock?: ClientClock;
  /** From 0 up to 1; spreads reconnects. */
  readonly chance?: () => number;
}

export class Client {
  readonly #transport: Transport;

  /** @throws TypeError when the endpoint is no absolute URL */
  constructor({ endpoint, fetch = platformFetch, clock = systemClock, chance = Math.random }: ClientOptions) {
    this.#transport = createTransport(endpoint, { fetch, clock, chance });
  }

  /**
   * What happens to znodes, each change once and in order, over as many connections as it takes. It connects when it
   * is iterated and reads as fast as it is; leaving the loop, or the signal, ends it.
   * @throws RequestError when the service refuses the request
   */
  watch(request: WatchRequest, options?: WatchOptions): AsyncIterable<WatchMessage> {
    return watch(this.#transport, request, options);
  }

  /** A local copy of a znode and everything below it, which follows the service until the signal ends it. */
  tree(path: string, options: TreeOptions = {}): TreeCopy {
    return new TreeCopy(this.#transport, path, options);
  }
}

/** A browser's fetch must be called as a function of the window, not of what holds it. */
const platformFetch: typeof fetch = (input, init) => fetch(input, init);
