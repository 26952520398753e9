// Versions to come: each knows one command more than the one before it. Imported before a program with `?ahead=2` behind its
// name, this makes the program the second of them; everything else is as it is. What it says is counted here, since the
// version of this one is not known before its table of commands is complete.

import { fileURLToPath } from "node:url";
import type { Command } from "../../src/core/command.ts";
import { commandTable } from "../../src/core/commands.ts";
import { encodeBatch } from "../../src/store/codec.ts";

const today = Math.max(...Object.values(commandTable).map(({ since }) => since));
const { searchParams } = new URL(import.meta.url);

for (let ahead = 1; ahead <= Number(searchParams.get("ahead")); ahead += 1)
  Object.assign(commandTable, { [nameOf(ahead)]: { ...commandTable.create, since: today + ahead } });

/**
 * A program of the sources, such as `main`, in the version that is so many ahead.
 * @param compiledFolder where what was compiled by one start is kept for the next
 */
export function programOf(program: string, ahead: number, compiledFolder: string): [string, ...string[]] {
  const url = new URL(import.meta.url);
  url.searchParams.set("ahead", String(ahead));
  const file = fileURLToPath(new URL(`../../src/${program}.ts`, import.meta.url));
  const kept = `NODE_COMPILE_CACHE=${compiledFolder}`;
  return ["env", kept, process.execPath, "--import", url.href, file];
}

/** The command that this version is the first to know. */
export function nameOf(ahead: number): string {
  return `createByNewer${ahead}`;
}

/** What only that version and later ones say: it creates a znode, in a way that is unknown before. */
export function entryOf(ahead: number, path: string): Uint8Array {
  const mode = { kind: "persistent", sequential: false };
  const command = { type: nameOf(ahead), path, data: new Uint8Array(), mode };
  const commands = [command as unknown as Command];
  return encodeBatch({ timeMs: Date.now(), ranMs: 0, commands, version: today + ahead });
}
