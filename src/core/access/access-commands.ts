// The commands about policies and tokens: an admin's, whose right to them is asked of the root.

import { commandBytes } from "../command-bytes.ts";
import { noGrowth, ownWrite, type RowsOf } from "../command-row.ts";
import { KeeperError } from "../errors.ts";
import { growthOfAccess, growthOfNamed } from "../memory.ts";
import { rootPath } from "../tree/path.ts";
import type { AccessCommand, ChangeToken, RotateToken } from "./access-command.ts";
import type { Ask } from "./ask.ts";
import {
  overlapMsMax,
  planChangeToken,
  planCreateToken,
  planDeletePolicy,
  planRevokeToken,
  planRotateToken,
  planSetPolicy,
  planTurnOn,
} from "./plan-access.ts";
import { type Policy, validateAccessName, validatePolicy } from "./policy.ts";
import { type TokenRequest, validateToken } from "./token.ts";

const adminWrite = {
  actor: "client",
  since: 9,
  freesSpace: false,
  passesFullQueue: false,
  hasContext: false,
  hasKey: false,
  authorise: (ask: Ask) => ask.requireOfTree("admin"),
  isOfTree: true,
} as const;

/** What was granted can be taken back where the disk is full. */
const revoking = { freesSpace: true, passesFullQueue: true } as const;

export const accessCommands: RowsOf<AccessCommand["type"]> = {
  turnOnAccess: {
    ...ownWrite,
    since: 9,
    validate: () => {},
    decide: planTurnOn,
    bytes: () => commandBytes,
    growth: noGrowth,
  },
  setPolicy: {
    ...adminWrite,
    validate: ({ policy }) => validatePolicy(policy),
    decide: (draft, _state, command) => planSetPolicy(draft, command),
    bytes: ({ policy }) => policyBytes(policy),
    growth: ({ policy }) => growthOfAccess(policy),
  },
  deletePolicy: {
    ...adminWrite,
    ...revoking,
    validate: ({ name }) => validateAccessName(name, "policy"),
    decide: (draft, _state, command) => planDeletePolicy(draft, command),
    bytes: () => commandBytes,
    growth: noGrowth,
  },
  createToken: {
    ...adminWrite,
    validate: ({ token }) => validateToken(token),
    // Its root is made for it, whatever else whoever makes it may do.
    isOwnWork: true,
    decide: (draft, _state, command) => planCreateToken(draft, command),
    bytes: ({ token }) => tokenBytes(token),
    growth: ({ token }) => growthOfNamed(tokenBytes(token)) + growthOfAccess(token),
  },
  rotateToken: {
    ...adminWrite,
    validate: validateRotation,
    decide: (draft, _state, command) => planRotateToken(draft, command),
    bytes: () => 2 * commandBytes,
    growth: noGrowth,
  },
  changeToken: {
    ...adminWrite,
    ...revoking,
    validate: validateChange,
    decide: (draft, _state, command) => planChangeToken(draft, command),
    bytes: () => 2 * commandBytes,
    growth: noGrowth,
  },
  revokeToken: {
    ...adminWrite,
    ...revoking,
    validate: ({ name }) => validateAccessName(name, "token"),
    decide: (draft, _state, command) => planRevokeToken(draft, command),
    bytes: () => commandBytes,
    growth: noGrowth,
  },
};

function validateRotation({ name, overlapMs }: RotateToken): void {
  validateAccessName(name, "token");
  if (Number.isSafeInteger(overlapMs) && overlapMs >= 0 && overlapMs <= overlapMsMax) return;
  throw new KeeperError(
    "bad_request",
    `overlapMs is an integer from 0 to ${overlapMsMax}, not ${overlapMs}.`,
    {
      limit: "overlapMsMax",
      limitValue: overlapMsMax,
    },
  );
}

/** What is changed must be what a token may be. */
function validateChange({ name, policies = ["any"], validUntilMs = null }: ChangeToken): void {
  validateToken({ name, policies, validUntilMs, root: rootPath });
}

function policyBytes({ rules }: Policy): number {
  const ruleBytes = ({ prefix, allow = [], deny = [] }: Policy["rules"][number]) =>
    prefix.length + 12 * (allow.length + deny.length) + 32;
  return rules.reduce((sum, rule) => sum + ruleBytes(rule), commandBytes);
}

function tokenBytes({ policies, root }: TokenRequest): number {
  return policies.reduce((sum, name) => sum + name.length, 3 * commandBytes + root.length);
}
