// The benchmark of access control: what it costs a request and a fan-out, beside a service without it. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureFanOut } from "./access/fan-out.ts";
import { judgeFanOut, judgeRequests } from "./access/goals.ts";
import { fanOutTable, requestsTable } from "./access/report.ts";
import { measureRequests } from "./access/requests.ts";
import { assertWrk } from "./requests/wrk.ts";
import { machineLine, machineOf } from "./support/table.ts";
import { verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/access.ts [--quick] [--json FILE] [--dir DIRECTORY]
  --quick      under half a minute and no verdict: shows that everything runs
  --json       writes every round to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

const { dir, quick } = options;

const requestsPace = quick
  ? { policies: 100, roundsPerHalf: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
  : { policies: 1_000, roundsPerHalf: 6, seconds: 5, warmUpSeconds: 4, settleMs: 1_000 };

const fanOutPace = quick
  ? { policies: 100, streams: 100, changes: 10, rounds: 1 }
  : { policies: 1_000, streams: 1_000, changes: 60, rounds: 12 };

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
  const requests = await measureRequests(dir, requestsPace);
  console.log(`\n${requestsTable(requests)}`);
  const fanOut = await measureFanOut(dir, fanOutPace);
  console.log(`\n${fanOutTable(fanOut)}`);
  const verdicts = quick ? [] : [...judgeRequests(requests), ...judgeFanOut(fanOut)];
  if (!quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined) {
    const results = { machine, requests, "fan-out": fanOut, verdicts };
    writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}
