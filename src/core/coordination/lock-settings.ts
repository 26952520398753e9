// The settings of a lock, as its own znode holds them: JSON that anyone may read, and write at their own risk. What
// cannot be read counts as not said, so no data somebody put there makes a lock unusable.

/** After a holder expired: who holds until then are the claims that held already, and nobody else. */
export interface LockDelay {
  /** Wall clock, for people; what ends the delay is the command `endLockDelay`. */
  readonly untilMs: number;
  /** The claims up to this number went on holding; those after it wait. */
  readonly heldThrough: number;
}

export interface LockSettings {
  /** How many claims hold at once: above 1 the lock is a semaphore. */
  readonly permits: number;
  /** How long nobody new holds after the session of a holder expired. */
  readonly lockDelayMs: number;
  readonly delay: LockDelay | null;
}

export const defaultLockSettings: LockSettings = { permits: 1, lockDelayMs: 0, delay: null };

export const permitsMax = 1_000_000;
export const lockDelayMsMax = 3_600_000;

/** Longer data was not written by a lock. */
const settingsBytesMax = 1024;

export function parseLockSettings(data: Uint8Array): LockSettings {
  const members = membersIn(data);
  const { permits, lockDelayMs, delayUntilMs, heldThrough } = members;
  const isDelayed = isWithin(delayUntilMs, 0) && isWithin(heldThrough, -1);
  return {
    permits: isWithin(permits, 1, permitsMax) ? permits : defaultLockSettings.permits,
    lockDelayMs: isWithin(lockDelayMs, 0, lockDelayMsMax) ? lockDelayMs : defaultLockSettings.lockDelayMs,
    delay: isDelayed ? { untilMs: delayUntilMs, heldThrough } : null,
  };
}

export function formatLockSettings({ permits, lockDelayMs, delay }: LockSettings): Uint8Array {
  const members = {
    permits,
    lockDelayMs,
    ...(delay !== null && { delayUntilMs: delay.untilMs, heldThrough: delay.heldThrough }),
  };
  return new TextEncoder().encode(JSON.stringify(members));
}

function membersIn(data: Uint8Array): Record<string, unknown> {
  if (data.byteLength === 0 || data.byteLength > settingsBytesMax) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isWithin(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
