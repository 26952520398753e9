// The commands about elections.

import { namedBytes } from "../command-bytes.ts";
import { clientWrite, noGrowth, type RowsOf } from "../command-row.ts";
import { growthOfNamed } from "../memory.ts";
import { authoriseRecipe } from "./authorise.ts";
import { electionPath } from "./claims.ts";
import type { ChangeCandidate, Resign, StandForElection } from "./coordination-command.ts";
import {
  requireSession,
  validateMetadata,
  validateOwnClaim,
  validateRelease,
  validateResourceName,
} from "./coordination-syntax.ts";
import { planRelease } from "./plan-claims.ts";
import { planChangeCandidate, planStand } from "./plan-elections.ts";
import type { Recipe } from "./recipe.ts";

type ElectionCommand = StandForElection | ChangeCandidate | Resign;

const commands: RowsOf<ElectionCommand["type"]> = {
  standForElection: {
    ...clientWrite,
    since: 3,
    validate: (stand, limits) => {
      validateResourceName(stand.name);
      requireSession(stand);
      validateMetadata(stand.value, limits);
    },
    authorise: (ask, { name }) => authoriseRecipe(ask, electionPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planStand(draft, command),
    bytes: (stand) => namedBytes(stand, stand.value),
    growth: (stand) => growthOfNamed(namedBytes(stand, stand.value)),
  },
  changeCandidate: {
    ...clientWrite,
    since: 3,
    validate: (change, limits) => {
      validateOwnClaim(change);
      validateMetadata(change.value, limits);
    },
    authorise: (ask, { name }) => authoriseRecipe(ask, electionPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planChangeCandidate(draft, command),
    bytes: (change) => namedBytes(change, change.value),
    growth: (change) => namedBytes(change, change.value),
  },
  resign: {
    ...clientWrite,
    since: 3,
    freesSpace: true,
    validate: validateRelease,
    authorise: (ask, resign) => authoriseRecipe(ask, electionPath(resign.name), resign),
    isOwnWork: true,
    decide: (draft, _state, { name, ...release }) =>
      planRelease(draft, { ...release, path: electionPath(name) }),
    bytes: namedBytes,
    growth: noGrowth,
  },
};

export const elections: Recipe<ElectionCommand> = { commands };
