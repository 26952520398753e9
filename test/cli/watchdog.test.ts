// The watchdog's word: what it says of one order is not taken for another.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deadlineIn } from "../../src/cli/supervisor/deadline.ts";
import { Watchdog } from "../../src/cli/supervisor/watchdog.ts";

/** Enough that the answer to the first is there long before the last is read. */
const earlierOrders = 2000;

/** The processes that this one has started. */
function childrenOfThisProcess(): number[] {
  const tasks = readdirSync("/proc/self/task");
  const lists = tasks.map((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8"));
  return lists.flatMap((list) => list.trim().split(" ")).map(Number);
}

test("a group is watched when the watchdog has seen that very order, not an earlier one", async () => {
  const watchdog = Watchdog.start();
  const watchdogPid = childrenOfThisProcess().find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("watchdog"),
  );
  const command = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  try {
    const ended = once(command, "exit");
    for (let count = 0; count < earlierOrders; count += 1) watchdog.rest();
    // Its time is up already: it is ended as soon as it is watched.
    const job = { mark: "none", sharedSession: null, leader: command.pid as number };
    await watchdog.watch(
      job,
      deadlineIn(() => -1),
    );
    process.kill(watchdogPid as number, "SIGKILL");
    expect(await ended).toEqual([null, "SIGKILL"]);
    await watchdog.watch(job, null);
    expect(watchdog.isGone).toBe(true);
  } finally {
    command.kill("SIGKILL");
    watchdog.stop();
  }
});
