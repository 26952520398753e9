// The benchmark of access control: what it costs a request and a fan-out, beside a service without it. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { measureFanOut } from "./access/fan-out.ts";
import { judgeFanOut, judgeRequests } from "./access/goals.ts";
import { fanOutTable, requestsTable } from "./access/report.ts";
import { measureRequests } from "./access/requests.ts";
import { runBenchmark } from "./support/benchmark.ts";

await runBenchmark(
  { file: "access.ts", quickTakes: "under half a minute", needsWrk: true },
  async ({ quick, dir, say }) => {
    const requests = await measureRequests(
      dir,
      quick
        ? { policies: 100, pairs: 1, roundsPerPair: 1, seconds: 1, warmUpSeconds: 0, settleMs: 0 }
        : { policies: 1_000, pairs: 4, roundsPerPair: 6, seconds: 2, warmUpSeconds: 3, settleMs: 200 },
    );
    say(requestsTable(requests));
    const fanOut = await measureFanOut(
      dir,
      quick
        ? { policies: 100, streams: 100, changes: 10, rounds: 1 }
        : { policies: 1_000, streams: 1_000, changes: 60, rounds: 12 },
    );
    say(fanOutTable(fanOut));
    const verdicts = [...judgeRequests(requests), ...judgeFanOut(fanOut)];
    return { results: { requests, "fan-out": fanOut }, verdicts };
  },
);
