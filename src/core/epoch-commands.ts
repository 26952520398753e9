// The command about epochs.

import type { BeginEpoch } from "./command.ts";
import { commandBytes } from "./command-bytes.ts";
import { noGrowth, ownWrite, type RowsOf } from "./command-row.ts";
import { validateEpochId } from "./epochs.ts";
import { planBeginEpoch } from "./plan-epoch.ts";

export const epochCommands: RowsOf<BeginEpoch["type"]> = {
  beginEpoch: {
    ...ownWrite,
    since: 8,
    // It goes in one entry with what is written, and may be tried where that may.
    freesSpace: false,
    validate: ({ epoch }) => validateEpochId(epoch),
    decide: planBeginEpoch,
    bytes: () => commandBytes,
    growth: noGrowth,
  },
};

/** What a writer says first: that what it writes from here on belongs to this epoch. */
export function beginningOf(epoch: string): BeginEpoch {
  return { type: "beginEpoch", epoch };
}
