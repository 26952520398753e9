// The benchmark of several servers: three over three members of etcd, all started by it on the same disk, beside plain puts of
// the same etcd in the same run. It says what was measured and which goals are met; with --quick it only shows that it runs.

import { measureClientDeaths } from "./cluster/client-deaths.ts";
import { type BenchCluster, withCluster } from "./cluster/cluster.ts";
import { judgeClientDeaths, judgeHousekeeperDeaths, judgeReads, judgeWrites } from "./cluster/goals.ts";
import { measureHousekeeperDeaths } from "./cluster/housekeeper-deaths.ts";
import { measureReads } from "./cluster/reads.ts";
import { clientDeathsTable, housekeeperDeathsTable, readsTable, writesTable } from "./cluster/report.ts";
import { measureWrites, parent, znodeCount } from "./cluster/writes.ts";
import { populate } from "./requests/populate.ts";
import { measureParts, type Part, runBenchmark } from "./support/benchmark.ts";

const parts = ["writes", "reads", "client-deaths", "housekeeper-deaths"];

await runBenchmark(
  {
    ...{ file: "cluster.ts", quickTakes: "a minute", needsWrk: true, parts },
    note: "It needs etcd (apt-get install etcd-server), and for reads Linux's taskset and two cores.",
  },
  (asked) =>
    withCluster(asked.dir, async (cluster) => {
      await populate(cluster.server(0).baseUrl, { parent, count: znodeCount });
      return await measureParts(partsOf(asked.quick, cluster), asked);
    }),
);

function partsOf(quick: boolean, cluster: BenchCluster) {
  return {
    async writes() {
      const quickPace = { rounds: 1, seconds: 1, warmUpSeconds: 0, clients: [1, 8, 64] };
      const pace = { rounds: 5, seconds: 2, warmUpSeconds: 5, clients: [1, 8, 64, 256] };
      const results = await measureWrites(cluster, quick ? quickPace : pace);
      return { results, table: writesTable(results), verdicts: judgeWrites(results) };
    },
    async reads() {
      const quickPace = { rounds: 1, seconds: 1, warmUpSeconds: 0 };
      const pace = { rounds: 7, seconds: 2, warmUpSeconds: 3 };
      const results = await measureReads(cluster, quick ? quickPace : pace);
      return { results, table: readsTable(results), verdicts: judgeReads(results) };
    },
    async "client-deaths"() {
      const results = await measureClientDeaths(cluster, quick ? 1 : 21);
      return { results, table: clientDeathsTable(results), verdicts: judgeClientDeaths(results) };
    },
    async "housekeeper-deaths"() {
      const results = await measureHousekeeperDeaths(cluster, quick ? 1 : 5);
      return { results, table: housekeeperDeathsTable(results), verdicts: judgeHousekeeperDeaths(results) };
    },
  } satisfies Record<string, () => Promise<Part>>;
}
