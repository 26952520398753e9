// Writes that a web page sends: a browser carries a plain POST to any server it can reach and only keeps the answer
// from the page, so a page that was not let in must be refused before anything is done. Programs send no Origin. A page of
// this service's own is one of its host, which was judged before (`host.ts`).

import { KeeperError } from "../../core/errors.ts";
import type { RequestStep } from "./every-request.ts";
import { authorityOf } from "./host.ts";

const readingMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** @param allowed origins that were let in, or `*` for any */
export function refuseOtherOrigins(allowed: "*" | readonly string[]): RequestStep {
  if (allowed === "*") return () => true;
  return (request) => {
    const { origin } = request.raw.headers;
    if (origin === undefined || readingMethods.has(request.method)) return true;
    if (allowed.includes(origin) || isOfHost(origin, authorityOf(request))) return true;
    throw forbidden(origin);
  };
}

/** Never for what is no URL, such as the `null` of a page from a file. The port that a scheme has by itself may be there. */
function isOfHost(origin: string, authority = ""): boolean {
  const { protocol, host } = URL.parse(origin) ?? {};
  return host !== undefined && host !== "" && host === URL.parse(`${protocol}//${authority}`)?.host;
}

function forbidden(origin: string): KeeperError {
  return new KeeperError(
    "forbidden",
    `Pages of ${origin} may not write here; to allow it, start the service with --cors-origin ${origin} to let them.`,
  );
}
