// Whom the access control lists of znodes take a request for: the passwords it shows, and where it comes from. Nobody asks
// whether a password is right; a wrong one is an identity that no list names (A7). What was shown is not kept, and no
// refusal repeats it.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Shown } from "../../core/acl/acl.ts";
import { KeeperError } from "../../core/errors.ts";
import { addressOf } from "../http/client-address.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { aclAuthForm } from "./text-forms.ts";

/** The header, for requests that may show identities. */
export const aclAuthHeader = {
  "acl-auth": Type.Optional(
    Type.String({
      ...aclAuthForm,
      description:
        "`digest` and the base64 of `user:password`, several comma-separated: whom the access control lists of znodes " +
        "take the request for, besides the address it comes from.",
      examples: ["digest YW5uOnNlY3JldA=="],
    }),
  ),
};

/** @throws KeeperError `bad_request` for a header in another form */
export function shownBy(request: FastifyRequest): Shown {
  return { digests: digestsIn(request.headers["acl-auth"]), address: plainAddressOf(request) };
}

/** The same in few bytes, for a command. */
export function shownInCommand(request: FastifyRequest): Partial<Shown> {
  const { digests, address } = shownBy(request);
  return { address, ...(digests.length > 0 && { digests }) };
}

/** IPv4 as such, also where it came in over IPv6; without the interface of this machine that it came in by. */
function plainAddressOf(request: FastifyRequest): string {
  return addressOf(request)
    .replace(/^::ffff:(?=\d+\.)/i, "")
    .replace(/%.*$/, "");
}

function digestsIn(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return noDigests;
  const credentials = (Array.isArray(header) ? header.join(",") : header).split(",");
  const { aclIdentitiesMax } = fixedLimits;
  if (credentials.length > aclIdentitiesMax) {
    throw new KeeperError(
      "bad_request",
      `A request shows at most ${aclIdentitiesMax} identities in Acl-Auth, not ${credentials.length}.`,
      { limit: "aclIdentitiesMax", limitValue: aclIdentitiesMax, size: credentials.length },
    );
  }
  return [...new Set(credentials.map(digestIn))];
}

const noDigests: readonly string[] = [];

/** The scheme, whose case does not count, and base64 in its one spelling. */
const credentialPattern = /^[ \t]*digest[ \t]+([A-Za-z0-9+/]+={0,2})[ \t]*$/i;

function digestIn(credential: string): string {
  const base64 = credentialPattern.exec(credential)?.[1];
  const shown = base64 === undefined ? null : Buffer.from(base64, "base64");
  const id = shown === null || shown.toString("base64") !== base64 ? null : digestIdOf(shown);
  if (id !== null) return id;
  throw new KeeperError(
    "bad_request",
    "Acl-Auth is `digest` and the base64 of user:password, several comma-separated.",
  );
}

/** `user:base64(SHA1("user:password"))` (A7); null for what is no text, or has no colon. */
function digestIdOf(shown: Buffer): string | null {
  const colon = shown.indexOf(":");
  if (colon === -1 || !isUtf8(shown)) return null;
  return `${shown.toString("utf8", 0, colon)}:${createHash("sha1").update(shown).digest("base64")}`;
}
