// What the routes of locks, elections, counters and barriers have in common on the wire.

import { Type } from "typebox";
import type { Claim } from "../../core/coordination/claim-queue.ts";
import type { Reader } from "../../core/reader.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { entryBytes, PageSize } from "./page-size.ts";
import { pageLimit } from "./schemas.ts";
import { childNameForm, nameForm } from "./text-forms.ts";

export const waitMsBounds = { minimum: 0, maximum: fixedLimits.waitMsMax, ...named("waitMsMax") };

const nameMember = {
  name: Type.String({
    ...nameForm,
    description: "One path segment of 1 to 255 characters.",
    examples: ["reports"],
  }),
};

export const nameParameter = Type.Object(nameMember);

export const claimParameters = Type.Object({
  ...nameMember,
  id: Type.String({
    maxLength: fixedLimits.cursorLengthMax,
    ...named("cursorLengthMax"),
    ...childNameForm,
    description: "The claim's id: the name of its znode.",
    examples: ["x-0000000007"],
  }),
});

export const listQuery = Type.Object(
  {
    limit: pageLimit(
      "Of those who hold, and of those who wait, the first so many are listed; fewer where they say more of " +
        "themselves than pageBytesMax.",
    ),
  },
  { additionalProperties: false },
);

export const forceQuery = Type.Object(
  {
    force: Type.Boolean({
      default: false,
      description: "Whoever's claim it is: for an operator. It is logged.",
    }),
  },
  { additionalProperties: false },
);

export const validForMs = Type.Integer({
  description:
    "Counts from when the request was sent, the time it waited included: without another success for the session by " +
    "then, stop acting as the holder.",
});

export const exampleOwner = { session: "1f3a5c7e9b2d4f60", sessionName: "web-1" };

/** The first of the claims: so many, or fewer where they say much of themselves. */
export function* firstOf(
  reader: Pick<Reader, "get">,
  claims: Iterable<Claim>,
  limit: number,
): Generator<Claim> {
  const size = new PageSize();
  let count = 0;
  for (const claim of claims) {
    const znode = reader.get(claim.path);
    if (count === limit || (znode !== undefined && !size.takes(entryBytes(znode, { data: true })))) return;
    yield claim;
    count += 1;
  }
}

export function waitQuery(description: string) {
  return Type.Object(
    { waitMs: Type.Integer({ ...waitMsBounds, default: 0, description }) },
    { additionalProperties: false },
  );
}

export const waitMsMember = Type.Optional(
  Type.Integer({
    ...waitMsBounds,
    description:
      "How long to wait for the claim to hold (0), up to a sixteenth less; to wait longer, ask for the claim again.",
  }),
);
