// The benchmark: the service beside a bare Fastify server, and beside itself with many more znodes. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { judge, type Results } from "./requests/goals.ts";
import { compareGrowth } from "./requests/growth.ts";
import { noiseLine, tableOf } from "./requests/report.ts";
import { type Comparison, compare, type Pace } from "./requests/throughput.ts";
import { assertWrk } from "./requests/wrk.ts";
import { startBareServer } from "./support/server-process.ts";
import { withService } from "./support/service-under-test.ts";
import { machineLine, machineOf } from "./support/table.ts";
import { verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/main.ts [--quick] [--million] [--growth] [--json FILE] [--dir DIRECTORY]
  --quick      under half a minute and no verdict: shows that everything runs
  --million    measures growth up to 1000000 znodes instead of 100000
  --growth     measures growth alone
  --json       writes every round to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const znodeCount = 1_000;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    million: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

if (options.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  try {
    await assertWrk();
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  const machine = machineOf();
  console.log(machineLine(machine));
  const results = await measureAll();
  console.log(`\n${tableOf(results)}`);
  const verdicts = options.quick ? [] : judge(results);
  if (!options.quick) console.log(`\n${noiseLine(results)}\n\n${verdictLines(verdicts)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, ...results, verdicts }, null, 2)}\n`);
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}

async function measureAll(): Promise<Results> {
  const pace: Pace = options.quick
    ? { rounds: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
    : { rounds: 7, seconds: 5, warmUpSeconds: 4, settleMs: 2_000 };
  const comparisons = options.growth ? [] : await compareWithBare(pace);
  const growthPace: Pace = options.quick ? pace : { ...pace, rounds: 5, seconds: 2, warmUpSeconds: 1 };
  const largeCounts = options.quick ? [10_000] : options.million ? [1_000_000] : [100_000];
  const growth = await compareGrowth(options.dir, largeCounts, growthPace);
  return { comparisons, growth };
}

async function compareWithBare(pace: Pace): Promise<Comparison[]> {
  const bare = await startBareServer();
  try {
    const setting = { directory: options.dir, count: znodeCount, settleMs: pace.settleMs };
    return await withService(setting, (service) => compare({ bare, service }, pace));
  } finally {
    await bare.stop();
  }
}
