// The commands about barriers.

import { namedBytes } from "../command-bytes.ts";
import { clientWrite, noGrowth, type RowsOf } from "../command-row.ts";
import { KeeperError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { growthOfNamed } from "../memory.ts";
import { authoriseRecipe } from "./authorise.ts";
import { barrierPath, readyName } from "./barriers.ts";
import type { EnterBarrier, LeaveBarrier } from "./coordination-command.ts";
import { requireSession, validateResourceName } from "./coordination-syntax.ts";
import { planEnterBarrier, planLeaveBarrier, planRoundsLeft } from "./plan-barriers.ts";
import type { Recipe } from "./recipe.ts";

type BarrierCommand = EnterBarrier | LeaveBarrier;

const commands: RowsOf<BarrierCommand["type"]> = {
  enterBarrier: {
    ...clientWrite,
    since: 3,
    validate: validateBarrierCommand,
    authorise: (ask, { name }) => authoriseRecipe(ask, barrierPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planEnterBarrier(draft, command),
    bytes: bytesOf,
    growth: (command) => growthOfNamed(bytesOf(command)),
  },
  leaveBarrier: {
    ...clientWrite,
    since: 3,
    freesSpace: true,
    validate: validateBarrierCommand,
    authorise: (ask, { name }) => authoriseRecipe(ask, barrierPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planLeaveBarrier(draft, command),
    bytes: bytesOf,
    growth: noGrowth,
  },
};

export const barriers: Recipe<BarrierCommand> = {
  commands,
  sessionEnded: (draft, _state, { lost }) => planRoundsLeft(draft, lost),
};

function bytesOf({ name, participant = "" }: BarrierCommand): number {
  return namedBytes({ name, id: participant });
}

function validateBarrierCommand(command: BarrierCommand, limits: Limits): void {
  validateResourceName(command.name);
  if (command.participant !== undefined) validateParticipant(command.participant);
  if (command.count !== undefined) validateCount(command.count, limits);
  requireSession(command);
}

/** The mark of an open barrier stands among its participants. */
function validateParticipant(participant: string): void {
  validateResourceName(participant);
  if (participant !== readyName) return;
  throw new KeeperError(
    "reserved_path",
    `${readyName} is the mark of a barrier that is open; choose another name for the participant.`,
  );
}

function validateCount(count: number, { barrierCountMax }: Limits): void {
  if (Number.isSafeInteger(count) && count >= 1 && count <= barrierCountMax) return;
  throw new KeeperError("bad_request", `count is an integer from 1 to ${barrierCountMax}, not ${count}.`, {
    ...(count > barrierCountMax && { limit: "barrierCountMax", limitValue: barrierCountMax, size: count }),
  });
}
