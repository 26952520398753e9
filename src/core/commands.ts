// The one table of commands: what there is to know of each type, in one place and complete, because a type without a
// row does not compile. Rows stand in the file of their subject. Nothing else here or elsewhere names a type.

import { accessCommands } from "./access/access-commands.ts";
import type { Ask } from "./access/ask.ts";
import { aclCommands } from "./acl/acl-commands.ts";
import type { Command } from "./command.ts";
import { contextBytes } from "./command-bytes.ts";
import type { CommandRow, CommandType, RowsOf } from "./command-row.ts";
import { validateFences, validateTraceparent } from "./command-syntax.ts";
import { coordinationCommands } from "./coordination/recipes.ts";
import { epochCommands } from "./epoch-commands.ts";
import type { Limits } from "./limits.ts";
import { livenessCommands } from "./liveness-commands.ts";
import { quotaCommands } from "./quotas/quota-commands.ts";
import { restoreCommands } from "./restore-commands.ts";
import { sessionCommands } from "./session-commands.ts";
import type { Outcomes } from "./txn.ts";
import type { Asked, Idempotency, WriteContext } from "./write-context.ts";
import { znodeCommands } from "./znode-commands.ts";

export const commandTable: RowsOf<CommandType> = {
  ...znodeCommands,
  ...sessionCommands,
  ...livenessCommands,
  ...quotaCommands,
  ...aclCommands,
  ...epochCommands,
  ...restoreCommands,
  ...coordinationCommands,
  ...accessCommands,
};

/** A row for whoever does not know which: what is said of the type may be so or not. */
interface AnyRow extends Omit<CommandRow<Command>, "hasContext" | "hasKey" | "decide"> {
  readonly hasContext: boolean;
  readonly hasKey: boolean;
  decide(...parameters: Parameters<CommandRow<Command>["decide"]>): Outcomes[keyof Outcomes];
}

export function rowOf({ type }: Command): AnyRow {
  return commandTable[type];
}

/** Whether there is such a command in this version: the log may be of a later one. */
export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandTable, type);
}

/**
 * Held against what can be said without looking at the tree, before it is ordered: nothing malformed reaches the log.
 * @throws KeeperError when the command is malformed
 */
export function validateCommand(command: Command, limits: Limits): void {
  const row = rowOf(command);
  row.validate(command, limits);
  if (row.hasContext) validateFences((command as WriteContext).fences, limits);
  validateTraceparent((command as Asked).traceparent);
}

/**
 * Asks for all that the command takes, its fences included: whether one holds says what is there.
 * @throws KeeperError `forbidden`
 */
export function authoriseCommand(command: Command, ask: Ask): void {
  const row = rowOf(command);
  row.authorise(ask, command);
  if (!row.hasContext) return;
  const { fences } = command as WriteContext;
  if (fences === undefined) return;
  for (const { path } of fences) ask.requireAny(path, "read", "coordinate");
}

/** The key a command came with, if any. */
export function keyOf(command: Command): Idempotency | undefined {
  return rowOf(command).hasKey ? (command as WriteContext).idempotency : undefined;
}

/** About what the command takes in an entry: good enough to bound memory by. */
export function bytesOf(command: Command): number {
  const row = rowOf(command);
  const { fences, shown } = row.hasContext ? (command as WriteContext) : {};
  const { principal, traceparent } = command as Asked;
  const idempotency = keyOf(command);
  return row.bytes(command) + contextBytes({ fences, idempotency, principal, traceparent, shown });
}
