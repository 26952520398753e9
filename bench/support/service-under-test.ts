// A service on a fresh data directory of the project's disk, filled with znodes; both are gone when the work is done.

import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { layFirstToken } from "../../src/access/first-token.ts";
import { populate } from "../requests/populate.ts";
import { startService } from "./server-process.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";

export interface ServiceUnderTest {
  readonly baseUrl: string;
  readonly pid: number;
  readonly databaseFile: string;
  readonly parent: string;
  readonly count: number;
  /** Headers of whoever may do everything; none where everybody may. */
  readonly admin: Readonly<Record<string, string>>;
}

const usualParent = "/bench";

export interface ServiceSetting {
  readonly directory: string;
  /** Znodes under the parent. */
  readonly count: number;
  readonly settleMs: number;
  /** `/bench` unless given. */
  readonly parent?: string;
  readonly hasAccessControl?: boolean;
  /** As on the command line. */
  readonly settings?: readonly string[];
  /** Loaded before the service. */
  readonly imports?: readonly URL[];
}

export function withService<T>(
  setting: ServiceSetting,
  work: (service: ServiceUnderTest) => Promise<T>,
): Promise<T> {
  const {
    directory,
    count,
    settleMs,
    parent = usualParent,
    hasAccessControl = false,
    settings = [],
    imports = [],
  } = setting;
  return withTemporaryFolder(directory, async (dataDirectory) => {
    const admin = hasAccessControl ? bearer(layFirstToken(dataDirectory, "bench").secret) : {};
    const server = await startService(dataDirectory, { settings, imports });
    try {
      const { baseUrl, pid } = server;
      await populate(baseUrl, { parent, count, headers: admin });
      await wait(settleMs);
      const databaseFile = join(dataDirectory, "treekeeper.db");
      return await work({ baseUrl, pid, databaseFile, parent, count, admin });
    } finally {
      await server.stop();
    }
  });
}

/** The headers of whoever has the token. */
export function bearer(secret: string): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${secret}` };
}
