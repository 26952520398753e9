// What a request shows of who it is from. A secret is read here and nowhere else, and goes no further than its hash.

import type { FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";

const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Characters of a token that are looked at: a longer one is none of ours. */
const tokenLengthMax = 8192;

/** The token a request carries; undefined where it carries none. @throws KeeperError `unauthenticated` for one that is none */
export function bearerTokenOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined;
  const token = authorization.length > tokenLengthMax ? undefined : bearer.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new KeeperError("unauthenticated", "Authorization takes the form: Bearer <token>.");
}
