// Waits for what has to come to be when nothing fails any more.

import { setTimeout as wait } from "node:timers/promises";

const endsWithinMs = 60_000;

/** What fails meanwhile is tried again. @throws Error when that does not come to be */
export async function within(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + endsWithinMs;
  for (;;) {
    let cause: unknown;
    try {
      if (await isSo()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > untilMs) throw new Error(`it did not come to be that ${what}`, { cause });
    await wait(50);
  }
}
