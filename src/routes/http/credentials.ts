// What a request shows of who it is from. A secret is read here and nowhere else, and goes no further than its hash; one
// that stands in a URL is left out wherever that is written down.

import type { FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";

const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** What a request shows as a ticket in its query; undefined where it shows none. */
export function ticketOf({ query }: FastifyRequest): unknown {
  return (query as { readonly ticket?: unknown }).ticket;
}

/** `ticket` as a query may spell it. */
const ticketName = /^(t|%74)(i|%69)(c|%63)(k|%6b)(e|%65)(t|%74)$/i;

/** A URL as it may be logged. */
export function withoutTicket(url: string): string {
  const queryAt = url.indexOf("?") + 1;
  if (queryAt === 0) return url;
  const members = url
    .slice(queryAt)
    .split("&")
    .map((member) => (ticketName.test(member.split("=", 1)[0] as string) ? "ticket=..." : member));
  return url.slice(0, queryAt) + members.join("&");
}

/** Characters of a token that are looked at: a longer one is none of ours. */
const tokenLengthMax = 8192;

/** The token a request carries; undefined where it carries none. @throws KeeperError `unauthenticated` for one that is none */
export function bearerTokenOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined;
  const token = authorization.length > tokenLengthMax ? undefined : bearer.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new KeeperError("unauthenticated", "Authorization takes the form: Bearer <token>.");
}
