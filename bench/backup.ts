// The benchmark of backups: what one that is taken does to those who read and write meanwhile. It says what was measured and
// which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BackupResults, kindsOf, measureBackups } from "./backup/rounds.ts";
import { aligned, machineLine, machineOf, spreadText } from "./support/table.ts";
import { type Verdict, verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/backup.ts [--quick] [--json FILE] [--dir DIRECTORY]
  --quick      ten seconds and no verdict: shows that everything runs
  --json       writes what was measured to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const ratioMax = 1.5;
const mebibyte = 1024 ** 2;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

if (options.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const { dir, quick } = options;
  const machine = machineOf();
  console.log(machineLine(machine));
  const pace = quick ? { rounds: 1, seconds: 1, mebibytes: 5 } : { rounds: 7, seconds: 10, mebibytes: 50 };
  const results = await measureBackups(dir, pace);
  console.log(`\n${tableOf(results)}`);
  const verdicts = quick ? [] : verdictsOn(results);
  if (!quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, results, verdicts }, null, 2)}\n`);
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}

function tableOf(results: BackupResults): string {
  const { bytes, backupMs, backups } = results;
  const head = `${backups} backups of ${(bytes / mebibyte).toFixed(0)} MiB, each in ${spreadText(backupMs, 0)} ms`;
  const rows = kindsOf(results).map(([kind, waits]) => [
    kind,
    ...[waits.aloneP50Ms, waits.aloneP99Ms, waits.besideP50Ms, waits.besideP99Ms, waits.ratio].map((spread) =>
      spreadText(spread, 2),
    ),
  ]);
  const columns = ["", "p50 alone, ms", "p99 alone, ms", "p50 beside, ms", "p99 beside, ms", "p99 ratio"];
  return `${head}\n${aligned([columns, ...rows])}`;
}

function verdictsOn(results: BackupResults): Verdict[] {
  return kindsOf(results).map(([kind, { ratio }]) => ({
    goal: `p99 of ${kind} while backups are taken: at most ${ratioMax} times that without`,
    measured: ratio,
    isMet: ratio.median <= ratioMax,
  }));
}
