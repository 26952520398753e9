// The benchmark of watches, part by part: fan-out, memory, writes beside streams, slow readers, and everybody coming
// back at once. It says what was measured and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { assertWrk } from "./requests/wrk.ts";
import { machineLine, machineOf } from "./support/table.ts";
import { type Verdict, verdictLines } from "./support/verdict.ts";
import { measureFanOut } from "./watches/fan-out.ts";
import { judgeFanOut, judgeMemory, judgeRestarts, judgeTails, judgeWrites } from "./watches/goals.ts";
import { measureMemory } from "./watches/memory.ts";
import { fanOutTable, memoryTable, restartsTable, tailsTable, writesTable } from "./watches/report.ts";
import { measureRestarts } from "./watches/restart.ts";
import { measureTails } from "./watches/tails.ts";
import { measureWrites } from "./watches/writes.ts";

const usage = `Usage: node bench/watches.ts [--quick] [--only PARTS] [--json FILE] [--dir DIRECTORY]
  --quick      under half a minute and no verdict: shows that everything runs
  --only       comma-separated: fan-out, memory, writes, tails, restart
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

const parts: Record<string, () => Promise<Part>> = {
  async "fan-out"() {
    const quickSizes = [
      { streams: 100, changes: 10 },
      { streams: 500, changes: 5 },
    ];
    const sizes = [
      { streams: 1_000, changes: 60 },
      { streams: 10_000, changes: 10 },
    ];
    const pace = quick ? { rounds: 1, sizes: quickSizes } : { rounds: 11, sizes };
    const results = await measureFanOut(dir, pace);
    return { results, table: fanOutTable(results), verdicts: judgeFanOut(results) };
  },
  async memory() {
    const pace = quick ? { rounds: 1, streams: 500 } : { rounds: 3, streams: 10_000 };
    const results = await measureMemory(dir, pace);
    return { results, table: memoryTable(results), verdicts: judgeMemory(results) };
  },
  async writes() {
    const quickPace = { streams: 500, roundsPerHalf: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 };
    const pace = { streams: 10_000, roundsPerHalf: 6, seconds: 5, warmUpSeconds: 4, settleMs: 1_000 };
    const results = await measureWrites(dir, quick ? quickPace : pace);
    return { results, table: writesTable(results), verdicts: judgeWrites(results) };
  },
  async tails() {
    const quickPace = { rounds: 1, streams: 5, slowReaders: 5, changes: 50, everyMs: 4 };
    const pace = { rounds: 11, streams: 20, slowReaders: 500, changes: 1_000, everyMs: 4 };
    const results = await measureTails(dir, quick ? quickPace : pace);
    return { results, table: tailsTable(results), verdicts: judgeTails(results) };
  },
  async restart() {
    const quickPace = { rounds: 1, streams: 200, sessions: 10, missed: 10 };
    const pace = { rounds: 5, streams: 2_000, sessions: 100, missed: 100 };
    const results = await measureRestarts(dir, quick ? quickPace : pace);
    return { results, table: restartsTable(results), verdicts: judgeRestarts(results) };
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
  try {
    await assertWrk();
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  const machine = machineOf();
  console.log(machineLine(machine));
  const measured: Record<string, Part> = {};
  for (const name of names) {
    const part = await (parts[name] as () => Promise<Part>)();
    measured[name] = part;
    console.log(`\n${part.table}`);
  }
  return report(machine, measured);
}

function report(machine: ReturnType<typeof machineOf>, measured: Readonly<Record<string, Part>>): number {
  const verdicts = quick ? [] : Object.values(measured).flatMap((part) => part.verdicts);
  if (!quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined) {
    const results = Object.entries(measured).map(([name, part]) => [name, part.results]);
    writeFileSync(
      options.json,
      `${JSON.stringify({ machine, ...Object.fromEntries(results), verdicts }, null, 2)}\n`,
    );
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}
