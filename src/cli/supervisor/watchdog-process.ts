// The watchdog: a process beside the supervisor that ends the command and all it has started when the supervisor is
// gone, or stands still until too late. It is told by what to find them and until when, and knows nothing else.

import { setInterval } from "node:timers";
import { type Deadline, untilMs } from "./deadline.ts";
import { isOver, type JobTag, signalJob } from "./job.ts";

/** What the supervisor says: whom to watch and until when, `null` for as long as the supervisor lives. */
export interface WatchdogOrder {
  /** Sent back when the order is in force. */
  readonly number: number;
  readonly job: JobTag | null;
  readonly deadline: Deadline | null;
}

/** A machine that wakes up starts its timers where they stopped: it may be so late. */
const lookMs = 40;

let order: Pick<WatchdogOrder, "job" | "deadline"> = { job: null, deadline: null };

// It ends with the supervisor and not before, whatever else is being stopped.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(name, () => {});
process.on("SIGCONT", look);
process.on("message", (message: WatchdogOrder) => {
  order = message;
  look();
  process.send?.(message.number, undefined, undefined, () => {});
});
process.on("disconnect", () => {
  // A process that the supervisor was starting has its end of the channel, too, until it is the command, with its mark.
  if (order.job !== null) signalJob(order.job, "SIGKILL");
  process.exit();
});
setInterval(look, lookMs);

function look(): void {
  const { job, deadline } = order;
  if (job === null || deadline === null || untilMs(deadline) > 0) return;
  signalJob(job, "SIGKILL");
  // The number of its leader may be given to another process once it is gone.
  if (job.leader !== null && isOver(job)) order = { job: null, deadline: null };
}
