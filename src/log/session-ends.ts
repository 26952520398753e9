// Sessions that ended, in the audit log. Each server notes those that it saw end, whoever asked for it and where.

import type { Txn } from "../core/txn.ts";
import type { AuditLog } from "./audit-log.ts";

export function auditSessionEnds({ cause, changes, zxid }: Txn, audit: AuditLog): void {
  if (cause !== "session_closed" && cause !== "session_expired") return;
  const ephemerals = changes.filter(({ type }) => type === "deleted").length;
  // Who closes one has a line of its own, as of any request.
  const by = cause === "session_expired" ? "system" : undefined;
  for (const change of changes) {
    if (change.type !== "sessionClosed") continue;
    audit.note({ event: "session_ended", by, session: change.session.id, cause, ephemerals, zxid });
  }
}
