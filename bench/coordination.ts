// The benchmark of locks: treekeeper beside ZooKeeper and etcd, all started by it, on the same disk, in the same run.
// It says what was measured, as Markdown, and which goals are met; with --quick it only shows that it runs.

import { measureDeaths } from "./coordination/death.ts";
import { judgeDeaths, judgeHandovers, judgePairs, judgeServices } from "./coordination/goals.ts";
import { measureHandovers } from "./coordination/handover.ts";
import { withKazoo } from "./coordination/kazoo.ts";
import { measurePairs } from "./coordination/pairs.ts";
import { deathTable, handoverTable, pairsTable, servicesTable } from "./coordination/report.ts";
import { type Contestant, installedKinds, withContestants } from "./coordination/servers.ts";
import { measureServices } from "./coordination/services.ts";
import { measureParts, type Part, runBenchmark } from "./support/benchmark.ts";

const parts = ["pairs", "handover", "death", "services"];

await runBenchmark(
  { file: "coordination.ts", quickTakes: "under half a minute", needsWrk: false, parts },
  (asked) =>
    withContestants(asked.dir, installedKinds(), (contestants) =>
      measureParts(partsOf(asked.quick, contestants), asked),
    ),
);

function partsOf(quick: boolean, contestants: readonly Contestant[]) {
  return {
    async pairs() {
      const quickPace = { rounds: 1, seconds: 0.5, warmUpSeconds: 0, clients: [1, 8] };
      const pace = { rounds: 5, seconds: 1.5, warmUpSeconds: 5, clients: [1, 8, 32] };
      const results = await measurePairs(await withKazoo(contestants), quick ? quickPace : pace);
      return { results, table: pairsTable(results), verdicts: results.flatMap(judgePairs) };
    },
    async handover() {
      const pace = quick ? { rounds: 1, waiters: [20] } : { rounds: 5, waiters: [100, 1_000] };
      const results = await measureHandovers(await withKazoo(contestants), pace);
      return { results, table: handoverTable(results), verdicts: results.flatMap(judgeHandovers) };
    },
    async death() {
      const pace = { rounds: quick ? 1 : 3, locks: quick ? 3 : 20, sessionTimeoutMs: 4_000 };
      const results = await measureDeaths(contestants, pace);
      return { results, table: deathTable(results), verdicts: judgeDeaths(results) };
    },
    async services() {
      const quickPace = { rounds: 1, services: 20, hosts: 3, sessionTimeoutMs: 2_000 };
      const pace = { rounds: 3, services: 1_000, hosts: 100, sessionTimeoutMs: 4_000 };
      const results = await measureServices(contestants, quick ? quickPace : pace);
      return { results, table: servicesTable(results), verdicts: judgeServices(results) };
    },
  } satisfies Record<string, () => Promise<Part>>;
}
