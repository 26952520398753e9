// The commands about sessions.

import type { CloseSession, OpenSession } from "./command.ts";
import { commandBytes } from "./command-bytes.ts";
import { alwaysValid, noGrowth, type RowsOf } from "./command-row.ts";
import { sessionBytes } from "./memory.ts";
import { planCloseSession, planOpenSession } from "./plan-sessions.ts";

export const sessionCommands: RowsOf<(OpenSession | CloseSession)["type"]> = {
  openSession: {
    actor: "client",
    since: 1,
    freesSpace: false,
    passesFullQueue: false,
    hasContext: false,
    hasKey: true,
    validate: alwaysValid,
    decide: planOpenSession,
    bytes: () => 2 * commandBytes,
    growth: () => sessionBytes,
  },
  closeSession: {
    // A client closes its session, and the service one whose client is silent.
    actor: "either",
    since: 1,
    freesSpace: true,
    passesFullQueue: true,
    hasContext: false,
    hasKey: false,
    validate: alwaysValid,
    decide: planCloseSession,
    bytes: () => 2 * commandBytes,
    growth: noGrowth,
  },
};
