// Settings of the database file and the disk it is on.

import { mebibyte, setting } from "./setting.ts";
import { byteCount, yesOrNo } from "./setting-values.ts";

export const databaseSettings = {
  databaseBytesMax: setting(
    "database-bytes-max",
    0,
    byteCount(0),
    "size of the database file; 0 is unlimited",
  ),
  freeBytesMin: setting(
    "free-bytes-min",
    128 * mebibyte,
    byteCount(0),
    "free space, including empty pages of the file, below which the store is read-only",
  ),
  ballastBytes: setting(
    "ballast-bytes",
    16 * mebibyte,
    byteCount(0),
    "size of a file that is deleted when the disk is full, to make room",
  ),
  checkpointBytes: setting(
    "checkpoint-bytes",
    16 * mebibyte,
    byteCount(mebibyte),
    "WAL size that starts a checkpoint",
  ),
  walBytesMax: setting(
    "wal-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "WAL size beyond which a reader that blocks checkpoints is logged",
  ),
  unsafeFilesystem: setting("unsafe-filesystem", false, yesOrNo, "allow a network filesystem"),
} as const;
