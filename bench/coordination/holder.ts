// A process that holds locks and keeps its sessions alive until it is killed. Of each heartbeat it tells that it is
// sent, and when that was once it is answered, by the clock all processes of a machine share.
//
// node bench/coordination/holder.ts KIND PORT SESSION_TIMEOUT_MS LOCK…

import { setTimeout as wait } from "node:timers/promises";
import { sharedNowMs } from "../support/shared-clock.ts";
import { connectClient, type ServiceKind } from "./client.ts";

/** What it tells its parent: `sentMs` is null while nobody knows whether the server has it. */
export interface Heartbeat {
  readonly lock: string;
  readonly sentMs: number | null;
}

const [kind, port, sessionTimeoutMs, ...locks] = process.argv.slice(2);
const connecting = { port: Number(port), sessionTimeoutMs: Number(sessionTimeoutMs) };
const everyMs = connecting.sessionTimeoutMs / 3;

process.on("disconnect", () => process.exit());
await Promise.all(locks.map(hold));

async function hold(lock: string, index: number): Promise<void> {
  const client = await connectClient(kind as ServiceKind, connecting);
  await client.acquire(lock);
  // One a little later than the other, so that not all of them have the same time left when they are killed.
  await wait((everyMs * index) / locks.length);
  for (;;) {
    process.send?.({ lock, sentMs: null } satisfies Heartbeat);
    const sentMs = sharedNowMs();
    await client.heartbeat();
    process.send?.({ lock, sentMs } satisfies Heartbeat);
    await wait(everyMs);
  }
}
