// What every call of a client goes through: where the service is, and the world as it was handed in. It knows no
// resource, and of the service only which of its addresses answered last.

import type { ClientClock } from "./clock.ts";

/** The world as a client was given it. */
export interface World {
  readonly fetch: typeof fetch;
  readonly clock: ClientClock;
  /** From 0 up to 1. */
  readonly chance: () => number;
}

export interface Transport extends World {
  /** The URL of a resource, such as `v1/watch`, below the service's own. */
  readonly url: (path: string) => URL;
  /** There was no answer from this URL: the next one is made for the next address, if there is another. */
  readonly failed: (url: URL) => void;
}

/** @throws TypeError when an endpoint is no absolute URL, or there is none */
export function createTransport(endpoint: string | readonly string[], world: World): Transport {
  const bases = (typeof endpoint === "string" ? [endpoint] : endpoint).map(baseOf);
  if (bases.length === 0) throw new TypeError("A client needs an endpoint.");
  let index = 0;
  const base = () => bases[index % bases.length] as URL;
  return {
    ...world,
    url: (path) => new URL(path, base()),
    failed(url) {
      // Of many calls that fail together, the first moves on.
      if (url.href.startsWith(base().href)) index += 1;
    },
  };
}

function baseOf(endpoint: string): URL {
  const base = new URL(endpoint);
  // A service behind a proxy may live below a path of its own, with or without a slash at its end.
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
