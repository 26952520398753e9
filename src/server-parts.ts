// What a server is made of: parts that are open already, and bounds that are settled.

import type { Tracer } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { Coordination } from "./coordination/coordination.ts";
import type { Limits } from "./core/limits.ts";
import type { Audit } from "./routes/http/audited-request.ts";
import type { HttpLimits } from "./routes/http/http-limits.ts";
import type { HealthLimits } from "./routes/operations/health-checks.ts";
import type { ListedServer } from "./routes/operations/servers.ts";
import type { IdempotencyLimits } from "./routes/wire/idempotency-limits.ts";
import type { Sessions } from "./sessions/sessions.ts";
import type { Backstage } from "./stats.ts";
import type { BackupSource } from "./store/backup-source.ts";
import type { Store } from "./store/store.ts";
import type { Upstream } from "./store/upstream/upstream.ts";
import type { UpstreamLog } from "./store/upstream/upstream-log.ts";
import type { Watches } from "./watches/watches.ts";

export interface ServerParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly coordination: Coordination;
  /** Where the server follows another. */
  readonly follower?: FollowerParts | undefined;
  /** Left out where the store is in no file. */
  readonly backups?: BackupSource;
  readonly limits: Limits & HttpLimits & HealthLimits & IdempotencyLimits;
  /** Every bound in force, by the name of its setting. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly logger: Logger;
  readonly version: string;
  /** Where it is noted who did what; nowhere when it is left out. */
  readonly audit?: Audit | undefined;
  /** Who serves the same tree, this one first; it is alone when it is left out. */
  readonly servers?: () => readonly ListedServer[];
  /** What is measured beside what the server is made of. */
  readonly backstage?: Backstage;
  /** What makes spans of requests; they have none when it is left out. */
  readonly tracer?: Tracer | null;
}

/** What a server has that follows another. */
interface FollowerParts {
  readonly upstream: Upstream;
  readonly log: Pick<UpstreamLog, "servers" | "lag">;
}
