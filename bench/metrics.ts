// The benchmark of metrics: what counting adds to a request. They cannot be turned off: so the steps that count are measured
// by themselves, beside what a request takes, and a service that was loaded without them is asked in turn with one that counts. How
// much two services differ that are the same is more than what is looked for, so it is the first that is judged. With
// --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Added, measureAdded } from "./metrics/added.ts";
import { type Counted, measureRequests } from "./metrics/requests.ts";
import { assertWrk } from "./requests/wrk.ts";
import type { Spread } from "./support/statistics.ts";
import { aligned, machineLine, machineOf, spreadText } from "./support/table.ts";
import { type Verdict, verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/metrics.ts [--quick] [--json FILE] [--dir DIRECTORY]
  --quick      a few seconds and no verdict: shows that everything runs
  --json       writes every figure to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("../.bench", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

/** Of the time that the event loop has for a request. */
const percentMax = 1;

const names = { get: "GET", set: "PUT" } as const;

const addedPace = options.quick
  ? { rounds: 2, repeats: 200_000, busyMs: 200 }
  : { rounds: 15, repeats: 2_000_000, busyMs: 1_000 };
const requestsPace = options.quick
  ? { roundsPerHalf: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0, scrapes: 3 }
  : { roundsPerHalf: 6, seconds: 4, warmUpSeconds: 4, settleMs: 500, scrapes: 15 };

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
  const added = await measureAdded(addedPace);
  const requests = await measureRequests(options.dir, requestsPace);
  console.log(`\n${table(added, requests)}`);
  const verdicts = options.quick ? [] : judge(added, requests);
  if (!options.quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine, added, requests, verdicts }, null, 2)}\n`);
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}

function table({ requestNs, writeNs, runtimeShare }: Added, { requests, scrapeMs }: Counted): string {
  return aligned([
    ["counting a request, ns", spreadText(requestNs, 0)],
    ["counting a write in the store, ns", spreadText(writeNs, 0)],
    ["looking at the event loop and the collector, share of it", spreadText(runtimeShare, 5)],
    ...requests.flatMap(({ kind, ...row }) => [
      [`${names[kind]}, us of the event loop`, spreadText(row.countingMicroseconds, 2)],
      [`${names[kind]} without counting`, spreadText(row.bareMicroseconds, 2)],
      [`${names[kind]}, ratio`, spreadText(row.ratio, 3)],
    ]),
    ["a scrape, ms of the event loop", spreadText(scrapeMs, 2)],
  ]);
}

function judge({ requestNs, writeNs, runtimeShare }: Added, { requests }: Counted): Verdict[] {
  return requests.map(({ kind, countingMicroseconds: { median: microseconds } }) => {
    const percentOf = (at: keyof Spread) => {
      const ns = requestNs[at] + (kind === "set" ? writeNs[at] : 0);
      return (ns / 1000 / microseconds + runtimeShare[at]) * 100;
    };
    const measured = { median: percentOf("median"), min: percentOf("min"), max: percentOf("max") };
    const goal = `${names[kind]}: metrics take at most ${percentMax} % of the event loop's time`;
    return { goal, measured, isMet: measured.median <= percentMax };
  });
}
