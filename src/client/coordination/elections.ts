// Elections, as the service holds them (API section 6): of all candidates one leads, in the order they came.

import { baseName } from "../../core/tree/path.ts";
import type { Caller } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";
import { joinSignals } from "../calls/signals.ts";
import { Claim, type Hold, type Holder, hold, type Waiting } from "./hold.ts";

export interface ElectOptions {
  /** For others to see, such as where the leader can be reached. */
  readonly value: string;
  /** Told of the place among those who wait, 1 being the next: when it is taken, and when it is found to be another. */
  readonly waiting?: Waiting | undefined;
  /** Ends the candidacy, and tells the leader to stop. */
  readonly signal?: AbortSignal | undefined;
}

/** What a leader has; its `fence` is the term. */
export interface Leadership extends Hold {
  /** Tells others another value. */
  setValue(value: string): Promise<void>;
}

interface ElectionParts extends Holder {
  readonly caller: Caller;
}

export async function elect<T>(
  parts: ElectionParts,
  name: string,
  { value, waiting, signal }: ElectOptions,
  lead: (leadership: Leadership) => Promise<T> | T,
): Promise<T> {
  const { caller, keeper } = parts;
  const title = `election ${name}`;
  const url = `v1/elections/${segmentOf(name)}/candidates`;
  const candidacy = new Claim(caller, { title, url, asked: { value } });
  const ending = joinSignals(keeper.lostSignal, signal);
  const leadershipOf = (held: Hold): Leadership => ({
    ...held,
    async setValue(next) {
      const path = candidacy.urlOf(baseName(held.path));
      await caller.send({ method: "PUT", path, json: { value: next }, repeat: "harmless" });
    },
  });
  try {
    return await hold(parts, candidacy, { signal: ending.signal, waiting }, (held) =>
      lead(leadershipOf(held)),
    );
  } finally {
    ending.leave();
  }
}
