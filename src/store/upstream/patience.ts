// For a start that cannot do without an answer: it is asked for until it comes, at each address in turn, and whoever waits
// hears why.

import type { Clock } from "../../clock.ts";
import { LogConnection, type Paces } from "../log-connection.ts";
import { isOfTheWay, retryAfterMsOf } from "./refusals.ts";
import type { Upstream } from "./upstream.ts";

export const usualPaces: Paces = { suspendAfterMs: 3000, probeEveryMs: 1000, retryMs: 200 };

export interface Surroundings {
  readonly clock: Clock;
  readonly paces?: Paces;
  /** Called when nobody has answered for a while; it is tried on. */
  readonly onWaiting: (cause: string) => void;
  readonly signal: AbortSignal;
}

/** @throws UpstreamRefusal; the signal's reason */
export async function untilAnswered<T>(
  upstream: Upstream,
  { clock, paces = usualPaces, onWaiting, signal }: Surroundings,
  ask: () => Promise<T>,
): Promise<T> {
  const connection = connectionTo(upstream, clock, paces);
  connection.onState((state) => {
    if (state.state === "suspended") onWaiting(state.cause);
  });
  let { url } = upstream;
  const askThat = () => {
    url = upstream.url;
    return ask();
  };
  return await connection.insist(askThat, () => {
    signal.throwIfAborted();
    upstream.moveOn(url);
  });
}

export function connectionTo(upstream: Upstream, clock: Clock, paces: Paces): LogConnection {
  const name = `the server that is followed (${upstream.urls.map(({ origin }) => origin).join(", ")})`;
  return new LogConnection({ name, isOfTheWay, retryAfterMsOf }, clock, paces);
}
