// The command about counters.

import { namedBytes } from "../command-bytes.ts";
import { clientWrite, type RowsOf } from "../command-row.ts";
import { KeeperError } from "../errors.ts";
import { growthOfNamed } from "../memory.ts";
import { authoriseRecipe } from "./authorise.ts";
import type { AddToCounter } from "./coordination-command.ts";
import { validateResourceName } from "./coordination-syntax.ts";
import { counterPath } from "./counters.ts";
import { planAddToCounter } from "./plan-counters.ts";
import type { Recipe } from "./recipe.ts";

const commands: RowsOf<AddToCounter["type"]> = {
  addToCounter: {
    ...clientWrite,
    since: 3,
    validate: ({ name, by }) => {
      validateResourceName(name);
      validateAdded(by);
    },
    authorise: (ask, { name }) => {
      authoriseRecipe(ask, counterPath(name));
      // It is answered with the sum.
      ask.require(counterPath(name), "read");
    },
    isOwnWork: true,
    decide: (draft, _state, command) => planAddToCounter(draft, command),
    bytes: namedBytes,
    growth: (command) => growthOfNamed(namedBytes(command)),
  },
};

export const counters: Recipe<AddToCounter> = { commands };

function validateAdded(by: number): void {
  if (Number.isSafeInteger(by)) return;
  throw new KeeperError("bad_request", `by is an integer within 2^53-1, not ${by}.`);
}
