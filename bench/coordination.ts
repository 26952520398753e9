// The benchmark of locks: treekeeper beside ZooKeeper and etcd, all started by it, on the same disk, in the same run.
// It says what was measured, as Markdown, and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureDeaths } from "./coordination/death.ts";
import { judgeDeaths, judgeHandovers, judgePairs, judgeServices } from "./coordination/goals.ts";
import { measureHandovers } from "./coordination/handover.ts";
import { withKazoo } from "./coordination/kazoo.ts";
import { measurePairs } from "./coordination/pairs.ts";
import { deathTable, handoverTable, pairsTable, servicesTable } from "./coordination/report.ts";
import { type Contestant, installedKinds, withContestants } from "./coordination/servers.ts";
import { measureServices } from "./coordination/services.ts";
import { machineLine, machineOf } from "./support/table.ts";
import { type Verdict, verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/coordination.ts [--quick] [--only PARTS] [--json FILE] [--dir DIRECTORY]
  --quick      under half a minute and no verdict: shows that everything runs
  --only       comma-separated: pairs, handover, death, services
  --json       writes every round to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

/** What one part measured, what of it is shown, and what it says of its goals. */
interface Part {
  readonly results: unknown;
  readonly table: string;
  readonly verdicts: readonly Verdict[];
}

const { dir, quick } = options;

const parts: Record<string, (contestants: readonly Contestant[]) => Promise<Part>> = {
  async pairs(contestants) {
    const quickPace = { rounds: 1, seconds: 0.5, warmUpSeconds: 0, clients: [1, 8] };
    const pace = { rounds: 5, seconds: 1.5, warmUpSeconds: 5, clients: [1, 8, 32] };
    const results = await measurePairs(await withKazoo(contestants), quick ? quickPace : pace);
    return { results, table: pairsTable(results), verdicts: results.flatMap(judgePairs) };
  },
  async handover(contestants) {
    const pace = quick ? { rounds: 1, waiters: [20] } : { rounds: 5, waiters: [100, 1_000] };
    const results = await measureHandovers(await withKazoo(contestants), pace);
    return { results, table: handoverTable(results), verdicts: results.flatMap(judgeHandovers) };
  },
  async death(contestants) {
    const pace = { rounds: quick ? 1 : 3, locks: quick ? 3 : 20, sessionTimeoutMs: 4_000 };
    const results = await measureDeaths(contestants, pace);
    return { results, table: deathTable(results), verdicts: judgeDeaths(results) };
  },
  async services(contestants) {
    const quickPace = { rounds: 1, services: 20, hosts: 3, sessionTimeoutMs: 2_000 };
    const pace = { rounds: 3, services: 1_000, hosts: 100, sessionTimeoutMs: 4_000 };
    const results = await measureServices(contestants, quick ? quickPace : pace);
    return { results, table: servicesTable(results), verdicts: judgeServices(results) };
  },
};

if (options.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const names = options.only?.split(",") ?? Object.keys(parts);
  const unknown = names.find((name) => parts[name] === undefined);
  if (unknown !== undefined) {
    console.error(`There is no part ${unknown}.\n${usage}`);
    return 1;
  }
  const machine = machineOf();
  console.log(machineLine(machine));
  const measured: Record<string, Part> = {};
  await withContestants(dir, installedKinds(), async (contestants) => {
    for (const name of names) {
      const part = await (parts[name] as (typeof parts)[string])(contestants);
      measured[name] = part;
      console.log(`\n${part.table}`);
    }
  });
  return report(machine, measured);
}

function report(machine: ReturnType<typeof machineOf>, measured: Readonly<Record<string, Part>>): number {
  const verdicts = quick ? [] : Object.values(measured).flatMap((part) => part.verdicts);
  if (!quick) console.log(`\n\`\`\`\n${verdictLines(verdicts)}\n\`\`\``);
  if (options.json !== undefined) {
    const results = Object.entries(measured).map(([name, part]) => [name, part.results]);
    writeFileSync(
      options.json,
      `${JSON.stringify({ machine, ...Object.fromEntries(results), verdicts }, null, 2)}\n`,
    );
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}
