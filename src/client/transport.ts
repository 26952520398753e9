// What every call of a client goes through: where the service is, and the world as it was handed in. It keeps no
// state and knows no resource.

import type { ClientClock } from "./clock.ts";

export interface Transport {
  /** The URL of a resource, such as `v1/watch`, below the service's own. */
  readonly url: (path: string) => URL;
  readonly fetch: typeof fetch;
  readonly clock: ClientClock;
  /** From 0 up to 1. */
  readonly chance: () => number;
}

/** @throws TypeError when the endpoint is no absolute URL */
export function createTransport(endpoint: string, world: Omit<Transport, "url">): Transport {
  const base = new URL(endpoint);
  // A service behind a proxy may live below a path of its own, with or without a slash at its end.
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return { ...world, url: (path) => new URL(path, base) };
}
