// Settings of the audit log.

import { mebibyte, setting } from "./setting.ts";
import { anyText, byteCount, integer, oneOf } from "./setting-values.ts";

export const auditSettings = {
  auditFile: setting(
    "audit-file",
    "",
    anyText,
    "file in which it is noted who did what, as JSON lines; none when empty",
  ),
  auditBytesMax: setting(
    "audit-bytes-max",
    64 * mebibyte,
    byteCount(65_536),
    "bytes of the audit file at which a new one is begun",
  ),
  auditFilesMax: setting(
    "audit-files-max",
    10,
    integer(2, 10_000),
    "audit files kept, with the one that is written; the oldest is deleted",
  ),
  auditSync: setting<"none" | "second">(
    "audit-sync",
    "second",
    oneOf(["none", "second"]),
    "when audit lines are made to survive a power cut: within a second, or none when the system sees fit",
  ),
} as const;
