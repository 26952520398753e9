// Whether the service is ready, and what it has looked at to say so. It is told to everybody who reaches it.

import type { Caller, CallOptions } from "../calls/calls.ts";

export interface HealthCheck {
  readonly name: string;
  readonly status: "ok" | "failed";
  /** What that means, for people. */
  readonly sentence: string;
  /** Why, with figures; told to whoever may know them. */
  readonly cause?: string;
  /** Since when it has been so, epoch milliseconds. */
  readonly sinceMs: number;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly HealthCheck[];
}

/** A service that is not ready says so as readily as one that is. */
export async function readReadiness(
  caller: Caller,
  { signal, timeoutMs }: CallOptions = {},
): Promise<Readiness> {
  const { body } = await caller.send({
    ...{ method: "GET", path: "readyz", query: { verbose: "" }, repeat: "harmless", isTimeless: true },
    ...{ acceptedStatus: 503, signal, timeoutMs },
  });
  return body as Readiness;
}
