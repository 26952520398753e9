// What takes a place from the session that has it: said in the log, for whoever wonders in the morning, and in the audit.

import type { FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { WriteContext } from "../../core/write-context.ts";
import { tellAudit } from "../http/audit.ts";
import { addressOf } from "../http/client-address.ts";
import { tracedBy } from "../http/traceparent.ts";
import { namespaceOf } from "../wire/parts.ts";

interface Forced {
  /** The place, in the words of its resource. */
  readonly what: Readonly<Record<string, string>>;
  /** The session that had it; null where none did. */
  readonly owner: string | null;
  /** Whom the request acts for. */
  readonly context: WriteContext;
  readonly message: string;
}

export function noteForced(
  request: FastifyRequest,
  { what, owner, context, message }: Forced,
  logger: Logger,
): void {
  const by = { reader: addressOf(request), session: context.sessionId ?? null };
  const traced = tracedBy(request);
  logger.warn({ audit: true, ...what, ...namespaceOf(request), owner, by, ...traced }, message);
  tellAudit(request, () => ({ owner }));
}
