// The benchmark of hostile clients: what each attack does to others who use the service at the same time. It says what was
// measured and which goals are met; with --quick it only shows that it runs.

import { readDescriptors } from "../src/descriptors.ts";
import { type AttackName, attackNames } from "./hostile/attacks.ts";
import { judgeAttacks } from "./hostile/goals.ts";
import { attackedTable } from "./hostile/report.ts";
import { measureAttacks } from "./hostile/rounds.ts";
import { runBenchmark } from "./support/benchmark.ts";

/** Of the attacker's process, for what is no connection. */
const spareDescriptors = 100;
const quickConnectionsMax = 200;

await runBenchmark(
  {
    ...{ file: "hostile.ts", quickTakes: "a minute", needsWrk: false, parts: attackNames },
    note: "10 000 idle connections take ulimit -n 14000 or more; with less there are as many as are allowed.",
  },
  async ({ quick, dir, parts, say }) => {
    const pace = quick
      ? { rounds: 1, warmUpSeconds: 0, aloneSeconds: 1, attackSeconds: 1, settleMs: 100 }
      : { rounds: 5, warmUpSeconds: 10, aloneSeconds: 5, attackSeconds: 10, settleMs: 1_000 };
    const allowed = readDescriptors().openMax - spareDescriptors;
    const connectionsMax = quick ? Math.min(allowed, quickConnectionsMax) : allowed;
    const names = parts as readonly AttackName[];
    const attacks = await measureAttacks(names, { directory: dir, pace, connectionsMax }, (attacked) =>
      say(attackedTable(attacked)),
    );
    return { results: { attacks }, verdicts: judgeAttacks(attacks) };
  },
);
