// Decides claims on locks. A claim is an ephemeral sequential child, and its release the end of that child: nothing
// is done here that a client could not do to the tree by itself, only all of it at once.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { planCreate, planSetData } from "../plan-znodes.ts";
import { type Claim, claimPrefixes, type ReadonlyClaimQueue } from "./claim-queue.ts";
import { claimViewOf } from "./claim-view.ts";
import { lockPath } from "./claims.ts";
import type { Claimed, ClaimLock, Configured, ConfigureLock } from "./coordination-command.ts";
import { defaultLockSettings, formatLockSettings, type LockSettings } from "./lock-settings.ts";
import { foundClaim, newClaim, ownClaim } from "./plan-claims.ts";

export function planClaimLock(draft: Draft, claim: ClaimLock): Claimed {
  const { sessionId, attempt } = claim;
  const path = lockPath(claim.name);
  const queue = draft.queue(path);
  const own = queue === undefined ? undefined : ownClaim(draft, queue, sessionId);
  const settings = settingsFor(claim, queue);
  if (own !== undefined) {
    checkSameMode(own, claim);
    return foundClaim(draft, own, attempt);
  }
  if (claim.orElse === "refuse" && queue?.wouldHold(claim.mode, settings) === false)
    throw lockHeld(draft, queue);
  if (settings !== (queue?.settings ?? defaultLockSettings)) writeSettings(draft, path, settings);
  const prefix = `${path}/${claimPrefixes[claim.mode]}`;
  return newClaim(draft, { prefix, data: claim.metadata, sessionId, attempt });
}

/** Those of the lock. While it has claims they stand; with none there, a claim may bring its own permits. */
function settingsFor(
  { permits, mode, name }: ClaimLock,
  queue: ReadonlyClaimQueue | undefined,
): LockSettings {
  const settings = queue?.settings ?? defaultLockSettings;
  const asked = permits ?? settings.permits;
  if (asked !== settings.permits && queue !== undefined && queue.size > 0) {
    throw new KeeperError(
      "permits_differ",
      `The lock ${name} has claims and ${settings.permits} permits, not ${asked}; claim it as it is, or when it is free.`,
      { path: queue.path },
    );
  }
  if (asked > 1 && mode === "shared") {
    const reason = `The lock ${name} has ${asked} permits, which are claimed one by one: a claim of it is exclusive.`;
    // What the request says of itself is its own fault; what the lock was told before is a conflict with its state.
    throw permits === undefined
      ? new KeeperError("permits_differ", reason, { path: lockPath(name) })
      : new KeeperError("bad_request", reason);
  }
  return asked === settings.permits ? settings : { ...settings, permits: asked };
}

function checkSameMode(own: Claim, { mode, name }: ClaimLock): void {
  if (own.mode === mode) return;
  throw new KeeperError(
    "mode_differs",
    `The session has a claim on ${name} already, ${own.id}, which is ${own.mode} and not ${mode}; release it first.`,
    { path: own.path },
  );
}

/** Who holds it is told to those who may read it. */
function lockHeld(draft: Draft, queue: ReadonlyClaimQueue): KeeperError {
  const { delay } = queue.settings;
  const [first] = queue;
  const holder = first !== undefined && queue.isHeld(first) ? claimViewOf(draft, first) : null;
  const isTold = draft.mayRead(queue.path);
  const held = isTold ? `is held by ${holder?.id}` : "is held";
  const reason = holder === null ? "keeps everyone waiting after its holder expired" : held;
  return new KeeperError(
    "lock_held",
    `${queue.path} ${reason}, and waitMs is 0; set waitMs to join the queue.`,
    {
      path: queue.path,
      ...(isTold && holder !== null && { holder }),
      ...(delay !== null && { delayUntilMs: delay.untilMs }),
    },
  );
}

export function planConfigureLock(draft: Draft, command: ConfigureLock): Configured {
  const path = lockPath(command.name);
  const queue = draft.queue(path);
  const settings = queue?.settings ?? defaultLockSettings;
  const { permits = settings.permits, lockDelayMs = settings.lockDelayMs } = command;
  if (permits !== settings.permits && queue !== undefined && queue.size > 0) {
    throw new KeeperError(
      "permits_differ",
      `${path} has claims, and its permits cannot change under them; wait until it is free.`,
      { path },
    );
  }
  writeSettings(draft, path, { ...settings, permits, lockDelayMs });
  return { path, permits, lockDelayMs };
}

function writeSettings(draft: Draft, path: string, settings: LockSettings): void {
  const data = formatLockSettings(settings);
  if (draft.get(path) !== undefined) planSetData(draft, { type: "setData", path, data });
  else {
    const mode = { kind: "persistent", sequential: false } as const;
    planCreate(draft, { type: "create", path, data, mode, parents: true }, undefined);
  }
}
