// Which part of the state machine decides a command about locks, elections, counters and barriers. The session and the
// fences were checked.

import type { Draft } from "../draft.ts";
import type { State } from "../state.ts";
import { electionPath, lockPath } from "./claims.ts";
import type { ClaimCommand, CoordinationOutcomes, ReleaseClaim, Resign } from "./coordination-command.ts";
import { planEnterBarrier, planLeaveBarrier } from "./plan-barriers.ts";
import { planRelease } from "./plan-claims.ts";
import { planAddToCounter } from "./plan-counters.ts";
import { planChangeCandidate, planStand } from "./plan-elections.ts";
import { planClaimLock, planConfigureLock } from "./plan-locks.ts";

export function planClaimCommand(
  draft: Draft,
  state: State,
  command: ClaimCommand,
): CoordinationOutcomes[keyof CoordinationOutcomes] {
  switch (command.type) {
    case "claimLock":
      return planClaimLock(draft, state, command);
    case "configureLock":
      return planConfigureLock(draft, state, command);
    case "releaseClaim":
      return planRelease(draft, state, releaseOf(lockPath(command.name), command));
    case "standForElection":
      return planStand(draft, state, command);
    case "changeCandidate":
      return planChangeCandidate(draft, state, command);
    case "resign":
      return planRelease(draft, state, releaseOf(electionPath(command.name), command));
    case "addToCounter":
      return planAddToCounter(draft, command);
    case "enterBarrier":
      return planEnterBarrier(draft, command);
    case "leaveBarrier":
      return planLeaveBarrier(draft, command);
    default:
      throw unknownCommand(command);
  }
}

/** To take it for one that changes nothing would be to lose what somebody was told is done. */
function unknownCommand(command: never): Error {
  return new Error(`${(command as { type: string }).type} is no command of this version`);
}

function releaseOf(path: string, { id, sessionId, force, ifAttempt }: ReleaseClaim | Resign) {
  return { path, id, sessionId, force: force === true, ifAttempt };
}
