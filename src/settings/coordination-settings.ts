// Settings of locks, elections, barriers and services.

import { setting } from "./setting.ts";
import { byteCount, integer } from "./setting-values.ts";

export const coordinationSettings = {
  metadataBytesMax: setting(
    "metadata-bytes-max",
    4096,
    byteCount(16),
    "bytes of metadata on a claim, candidate or service instance",
  ),
  barrierCountMax: setting("barrier-count-max", 10_000, integer(1), "participants a barrier may wait for"),
  claimWaitersMax: setting(
    "claim-waiters-max",
    20_000,
    integer(1),
    "requests waiting for locks, elections and barriers; and, separately, streams of their holders",
  ),
} as const;
