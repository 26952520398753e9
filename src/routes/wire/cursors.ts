// How a page is asked to go on: after the last path or name of the one before.

import { Type } from "typebox";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { childNameForm, pathForm } from "./text-forms.ts";

/** Longer than any path may be. */
export const cursorLength = { maxLength: fixedLimits.cursorLengthMax, ...named("cursorLengthMax") };

export function afterPath(description = "Go on after this path.") {
  return Type.Optional(Type.String({ ...cursorLength, ...pathForm, description }));
}

export const afterName = Type.Optional(
  Type.String({ ...cursorLength, ...childNameForm, description: "Go on after this name." }),
);

export const nextMember = Type.Optional(
  Type.String({ description: "There are more: ask again with after set to this." }),
);
