// The watchdog: a process beside the supervisor that ends the command's process group when the supervisor is gone, or
// stands still until too late. It is told which group and until when, and knows nothing else.

import { setInterval } from "node:timers";
import { type Deadline, untilMs } from "./deadline.ts";
import { isEmptyGroup, signalGroup } from "./process-group.ts";

/** What the supervisor says: whom to watch and until when, `null` for as long as the supervisor lives. */
export interface WatchdogOrder {
  /** Sent back when the order is in force. */
  readonly number: number;
  readonly group: number | null;
  readonly deadline: Deadline | null;
}

/** A machine that wakes up starts its timers where they stopped: it may be so late. */
const lookMs = 40;

let order: Pick<WatchdogOrder, "group" | "deadline"> = { group: null, deadline: null };

// It ends with the supervisor and not before, whatever else is being stopped.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(name, () => {});
process.on("SIGCONT", look);
process.on("message", (message: WatchdogOrder) => {
  order = message;
  look();
  process.send?.(message.number, undefined, undefined, () => {});
});
process.on("disconnect", () => {
  if (order.group !== null) signalGroup(order.group, "SIGKILL");
  process.exit();
});
setInterval(look, lookMs);

function look(): void {
  const { group, deadline } = order;
  if (group === null || deadline === null || untilMs(deadline) > 0) return;
  signalGroup(group, "SIGKILL");
  // Its number may be given to another group once it is gone.
  if (isEmptyGroup(group)) order = { group: null, deadline: null };
}
