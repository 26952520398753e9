// The benchmark of watches, part by part: fan-out, memory, writes beside streams, slow readers, and everybody coming
// back at once. It says what was measured and which goals are met; with --quick it only shows that it runs.

import { type Asked, measureParts, type Part, runBenchmark } from "./support/benchmark.ts";
import { measureFanOut } from "./watches/fan-out.ts";
import { judgeFanOut, judgeMemory, judgeRestarts, judgeTails, judgeWrites } from "./watches/goals.ts";
import { measureMemory } from "./watches/memory.ts";
import { fanOutTable, memoryTable, restartsTable, tailsTable, writesTable } from "./watches/report.ts";
import { measureRestarts } from "./watches/restart.ts";
import { measureTails } from "./watches/tails.ts";
import { measureWrites } from "./watches/writes.ts";

const parts = ["fan-out", "memory", "writes", "tails", "restart"];

await runBenchmark(
  { file: "watches.ts", quickTakes: "under half a minute", needsWrk: true, parts },
  (asked) => measureParts(partsOf(asked), asked),
);

function partsOf({ quick, dir }: Pick<Asked, "quick" | "dir">) {
  return {
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
  } satisfies Record<string, () => Promise<Part>>;
}
