// What somebody may do by now who asked a while ago: a stream, or a request that waits, goes on by rights that may end.

import type { ReadContext } from "../reader.ts";
import type { ReadonlyAccess } from "./access.ts";
import { type Permits, systemPermits, unauthenticated } from "./permits.ts";
import { isValidAt } from "./token.ts";

/** @throws KeeperError `unauthenticated` when they are nobody any more */
export function permitsNow(access: ReadonlyAccess, context: ReadContext, timeMs: number): Permits {
  const { permits, principal, secretHash } = context;
  if (permits === systemPermits) return permits;
  if (principal === undefined) {
    if (access.isOn) throw unauthenticated();
    return permits;
  }
  if (secretHash !== undefined) {
    const shown = access.shownBy(secretHash);
    if (shown === undefined || !isValidAt(shown.secret.validUntilMs, timeMs)) throw unauthenticated();
  }
  return access.permitsOf(principal, timeMs);
}

/** When their rights end if nobody changes anything, epoch milliseconds; null for never. */
export function endOfPermits(access: ReadonlyAccess, { principal, secretHash }: ReadContext): number | null {
  if (principal === undefined) return null;
  const ends = [
    principal.validUntilMs,
    "token" in principal ? access.token(principal.token)?.validUntilMs : null,
    secretHash === undefined ? null : access.shownBy(secretHash)?.secret.validUntilMs,
  ].filter((endMs) => typeof endMs === "number");
  return ends.length === 0 ? null : Math.min(...ends);
}
