// The benchmark of backups: what one that is taken does to those who read and write meanwhile. It says what was measured and
// which goals are met; with --quick it only shows that it runs.

import { type BackupResults, kindsOf, measureBackups } from "./backup/rounds.ts";
import { runBenchmark } from "./support/benchmark.ts";
import { aligned, spreadText } from "./support/table.ts";
import type { Verdict } from "./support/verdict.ts";

const ratioMax = 1.5;
const mebibyte = 1024 ** 2;

await runBenchmark(
  { file: "backup.ts", quickTakes: "ten seconds", needsWrk: false },
  async ({ quick, dir, say }) => {
    const pace = quick ? { rounds: 1, seconds: 1, mebibytes: 5 } : { rounds: 7, seconds: 10, mebibytes: 50 };
    const results = await measureBackups(dir, pace);
    say(tableOf(results));
    return { results: { results }, verdicts: verdictsOn(results) };
  },
);

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
