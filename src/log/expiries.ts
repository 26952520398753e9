// Sessions that expired, in the log: whoever asks in the morning why a lock was given on finds it there.

import type { Logger } from "pino";
import type { Txn } from "../core/txn.ts";

/** What its server has heard of a session. */
interface Heard {
  readonly lastHeardAtMs: number;
  readonly openedBy?: string;
}

export function logExpiry(
  { cause, changes, zxid }: Txn,
  logger: Logger,
  heardOf: (id: string) => Heard | undefined,
): void {
  if (cause !== "session_expired") return;
  const ephemerals = changes.filter(({ type }) => type === "deleted").length;
  for (const change of changes) {
    if (change.type !== "sessionClosed") continue;
    const { id, name, timeoutMs } = change.session;
    const heard = heardOf(id);
    const lastHeardAt = heard && new Date(heard.lastHeardAtMs).toISOString();
    const facts = { session: id, name, openedBy: heard?.openedBy, timeoutMs, lastHeardAt, ephemerals, zxid };
    logger.info(facts, "a session expired");
  }
}
