// Waits for what has to come to be when nothing fails any more.

import { setTimeout as wait } from "node:timers/promises";

const endsWithinMs = 30_000;

/** @throws Error when that does not come to be */
export async function within(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + endsWithinMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`it did not come to be that ${what}`);
    await wait(50);
  }
}
