// The benchmark of bulk work: transactions of many sets beside the database library alone, and listings of very many
// children. It says what was measured and which goals are met; with --quick it only shows that it runs.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type ListingResults, measureListing } from "./bulk/listing.ts";
import { type BulkResults, measureTransactions } from "./bulk/transactions.ts";
import { assertWrk } from "./requests/wrk.ts";
import { aligned, machineLine, machineOf, spreadText } from "./support/table.ts";
import { type Verdict, verdictLines } from "./support/verdict.ts";

const usage = `Usage: node bench/bulk.ts [--quick] [--json FILE] [--dir DIRECTORY]
  --quick      under half a minute and no verdict: shows that everything runs
  --json       writes what was measured to this file
  --dir        where the data goes, on the disk to be measured; .bench in the project unless given`;

const setsPerSecondMin = 100_000;
const databaseShareMin = 0.5;
const listingMebibytesMax = 100;
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
  try {
    await assertWrk();
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  const { dir, quick } = options;
  const machine = machineOf();
  console.log(machineLine(machine));
  const pace = quick
    ? { rounds: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
    : { rounds: 7, seconds: 5, warmUpSeconds: 4, settleMs: 2_000 };
  const transactions = await measureTransactions(dir, pace);
  console.log(`\n${transactionsTable(transactions)}`);
  const listing = await measureListing(dir, quick ? 20_000 : 1_000_000);
  console.log(`\n${listingTable(listing)}`);
  const verdicts = quick ? [] : [judgeTransactions(transactions), judgeListing(listing)];
  if (!quick) console.log(`\n${verdictLines(verdicts)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, transactions, listing, verdicts }, null, 2)}\n`);
  }
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}

function transactionsTable({ databasePerSecond, setsPerSecond, ratio }: BulkResults): string {
  return aligned([
    ["", "database alone, rows/s", "service, sets/s", "ratio"],
    [
      "transactions of 100",
      spreadText(databasePerSecond, 0),
      spreadText(setsPerSecond, 0),
      spreadText(ratio, 2),
    ],
  ]);
}

function listingTable(listing: ListingResults): string {
  const inMebibytes = (bytes: number) => (bytes / mebibyte).toFixed(0);
  return aligned([
    ["", "lines", "seconds", "MiB idle", "MiB at most", "MiB after"],
    [
      `children of a parent with ${listing.children}`,
      String(listing.lines),
      listing.seconds.toFixed(1),
      ...[listing.idleBytes, listing.mostBytes, listing.settledBytes].map(inMebibytes),
    ],
  ]);
}

/** Whichever of the two is less. */
function judgeTransactions({ setsPerSecond, ratio }: BulkResults): Verdict {
  const isFast = setsPerSecond.median >= setsPerSecondMin;
  return {
    goal: `sets/s in transactions of 100: ${setsPerSecondMin}, or ${databaseShareMin} of the database's rows/s (shown)`,
    measured: ratio,
    isMet: isFast || ratio.median >= databaseShareMin,
    ...(isFast && { remark: `${setsPerSecond.median.toFixed(0)} sets/s` }),
  };
}

function judgeListing({ idleBytes, mostBytes, children, lines }: ListingResults): Verdict {
  const added = (mostBytes - idleBytes) / mebibyte;
  return {
    goal: `listing ${children} children takes at most ${listingMebibytesMax} MiB more than idle`,
    measured: { median: added, min: added, max: added },
    isMet: added <= listingMebibytesMax && lines === children,
  };
}
