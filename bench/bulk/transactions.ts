// Transactions of 100 sets, beside what the database library alone inserts in like batches, durable as well: round
// after round on the same disk.

import { setTimeout as wait } from "node:timers/promises";
import type { Pace } from "../requests/throughput.ts";
import { measure } from "../requests/wrk.ts";
import { withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { insertsPerSecond } from "./database-inserts.ts";

const setsPerTransaction = 100;
const znodeCount = 10_000;

export interface BulkResults {
  readonly databasePerSecond: Spread;
  readonly setsPerSecond: Spread;
  /** Sets of the service by inserts of the database, round by round. */
  readonly ratio: Spread;
}

export function measureTransactions(directory: string, pace: Pace): Promise<BulkResults> {
  const { settleMs } = pace;
  return withService({ directory, count: znodeCount, settleMs }, async (service) => {
    const rounds: { readonly database: number; readonly sets: number }[] = [];
    const load = { ...service, kind: "multi" } as const;
    if (pace.warmUpSeconds > 0) await measure({ ...load, seconds: pace.warmUpSeconds });
    for (let round = 0; round < pace.rounds; round += 1) {
      const database = await withTemporaryFolder(directory, async (folder) =>
        insertsPerSecond(folder, { rowsPerBatch: setsPerTransaction, seconds: pace.seconds }),
      );
      const { perSecond } = await measure({ ...load, seconds: pace.seconds });
      rounds.push({ database, sets: perSecond * setsPerTransaction });
      await wait(settleMs);
    }
    return {
      databasePerSecond: spreadOf(rounds.map(({ database }) => database)),
      setsPerSecond: spreadOf(rounds.map(({ sets }) => sets)),
      ratio: spreadOf(rounds.map(({ database, sets }) => sets / database)),
    };
  });
}
