// Long work meets a full line of writes and waits for it: the rest of the work is not in that line.

import type { Command } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Commit } from "../../core/txn.ts";
import type { Store } from "../../store/store.ts";

const retryAfterMs = 100;

/** @throws KeeperError what the command is refused with, but for `throttled` */
export async function submitWithPatience<C extends Command>(
  store: Store,
  command: C,
): Promise<Commit<C["type"]>> {
  for (;;) {
    try {
      return await store.submit(command);
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== "throttled") throw error;
      await new Promise<void>((resolve) => store.clock.setTimer(retryAfterMs, resolve));
    }
  }
}
