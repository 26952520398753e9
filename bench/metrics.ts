// The benchmark of metrics: what counting adds to a request. They cannot be turned off: so the steps that count are measured
// by themselves, beside what a request takes, and a service that was loaded without them is asked in turn with one that counts. How
// much two services differ that are the same is more than what is looked for, so it is the first that is judged. With
// --quick it only shows that it runs.

import { type Added, measureAdded } from "./metrics/added.ts";
import { type Counted, measureRequests } from "./metrics/requests.ts";
import { runBenchmark } from "./support/benchmark.ts";
import type { Spread } from "./support/statistics.ts";
import { aligned, spreadText } from "./support/table.ts";
import type { Verdict } from "./support/verdict.ts";

/** Of the time that the event loop has for a request. */
const percentMax = 1;

const names = { get: "GET", set: "PUT" } as const;

await runBenchmark(
  { file: "metrics.ts", quickTakes: "a few seconds", needsWrk: true },
  async ({ quick, dir, say }) => {
    const addedPace = quick
      ? { rounds: 2, repeats: 200_000, busyMs: 200 }
      : { rounds: 15, repeats: 2_000_000, busyMs: 1_000 };
    const requestsPace = quick
      ? { roundsPerHalf: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0, scrapes: 3 }
      : { roundsPerHalf: 6, seconds: 4, warmUpSeconds: 4, settleMs: 500, scrapes: 15 };
    const added = await measureAdded(addedPace);
    const requests = await measureRequests(dir, requestsPace);
    say(table(added, requests));
    return { results: { added, requests }, verdicts: judge(added, requests) };
  },
);

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
