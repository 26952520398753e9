// Sessions that expired, in the log: whoever asks in the morning why a lock was given on finds it there.

import type { Logger } from "pino";
import type { Txn } from "../core/txn.ts";

export function logExpiry({ cause, changes, zxid }: Txn, logger: Logger): void {
  if (cause !== "session_expired") return;
  const ephemerals = changes.filter(({ type }) => type === "deleted").length;
  for (const change of changes) {
    if (change.type !== "sessionClosed") continue;
    const { id, name, timeoutMs } = change.session;
    logger.info({ session: id, name, timeoutMs, ephemerals, zxid }, "a session expired");
  }
}
