// Giving up a place for somebody who has gone before it was told of it.

import type { LeaveBarrier, ReleaseClaim, Resign } from "../core/coordination/coordination-command.ts";
import { KeeperError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";

const retryMs = 100;

/**
 * Nobody waits for it to be done. A full queue puts it off, and so does a log that is out of reach; any other refusal means
 * that the place is gone, or goes with its session.
 * @param release for the session alone: the fences of the request that has gone may hold no longer
 */
export async function giveUp(store: Store, release: ReleaseClaim | Resign | LeaveBarrier): Promise<void> {
  for (;;) {
    try {
      // It is the service that does it: whoever asked for the place may not be known any more.
      await store.submit({ ...release, principal: "system" });
      return;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      if (error.code !== "throttled" && error.code !== "suspended") return;
    }
    await store.suspension.over();
    await new Promise<void>((resolve) => void store.clock.setTimer(retryMs, resolve));
  }
}
