// The command about access control lists.

import type { SetAcl } from "../command.ts";
import { pathBytes } from "../command-bytes.ts";
import { clientWrite, type RowsOf } from "../command-row.ts";
import { validatePathOf } from "../command-syntax.ts";
import { growthOfAcl } from "../memory.ts";
import { validateAcl } from "./acl-syntax.ts";
import { planSetAcl } from "./plan-acl.ts";

export const aclCommands: RowsOf<SetAcl["type"]> = {
  setAcl: {
    ...clientWrite,
    since: 9,
    validate: (set, limits) => {
      validatePathOf(set, limits);
      validateAcl(set.acl);
    },
    authorise: (ask, { path }) => ask.require(path, "admin"),
    decide: (draft, _state, set) => planSetAcl(draft, set),
    bytes: pathBytes,
    growth: ({ acl }) => growthOfAcl(acl),
  },
};
