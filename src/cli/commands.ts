// The table of commands: each is one file and one row here. --help and the completion scripts follow from it.

import type { Command } from "commander";
import { backupCommand } from "./commands/backup.ts";
import { checkCommand } from "./commands/check.ts";
import { completionCommand } from "./commands/completion.ts";
import { createCommand } from "./commands/create.ts";
import { diffCommand } from "./commands/diff.ts";
import { drainCommand } from "./commands/drain.ts";
import { dumpCommand } from "./commands/dump.ts";
import { electCommand } from "./commands/elect.ts";
import { exportCommand } from "./commands/export.ts";
import { getCommand } from "./commands/get.ts";
import { getAclCommand } from "./commands/getacl.ts";
import { importCommand } from "./commands/import.ts";
import { lockCommand } from "./commands/lock.ts";
import { locksCommand } from "./commands/locks.ts";
import { lsCommand } from "./commands/ls.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { policyCommand } from "./commands/policy.ts";
import { promoteCommand } from "./commands/promote.ts";
import { registerCommand } from "./commands/register.ts";
import { restoreCommand } from "./commands/restore.ts";
import { rmCommand } from "./commands/rm.ts";
import { healthcheckCommand, serveCommand } from "./commands/serve.ts";
import { servicesCommand } from "./commands/services.ts";
import { sessionCommand } from "./commands/session.ts";
import { setCommand } from "./commands/set.ts";
import { setAclCommand } from "./commands/setacl.ts";
import { statCommand } from "./commands/stat.ts";
import { statusCommand } from "./commands/status.ts";
import { tokenCommand } from "./commands/token.ts";
import { treeCommand } from "./commands/tree.ts";
import { verifyCommand } from "./commands/verify.ts";
import { watchCommand } from "./commands/watch.ts";
import { whoamiCommand } from "./commands/whoami.ts";

interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly (() => Command)[];
}

export const commandGroups: readonly CommandGroup[] = [
  {
    heading: "Run commands under a lock, an election or a service:",
    commands: [lockCommand, electCommand, registerCommand],
  },
  {
    heading: "Znodes:",
    commands: [
      lsCommand,
      treeCommand,
      getCommand,
      statCommand,
      createCommand,
      setCommand,
      rmCommand,
      watchCommand,
      getAclCommand,
      setAclCommand,
    ],
  },
  { heading: "Sessions, services and locks:", commands: [sessionCommand, servicesCommand, locksCommand] },
  { heading: "Whole trees:", commands: [exportCommand, importCommand] },
  { heading: "Who may do what:", commands: [tokenCommand, policyCommand, whoamiCommand] },
  {
    heading: "Data directories and backups:",
    commands: [
      ...[backupCommand, verifyCommand, restoreCommand, promoteCommand],
      ...[checkCommand, dumpCommand, diffCommand, migrateCommand],
    ],
  },
  {
    heading: "Around it:",
    commands: [serveCommand, statusCommand, drainCommand, healthcheckCommand, completionCommand],
  },
];
