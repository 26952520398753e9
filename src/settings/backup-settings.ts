// Settings of the backups that a server makes by itself.

import { setting } from "./setting.ts";
import { anyText, integer } from "./setting-values.ts";

export const backupSettings = {
  backupDir: setting(
    "backup-dir",
    "",
    anyText,
    "folder of this server's own that gets a backup now and then; none when empty",
  ),
  backupEveryMs: setting(
    "backup-every-ms",
    86_400_000,
    integer(1000, 2_147_483_647),
    "time between two of these backups",
  ),
  backupKeep: setting(
    "backup-keep",
    7,
    integer(1, 10_000),
    "backups kept in the folder; the oldest is deleted",
  ),
  backupCommand: setting(
    "backup-command",
    "",
    anyText,
    "command that is run with each backup's path behind its words, without a shell; none when empty",
  ),
  backupCommandMsMax: setting(
    "backup-command-ms-max",
    600_000,
    integer(100, 2_147_483_647),
    "time after which that command is ended",
  ),
} as const;
