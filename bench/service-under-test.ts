// A service on a fresh data directory of the project's disk, filled with znodes; both are gone when the work is done.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { populate } from "./populate.ts";
import { type ServerProcess, startService } from "./server-process.ts";

export interface ServiceUnderTest {
  readonly baseUrl: string;
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

export async function withService<T>(
  { directory, count, settleMs }: ServiceSetting,
  work: (service: ServiceUnderTest) => Promise<T>,
): Promise<T> {
  mkdirSync(directory, { recursive: true });
  const dataDirectory = mkdtempSync(join(directory, "run-"));
  let server: ServerProcess | undefined;
  try {
    server = await startService(dataDirectory);
    const { baseUrl } = server;
    await populate(baseUrl, parent, count);
    await wait(settleMs);
    return await work({ baseUrl, databaseFile: join(dataDirectory, "treekeeper.db"), parent, count });
  } finally {
    await server?.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
