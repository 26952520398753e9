// The commands that servers tell each other by who is alive. They make no room, but nobody would be alive any more where
// they were held up: so they pass where room is short.

import type { ClaimHousekeeping, TouchSessions } from "./command.ts";
import { commandBytes } from "./command-bytes.ts";
import { alwaysValid, noGrowth, ownWrite, type RowsOf } from "./command-row.ts";
import { planClaimHousekeeping, planTouchSessions } from "./plan-liveness.ts";

export const livenessCommands: RowsOf<(TouchSessions | ClaimHousekeeping)["type"]> = {
  touchSessions: {
    ...ownWrite,
    since: 7,
    passesFullQueue: true,
    validate: alwaysValid,
    decide: planTouchSessions,
    bytes: ({ sessionIds }) => sessionIds.reduce((sum, id) => sum + id.length + 1, commandBytes),
    growth: noGrowth,
  },
  claimHousekeeping: {
    ...ownWrite,
    since: 7,
    passesFullQueue: true,
    validate: alwaysValid,
    decide: planClaimHousekeeping,
    bytes: ({ server }) => commandBytes + server.length,
    growth: noGrowth,
  },
};
