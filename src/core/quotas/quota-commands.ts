// The commands about quotas.

import type { QuotaWrite } from "../command.ts";
import { pathBytes } from "../command-bytes.ts";
import { clientWrite, noGrowth, type RowsOf } from "../command-row.ts";
import { validatePathOf } from "../command-syntax.ts";
import { KeeperError } from "../errors.ts";
import { growthOfNamed } from "../memory.ts";
import { planDeleteQuota, planSetQuota } from "./plan-quota.ts";
import { type QuotaLimits, quotaLimitNames } from "./quota.ts";

export const quotaCommands: RowsOf<QuotaWrite["type"]> = {
  setQuota: {
    ...clientWrite,
    since: 2,
    validate: (set, limits) => {
      validatePathOf(set, limits);
      validateQuotaLimits(set.limits);
    },
    authorise: (ask, { path }) => ask.require(path, "admin"),
    decide: (draft, _state, command) => planSetQuota(draft, command),
    bytes: pathBytes,
    growth: (set) => growthOfNamed(pathBytes(set)),
  },
  deleteQuota: {
    ...clientWrite,
    since: 2,
    validate: validatePathOf,
    authorise: (ask, { path }) => ask.require(path, "admin"),
    decide: (draft, _state, command) => planDeleteQuota(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
};

function validateQuotaLimits(limits: QuotaLimits): void {
  const given = quotaLimitNames.map((name) => limits[name]).filter((value) => value !== undefined);
  const isSound = given.every((value) => Number.isSafeInteger(value) && value >= 0);
  if (given.length > 0 && isSound) return;
  throw new KeeperError(
    "bad_request",
    `A quota has one or more of ${quotaLimitNames.join(", ")}, each an integer from 0; without any, delete it.`,
  );
}
