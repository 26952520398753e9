// The command about places of sessions, whatever they are places in.

import { pathBytes } from "../command-bytes.ts";
import { clientWrite, needsNoRight, noGrowth, type RowsOf } from "../command-row.ts";
import { validatePathOf } from "../command-syntax.ts";
import type { KeepPlace } from "./coordination-command.ts";
import { requireSession } from "./coordination-syntax.ts";
import { planKeepPlace } from "./plan-claims.ts";
import type { Recipe } from "./recipe.ts";

const commands: RowsOf<KeepPlace["type"]> = {
  keepPlace: {
    ...clientWrite,
    // The service notes for a session that it was told of its place.
    actor: "system",
    since: 6,
    authorise: needsNoRight,
    isOwnWork: true,
    validate: (keep, limits) => {
      validatePathOf(keep, limits);
      requireSession(keep);
    },
    decide: (draft, _state, command) => planKeepPlace(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
};

export const places: Recipe<KeepPlace> = { commands };
