// The benchmark: the service beside a bare Fastify server, and beside itself with many more znodes. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { judge, type Results } from "./requests/goals.ts";
import { compareGrowth } from "./requests/growth.ts";
import { noiseLine, tableOf } from "./requests/report.ts";
import { type Comparison, compare, type Pace } from "./requests/throughput.ts";
import { type Asked, runBenchmark } from "./support/benchmark.ts";
import { startBareServer } from "./support/server-process.ts";
import { withService } from "./support/service-under-test.ts";

const znodeCount = 1_000;

type Flag = "million" | "growth";

await runBenchmark<Flag>(
  {
    ...{ file: "main.ts", quickTakes: "under half a minute", needsWrk: true },
    flags: {
      million: "measures growth up to 1000000 znodes instead of 100000",
      growth: "measures growth alone",
    },
  },
  async (asked) => {
    const results = await measureAll(asked);
    asked.say(tableOf(results));
    return { results: { ...results }, verdicts: judge(results), remark: noiseLine(results) };
  },
);

async function measureAll({ quick, dir, flags }: Asked<Flag>): Promise<Results> {
  const pace: Pace = quick
    ? { rounds: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
    : { rounds: 7, seconds: 5, warmUpSeconds: 4, settleMs: 2_000 };
  const comparisons = flags.growth ? [] : await compareWithBare(dir, pace);
  const growthPace: Pace = quick ? pace : { ...pace, rounds: 5, seconds: 2, warmUpSeconds: 1 };
  const largeCounts = quick ? [10_000] : flags.million ? [1_000_000] : [100_000];
  const growth = await compareGrowth(dir, largeCounts, growthPace);
  return { comparisons, growth };
}

async function compareWithBare(directory: string, pace: Pace): Promise<Comparison[]> {
  const bare = await startBareServer();
  try {
    const setting = { directory, count: znodeCount, settleMs: pace.settleMs };
    return await withService(setting, (service) => compare({ bare, service }, pace));
  } finally {
    await bare.stop();
  }
}
