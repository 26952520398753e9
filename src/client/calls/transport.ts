// What every call of a client goes through: where the service is, and the world as it was handed in. It knows no
// resource, and of the service only which of its addresses answered last.

import { isTraceparent } from "../../core/traceparent.ts";
import { base64Of } from "./base64.ts";
import { type AccessTokenSource, showingToken } from "./bearer.ts";
import type { ClientClock } from "./clock.ts";
import { redirected } from "./errors.ts";
import { SeenZxid } from "./seen-zxid.ts";

/** The world as a client was given it. */
export interface World {
  readonly fetch: typeof fetch;
  /** Undefined where none is shown. */
  readonly token: AccessTokenSource | undefined;
  readonly clock: ClientClock;
  /** From 0 up to 1. */
  readonly chance: () => number;
  /** Of what goes on where it is called; undefined for nothing. */
  readonly traceparent: () => string | undefined;
}

export interface Transport extends Omit<World, "fetch" | "token" | "traceparent"> {
  /** Never follows a redirect. @throws RequestError where there is one */
  readonly fetch: (url: URL, init: RequestInit) => Promise<Response>;
  /** The URL of a resource, such as `v1/watch`, below the service's own. */
  readonly url: (path: string) => URL;
  /** By what all answers say. What a request asks of the server's state is in its headers. */
  readonly seen: SeenZxid;
  /** What a call carries so that it is found again. Asked for once a call, where that is made. */
  readonly traceHeaders: () => Readonly<Record<string, string>>;
  /** How many addresses the service has. */
  readonly endpointCount: number;
  /** There was no answer from this URL: the next one is made for the next address, if there is another. */
  readonly failed: (url: URL) => void;
}

/**
 * @param aclIdentities `user:password` of each that requests show
 * @throws TypeError when an endpoint is no absolute URL of http or https, or there is none, or the token could be none
 */
export function createTransport(
  endpoint: string | readonly string[],
  aclIdentities: readonly string[],
  { fetch, token, traceparent, ...world }: World,
): Transport {
  const bases = (typeof endpoint === "string" ? [endpoint] : endpoint).map(baseOf);
  if (bases.length === 0) throw new TypeError("A client needs an endpoint.");
  let index = 0;
  const seen = new SeenZxid(bases.length > 1);
  const base = () => bases[index % bases.length] as URL;
  const direct = withoutRedirects(showing(aclIdentities, fetch));
  return {
    ...world,
    fetch: noting(seen, token === undefined ? direct : showingToken(token, direct)),
    seen,
    endpointCount: bases.length,
    traceHeaders: () => traceHeadersOf(traceparent),
    url: (path) => new URL(path, base()),
    failed(url) {
      // Of many calls that fail together, the first moves on.
      if (url.href.startsWith(base().href)) index += 1;
    },
  };
}

const untraced = {};

/** What is wrong with a trace must not become a fault of what is traced. */
function traceHeadersOf(traceparent: World["traceparent"]): Readonly<Record<string, string>> {
  try {
    const given = traceparent();
    return given !== undefined && isTraceparent(given) ? { traceparent: given } : untraced;
  } catch {
    return untraced;
  }
}

function noting(seen: SeenZxid, fetch: Transport["fetch"]): Transport["fetch"] {
  return async (url, init) => {
    const response = await fetch(url, init);
    seen.note(Number(response.headers.get("zxid")));
    return response;
  };
}

/** Never in a redirect, which is not followed: another service learns nothing. */
function showing(identities: readonly string[], fetch: World["fetch"]): World["fetch"] {
  if (identities.length === 0) return fetch;
  const encoder = new TextEncoder();
  const shown = identities.map((identity) => `digest ${base64Of(encoder.encode(identity))}`).join(", ");
  return (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("Acl-Auth", shown);
    return fetch(url, { ...init, headers });
  };
}

function withoutRedirects(fetch: World["fetch"]): Transport["fetch"] {
  return async (url, init) => {
    const response = await fetch(url, { ...init, redirect: "manual" });
    const isRedirect = response.type === "opaqueredirect" || redirectStatuses.has(response.status);
    if (!isRedirect) return response;
    await response.body?.cancel();
    throw redirected(url, response);
  };
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

function baseOf(endpoint: string): URL {
  const base = new URL(endpoint);
  if (!/^https?:$/.test(base.protocol)) {
    throw new TypeError(
      `An endpoint is a URL of http or https, such as http://127.0.0.1:2281, not ${endpoint}.`,
    );
  }
  // A service behind a proxy may live below a path of its own, with or without a slash at its end.
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
