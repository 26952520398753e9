// The benchmark of bulk work: transactions of many sets beside the database library alone, and listings of very many
// children. It says what was measured and which goals are met; with --quick it only shows that it runs.

import { type ListingResults, measureListing } from "./bulk/listing.ts";
import { type BulkResults, measureTransactions } from "./bulk/transactions.ts";
import { runBenchmark } from "./support/benchmark.ts";
import { aligned, spreadText } from "./support/table.ts";
import type { Verdict } from "./support/verdict.ts";

const setsPerSecondMin = 100_000;
const databaseShareMin = 0.5;
const listingMebibytesMax = 100;
const mebibyte = 1024 ** 2;

await runBenchmark(
  { file: "bulk.ts", quickTakes: "under half a minute", needsWrk: true },
  async ({ quick, dir, say }) => {
    const pace = quick
      ? { rounds: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
      : { rounds: 7, seconds: 5, warmUpSeconds: 4, settleMs: 2_000 };
    const transactions = await measureTransactions(dir, pace);
    say(transactionsTable(transactions));
    const listing = await measureListing(dir, quick ? 20_000 : 1_000_000);
    say(listingTable(listing));
    const verdicts = [judgeTransactions(transactions), judgeListing(listing)];
    return { results: { transactions, listing }, verdicts };
  },
);

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
