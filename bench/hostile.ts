// The benchmark of hostile clients: what each attack does to others who use the service at the same time. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readDescriptors } from "../src/descriptors.ts";
import { type AttackName, attackNames } from "./hostile/attacks.ts";
import { judgeAttacks } from "./hostile/goals.ts";
import { attackedTable } from "./hostile/report.ts";
import { measureAttacks } from "./hostile/rounds.ts";
import { machineLine, machineOf } from "./support/table.ts";
import { verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/hostile.ts [--quick] [--only ATTACKS] [--json FILE] [--dir DIRECTORY]
  --quick      a minute and no verdict: shows that everything runs
  --only       comma-separated: ${attackNames.join(", ")}
  --json       writes every round to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given
10 000 idle connections take ulimit -n 14000 or more; with less there are as many as are allowed.`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

const { dir, quick } = options;

const pace = quick
  ? { rounds: 1, aloneSeconds: 1, attackSeconds: 1, settleMs: 100 }
  : { rounds: 5, aloneSeconds: 5, attackSeconds: 10, settleMs: 1_000 };

/** Of the attacker's process, for what is no connection. */
const spareDescriptors = 100;
const quickConnectionsMax = 200;

if (options.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const names = (options.only?.split(",") ?? attackNames) as AttackName[];
  const unknown = names.find((name) => !attackNames.includes(name));
  if (unknown !== undefined) {
    console.error(`There is no attack ${unknown}.\n${usage}`);
    return 1;
  }
  const machine = machineOf();
  console.log(machineLine(machine));
  const allowed = readDescriptors().openMax - spareDescriptors;
  const connectionsMax = quick ? Math.min(allowed, quickConnectionsMax) : allowed;
  const attacks = await measureAttacks(names, { directory: dir, pace, connectionsMax }, (attacked) =>
    console.log(`\n${attackedTable(attacked)}`),
  );
  const verdicts = quick ? [] : judgeAttacks(attacks);
  if (!quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine, attacks, verdicts }, null, 2)}\n`);
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}
