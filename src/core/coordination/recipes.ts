// All that is built on the tree. When a session ends, each has its say in this order, which is part of the contract: the
// log is replayed by it.

import type { RowsOf } from "../command-row.ts";
import { barriers } from "./barrier-commands.ts";
import type { CoordinationCommand } from "./coordination-command.ts";
import { counters } from "./counter-commands.ts";
import { elections } from "./election-commands.ts";
import { locks } from "./lock-commands.ts";
import { places } from "./place-commands.ts";
import type { Recipe } from "./recipe.ts";
import { services } from "./service-commands.ts";

export const recipes: readonly Pick<Recipe<never>, "sessionEnded">[] = [
  locks,
  elections,
  counters,
  barriers,
  services,
  places,
];

export const coordinationCommands: RowsOf<CoordinationCommand["type"]> = {
  ...locks.commands,
  ...elections.commands,
  ...counters.commands,
  ...barriers.commands,
  ...services.commands,
  ...places.commands,
};
