// Who asks for a command. It travels inside the command, so that whether somebody may is decided at the command's place
// in the log: what is ordered behind a revocation is refused, whenever it was sent. No secret is in it.

import type { Token } from "./token.ts";

/** One who has shown a token that the state knows. */
export interface TokenPrincipal {
  /** Name of the token. */
  readonly token: string;
  /** The transaction that made it: another token of the same name is another one. */
  readonly made: number;
  /** Where the secret that was shown ends before the token does, epoch milliseconds. */
  readonly validUntilMs?: number;
}

/** One who was vouched for from outside, by a signed token or a certificate. */
export interface OutsidePrincipal {
  /** Such as `jwt:…` or `cert:…`. */
  readonly identity: string;
  /** Names of policies; what the state has of them then counts. */
  readonly policies: readonly string[];
  readonly root: string;
  readonly validUntilMs?: number;
}

/** The service itself, for what nobody asked for. */
type SystemPrincipal = "system";

export type Principal = TokenPrincipal | OutsidePrincipal | SystemPrincipal;

/** As it is named where people are told who did something. */
export function principalId(principal: TokenPrincipal | OutsidePrincipal): string {
  return "token" in principal ? tokenId(principal.token) : principal.identity;
}

/** Another token of the same name is another one: what was the first one's own is not the other's. */
export function ownerOf({ name, madeZxid }: Pick<Token, "name" | "madeZxid">): string {
  return `${tokenId(name)}@${madeZxid}`;
}

export function tokenId(name: string): string {
  return `token:${name}`;
}
