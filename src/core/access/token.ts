// A token: an identity that has secrets to show for itself, and what it may do.

import { KeeperError } from "../errors.ts";
import { rootPath, validatePath } from "../tree/path.ts";
import { accessBounds, validateAccessName } from "./policy.ts";

/** One of a token's secrets. While it is being replaced there are two. */
export interface Secret {
  /** SHA-256, hex: the secret itself is never stored. */
  readonly hash: string;
  /** Null for as long as the token. */
  readonly validUntilMs: number | null;
}

export interface Token {
  /** Its identity: what it opened and did stays its own, whichever secret it showed. */
  readonly name: string;
  /** Who it is for, where somebody else vouches for them, such as `cert:…` or `jwt:…`: then it has no secret of its own. */
  readonly identity?: string;
  readonly secrets: readonly Secret[];
  readonly policies: readonly string[];
  /** What is `/` to it; `/` itself for one that is not confined. */
  readonly root: string;
  readonly validUntilMs: number | null;
  readonly madeZxid: number;
  readonly madeAtMs: number;
}

/** What may be said of a token when it is made. */
export type TokenRequest = Pick<Token, "name" | "identity" | "policies" | "root" | "validUntilMs">;

const identityForm = /^(cert|jwt):[!-~]([ -~]{0,253}[!-~])?$/;

/** @throws KeeperError `bad_request`, `bad_path` */
export function validateToken({ name, identity, policies, root, validUntilMs }: TokenRequest): void {
  validateAccessName(name, "token");
  if (identity !== undefined && !identityForm.test(identity)) {
    throw new KeeperError(
      "bad_request",
      "An identity is cert: or jwt: and up to 255 printable ASCII characters.",
    );
  }
  const { policiesPerTokenMax } = accessBounds;
  if (policies.length === 0 || policies.length > policiesPerTokenMax) {
    throw new KeeperError("bad_request", `A token has 1 to ${policiesPerTokenMax} policies.`);
  }
  for (const policy of policies) validateAccessName(policy, "policy");
  validateRoot(root);
  if (validUntilMs !== null && !(Number.isSafeInteger(validUntilMs) && validUntilMs > 0)) {
    throw new KeeperError("bad_request", "The end of a token's validity is in epoch milliseconds.");
  }
}

/** @throws KeeperError `bad_path` */
function validateRoot(root: string): void {
  const { prefixLengthMax } = accessBounds;
  if (root.length > prefixLengthMax) {
    throw new KeeperError("bad_path", `The root of a token has at most ${prefixLengthMax} characters.`, {
      limit: "prefixLengthMax",
      limitValue: prefixLengthMax,
      size: root.length,
    });
  }
  if (root !== rootPath) validatePath(root);
}

/** A moment at which neither it nor the secret that was shown has ended. */
export function isValidAt(validUntilMs: number | null | undefined, timeMs: number): boolean {
  return validUntilMs === null || validUntilMs === undefined || timeMs < validUntilMs;
}
