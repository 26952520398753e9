// The benchmark of metrics: what counting adds to a request, beside what a request takes. They cannot be turned off, so what
// is added is measured by itself, and what it is added to in a running service. With --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Added, measureAdded } from "./metrics/added.ts";
import { type CountedRequests, measureRequests } from "./metrics/requests.ts";
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
const shareMax = 0.01;

const addedPace = options.quick
  ? { rounds: 2, repeats: 200_000, idleMs: 200 }
  : { rounds: 15, repeats: 2_000_000, idleMs: 2_000 };
const requestsPace = options.quick
  ? { rounds: 1, seconds: 1, settleMs: 0, scrapes: 3 }
  : { rounds: 6, seconds: 5, settleMs: 1_000, scrapes: 30 };

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

function table({ requestNs, writeNs, runtimeShare }: Added, requests: CountedRequests): string {
  return aligned([
    ["counting a request, ns", spreadText(requestNs, 0)],
    ["counting a write in the store, ns", spreadText(writeNs, 0)],
    ["looking at the event loop, share of a processor", spreadText(runtimeShare, 5)],
    ["GET, us of the event loop", spreadText(requests.getMicroseconds, 2)],
    ["PUT, us of the event loop", spreadText(requests.putMicroseconds, 2)],
    ["a scrape, ms of the event loop", spreadText(requests.scrapeMs, 2)],
  ]);
}

function judge({ requestNs, writeNs, runtimeShare }: Added, requests: CountedRequests): Verdict[] {
  const put = {
    median: requestNs.median + writeNs.median,
    min: requestNs.min + writeNs.min,
    max: requestNs.max + writeNs.max,
  };
  return [
    verdictOf("GET", requestNs, requests.getMicroseconds, runtimeShare),
    verdictOf("PUT", put, requests.putMicroseconds, runtimeShare),
  ];
}

function verdictOf(name: string, addedNs: Spread, microseconds: Spread, runtimeShare: Spread): Verdict {
  const shareOf = (ns: number, runtime: number) => (ns / 1000 / microseconds.median + runtime) * 100;
  const measured = {
    median: shareOf(addedNs.median, runtimeShare.median),
    min: shareOf(addedNs.min, runtimeShare.min),
    max: shareOf(addedNs.max, runtimeShare.max),
  };
  const goal = `${name}: metrics take at most ${shareMax * 100} % of the event loop's time`;
  return { goal, measured, isMet: measured.median <= shareMax * 100 };
}
