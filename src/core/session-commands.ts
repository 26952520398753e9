// The commands about sessions.

import type { CloseSession, OpenSession } from "./command.ts";
import { commandBytes } from "./command-bytes.ts";
import { alwaysValid, needsNoRight, noGrowth, type RowsOf } from "./command-row.ts";
import { sessionBytes } from "./memory.ts";
import { planCloseSession, planOpenSession } from "./plan-sessions.ts";
import { rootPath } from "./tree/path.ts";

export const sessionCommands: RowsOf<(OpenSession | CloseSession)["type"]> = {
  openSession: {
    actor: "client",
    since: 1,
    freesSpace: false,
    passesFullQueue: false,
    hasContext: false,
    hasKey: true,
    validate: alwaysValid,
    authorise: (ask) => ask.require(rootPath, "session"),
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
    // Whose session it is, is told by the session.
    authorise: needsNoRight,
    isOwnWork: true,
    isOfTree: true,
    decide: planCloseSession,
    bytes: () => 2 * commandBytes,
    growth: noGrowth,
  },
};

/** What ends a session that nobody may go on with, as if its time were over. */
export function endOfSession(sessionId: string): CloseSession {
  return { type: "closeSession", sessionId, reason: "session_expired", principal: "system" };
}
