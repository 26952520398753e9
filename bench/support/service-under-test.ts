// A service on a fresh data directory of the project's disk, filled with znodes; both are gone when the work is done.

import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { populate } from "../requests/populate.ts";
import { startService } from "./server-process.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";

export interface ServiceUnderTest {
  readonly baseUrl: string;
  readonly pid: number;
  readonly databaseFile: string;
  readonly parent: string;
  readonly count: number;
}

const parent = "/bench";

export interface ServiceSetting {
  readonly directory: string;
  /** Znodes under the parent. */
  readonly count: number;
  readonly settleMs: number;
}

export function withService<T>(
  { directory, count, settleMs }: ServiceSetting,
  work: (service: ServiceUnderTest) => Promise<T>,
): Promise<T> {
  return withTemporaryFolder(directory, async (dataDirectory) => {
    const server = await startService(dataDirectory);
    try {
      const { baseUrl, pid } = server;
      await populate(baseUrl, parent, count);
      await wait(settleMs);
      return await work({ baseUrl, pid, databaseFile: join(dataDirectory, "treekeeper.db"), parent, count });
    } finally {
      await server.stop();
    }
  });
}
