// Members of etcd for the suites whose services keep their logs there, as long as they run.

import type { TestProject } from "vitest/node";
import { Etcd } from "./etcd-process.ts";

export async function setup({ config }: TestProject): Promise<() => Promise<void>> {
  const etcd = await Etcd.start(Number(config.env.MEMBERS_OF_ETCD));
  // Processes of tests are started later, with what is set by then (test/support/logs.ts).
  config.env.LOG_IN_ETCD = etcd.endpoints.join(",");
  return () => etcd.stop();
}
