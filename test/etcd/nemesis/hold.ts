// The end of each nemesis: all that clients were told is held against what several servers promise, and what the servers have on
// their disks against each other.

import { expect } from "vitest";
import type { Cluster } from "../cluster.ts";
import { accountOf, summaryOf } from "./account.ts";
import { digestsOf, type Look } from "./digests.ts";
import { faultsOf } from "./judge.ts";
import { whileTheyRun } from "./quick-cluster.ts";
import type { NemesisRecord } from "./record.ts";
import type { Workload } from "./workload.ts";

/** Once nothing fails any more; nothing of the cluster runs afterwards. @param look at what each server has */
export async function expectHeld(cluster: Cluster, workload: Workload, look?: Look): Promise<NemesisRecord> {
  const record = await whileTheyRun(cluster, workload.end());
  process.stdout.write(`${summaryOf(record)}\n`);
  expect(faultsOf(record)).toEqual([]);
  const [digest, ...others] = await digestsOf(cluster, look);
  expect(others).toEqual(others.map(() => digest));
  return record;
}

/** The same where some server was there for whoever asked all of them in turn, or none was for anybody. */
export async function expectHeldAndNobodyLost(
  cluster: Cluster,
  workload: Workload,
  look?: Look,
): Promise<NemesisRecord> {
  const record = await expectHeld(cluster, workload, look);
  expect(accountOf(record).lost).toBe(0);
  return record;
}
