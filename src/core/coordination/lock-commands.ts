// The commands about locks.

import { namedBytes } from "../command-bytes.ts";
import { clientWrite, noGrowth, ownWrite, type RowsOf } from "../command-row.ts";
import { KeeperError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { growthOfNamed } from "../memory.ts";
import { authoriseRecipe } from "./authorise.ts";
import { lockPath } from "./claims.ts";
import type { ClaimLock, ConfigureLock, EndLockDelay, ReleaseClaim } from "./coordination-command.ts";
import {
  requireSession,
  validateMetadata,
  validateRelease,
  validateResourceName,
} from "./coordination-syntax.ts";
import { planEndLockDelay, planLockDelays } from "./lock-delay.ts";
import { lockDelayMsMax, permitsMax } from "./lock-settings.ts";
import { planRelease } from "./plan-claims.ts";
import { planClaimLock, planConfigureLock } from "./plan-locks.ts";
import type { Recipe } from "./recipe.ts";

type LockCommand = ClaimLock | ConfigureLock | ReleaseClaim | EndLockDelay;

const commands: RowsOf<LockCommand["type"]> = {
  claimLock: {
    ...clientWrite,
    since: 3,
    validate: validateClaimLock,
    authorise: (ask, { name }) => authoriseRecipe(ask, lockPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planClaimLock(draft, command),
    bytes: (claim) => namedBytes(claim, claim.metadata),
    growth: (claim) => growthOfNamed(namedBytes(claim, claim.metadata)),
  },
  configureLock: {
    ...clientWrite,
    since: 3,
    validate: ({ name, permits, lockDelayMs }) => {
      validateResourceName(name);
      validatePermits(permits);
      validateLockDelay(lockDelayMs);
    },
    authorise: (ask, { name }) => authoriseRecipe(ask, lockPath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planConfigureLock(draft, command),
    bytes: namedBytes,
    growth: (configure) => growthOfNamed(namedBytes(configure)),
  },
  releaseClaim: {
    ...clientWrite,
    since: 3,
    freesSpace: true,
    validate: validateRelease,
    authorise: (ask, release) => authoriseRecipe(ask, lockPath(release.name), release),
    isOwnWork: true,
    decide: (draft, _state, { name, ...release }) => planRelease(draft, { ...release, path: lockPath(name) }),
    bytes: namedBytes,
    growth: noGrowth,
  },
  endLockDelay: {
    ...ownWrite,
    since: 3,
    validate: ({ name }) => validateResourceName(name),
    isOwnWork: true,
    decide: (draft, _state, command) => planEndLockDelay(draft, command),
    bytes: namedBytes,
    growth: noGrowth,
  },
};

export const locks: Recipe<LockCommand> = { commands, sessionEnded: planLockDelays };

function validateClaimLock(claim: ClaimLock, limits: Limits): void {
  validateResourceName(claim.name);
  requireSession(claim);
  validatePermits(claim.permits);
  if (claim.mode === "shared" && (claim.permits ?? 1) > 1) throw sharedPermits();
  validateMetadata(claim.metadata, limits);
}

function validatePermits(permits: number | undefined): void {
  if (permits === undefined || (Number.isSafeInteger(permits) && permits >= 1 && permits <= permitsMax))
    return;
  throw new KeeperError("bad_request", `permits is an integer from 1 to ${permitsMax}, not ${permits}.`);
}

function validateLockDelay(lockDelayMs: number | undefined): void {
  if (lockDelayMs === undefined) return;
  if (Number.isSafeInteger(lockDelayMs) && lockDelayMs >= 0 && lockDelayMs <= lockDelayMsMax) return;
  throw new KeeperError(
    "bad_request",
    `lockDelayMs is an integer from 0 to ${lockDelayMsMax}, not ${lockDelayMs}.`,
  );
}

function sharedPermits(): KeeperError {
  return new KeeperError(
    "bad_request",
    "A claim on a lock with permits is always exclusive; leave out mode or permits.",
  );
}
