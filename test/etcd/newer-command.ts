// What only a version to come says: the command, the version of the evaluation that it takes, and the entry that has it. It is
// counted here, since the version of this one is not known before its table of commands is complete.

import type { Command } from "../../src/core/command.ts";
import { commandTable } from "../../src/core/commands.ts";
import { encodeBatch } from "../../src/store/codec.ts";

export const machineVersion = 1 + Math.max(...Object.values(commandTable).map(({ since }) => since));

/** It creates a znode, in a way that is unknown today. */
export function newerEntry(path: string): Uint8Array {
  const command = {
    type: "createByNewer",
    path,
    data: new Uint8Array(),
    mode: { kind: "persistent", sequential: false },
  };
  const commands = [command as unknown as Command];
  return encodeBatch({ timeMs: Date.now(), ranMs: 0, commands, version: machineVersion });
}
