// All settings there are, table by table: each is one row, and its flag, its environment variable, its name in a file of
// settings, its line in --help and its check follow from the row.

import { accessSettings } from "./access-settings.ts";
import { auditSettings } from "./audit-settings.ts";
import { backupSettings } from "./backup-settings.ts";
import { coordinationSettings } from "./coordination-settings.ts";
import { databaseSettings } from "./database-settings.ts";
import { etcdSettings } from "./etcd-settings.ts";
import { followSettings } from "./follow-settings.ts";
import { httpSettings } from "./http-settings.ts";
import { serverSettings } from "./server-settings.ts";
import { sessionSettings } from "./session-settings.ts";
import { shareSettings } from "./share-settings.ts";
import { sweepSettings } from "./sweep-settings.ts";
import { watchSettings } from "./watch-settings.ts";
import { writeSettings } from "./write-settings.ts";

export const settings = {
  ...serverSettings,
  ...etcdSettings,
  ...followSettings,
  ...auditSettings,
  ...backupSettings,
  ...accessSettings,
  ...sessionSettings,
  ...writeSettings,
  ...httpSettings,
  ...shareSettings,
  ...coordinationSettings,
  ...watchSettings,
  ...sweepSettings,
  ...databaseSettings,
} as const;

export type Config = { readonly [Name in keyof typeof settings]: (typeof settings)[Name]["initial"] };

/** The settings that bound something, by name: all numbers but the port. */
export function boundsOf({ port: _, ...others }: Config): Record<string, number> {
  const numbers = Object.entries(others).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(numbers);
}
