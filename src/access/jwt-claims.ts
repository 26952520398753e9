// What a token says whose signature is good: until when it holds, whose it is, and what its issuer grants. It is judged as
// strictly as if it were not signed: issuers make mistakes, and a token without an end is one.

import type { JWTPayload } from "jose";
import { validatePath } from "../core/tree/path.ts";
import { type Identity, identityNameLengthMax, isIdentityName } from "./identity.ts";
import { TokenRefusedError } from "./token-refused-error.ts";

/** From `iat` to `exp`: a token cannot be taken back, so it must end soon. */
const lifetimeMsMax = 24 * 3_600_000;

/** How much the issuer's clock may be ahead. At the end there is none: nothing holds longer than it says. */
export const leewaySeconds = 30;

/** Policies in one token, and characters of a policy's name and of a root. */
const policiesMax = 32;
const policyNameLengthMax = 255;
const rootLengthMax = 4096;

/** @throws TokenRefusedError */
export function identityIn(claims: JWTPayload, nowMs: number): Identity {
  const validUntilMs = endOf(claims, nowMs);
  const { sub } = claims;
  if (!isIdentityName(sub))
    throw new TokenRefusedError(`its sub is not 1 to ${identityNameLengthMax} printable ASCII characters`);
  return { id: `jwt:${sub}`, ...grantIn(claims.treekeeper), validUntilMs };
}

/** Those that are there are numbers, as jose has seen to. Epoch seconds may have fractions. */
function endOf({ exp, iat, nbf }: JWTPayload, nowMs: number): number {
  if (exp === undefined) throw new TokenRefusedError("it has no exp");
  const endMs = Math.floor(exp * 1000);
  if (endMs <= nowMs) throw new TokenRefusedError("it has expired");
  if (iat !== undefined && iat * 1000 > nowMs + leewaySeconds * 1000)
    throw new TokenRefusedError("its iat is in the future", { endsWithTime: true });
  const begin = iat ?? nbf;
  if (endMs - (begin === undefined ? nowMs : begin * 1000) > lifetimeMsMax)
    throw new TokenRefusedError(`it holds for more than ${lifetimeMsMax / 3_600_000} hours`);
  return endMs;
}

/** A member that is not known is a grant or a restriction that would get lost. */
function grantIn(claim: unknown): Pick<Identity, "policies" | "root"> {
  if (claim === undefined) return { policies: null, root: "/" };
  if (typeof claim !== "object" || claim === null || Array.isArray(claim))
    throw new TokenRefusedError("its claim treekeeper is not an object");
  const { policies, root = "/", ...others } = claim as Record<string, unknown>;
  if (Object.keys(others).length > 0)
    throw new TokenRefusedError("its claim treekeeper has members besides policies and root");
  if (!Array.isArray(policies) || policies.length > policiesMax || !policies.every(isPolicyName))
    throw new TokenRefusedError(`its policies are not a list of at most ${policiesMax} names`);
  if (!isRoot(root)) throw new TokenRefusedError("its root is not a path");
  return { policies, root };
}

function isPolicyName(name: unknown): name is string {
  return typeof name === "string" && name.length <= policyNameLengthMax && /^[!-~]+$/.test(name);
}

function isRoot(root: unknown): root is string {
  if (typeof root !== "string" || root.length > rootLengthMax) return false;
  try {
    validatePath(root);
    return true;
  } catch {
    return false;
  }
}
