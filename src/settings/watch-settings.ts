// Settings of watches: how far back they can resume, how many there may be, and what is kept for slow readers.

import { mebibyte, setting } from "./setting.ts";
import { byteCount, integer } from "./setting-values.ts";

export const watchSettings = {
  historyMessagesMax: setting("history-messages-max", 100_000, integer(1), "changes a watch can resume over"),
  historyBytesMax: setting(
    "history-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of changes kept for resuming",
  ),
  historyAgeMsMax: setting("history-age-ms-max", 600_000, integer(1000), "age of changes kept for resuming"),
  streamsMax: setting("streams-max", 20_000, integer(1), "watch streams open at once"),
  streamLifetimeMsMax: setting(
    "stream-lifetime-ms-max",
    3_600_000,
    integer(1000),
    "time after which a watch stream says bye and its client comes back",
  ),
  streamBufferBytesMax: setting(
    "stream-buffer-bytes-max",
    mebibyte / 4,
    byteCount(4096),
    "unsent bytes at which a slow watch is left to catch up from the history",
  ),
  snapshotPageZnodesMax: setting(
    "snapshot-page-znodes-max",
    500,
    integer(1),
    "znodes in one snapshot message",
  ),
  snapshotPageBytesMax: setting(
    "snapshot-page-bytes-max",
    65_536,
    byteCount(1024),
    "bytes in one snapshot message",
  ),
  snapshotKeptBytesMax: setting(
    "snapshot-kept-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of old versions kept for slow readers of a snapshot; beyond it the reader is disconnected",
  ),
} as const;
