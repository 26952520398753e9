// `locks`: the locks there are, and who holds one and waits for it.

import { Command } from "commander";
import type { LockState } from "../../client/index.ts";
import { workplaceOf } from "../options.ts";

export function locksCommand(): Command {
  return new Command("locks")
    .summary("list locks, or say who holds one")
    .description(
      "Lists all locks with how many hold and wait, or the holders of NAME and those who wait, in their order: state, " +
        "session, its name, fence, what the claim says of itself.",
    )
    .argument("[name]", "a lock")
    .action(locks);
}

async function locks(name: string | undefined, _options: object, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  if (name === undefined) {
    for await (const lock of client.locks()) {
      await output.line(() => `${lock.name}  ${lock.holderCount} held  ${lock.waitingCount} waiting`, lock);
    }
    return;
  }
  const lock = await client.lockState(name);
  await output.write({ text: () => textOf(lock), json: lock });
}

function textOf({ holders, queue, holderCount, waitingCount }: LockState): string {
  if (holderCount + waitingCount === 0) return "nobody holds it\n";
  const lines = [...holders, ...queue].map((claim) => {
    const { session, sessionName, fenceHeader, metadata } = claim;
    const state = "position" in claim ? `waiting ${claim.position}` : "held";
    const said = metadata === null ? [] : [JSON.stringify(metadata)];
    return [state, session ?? "no session", sessionName || "-", fenceHeader, ...said].join("  ");
  });
  const hidden = holderCount + waitingCount - lines.length;
  return `${[...lines, ...(hidden > 0 ? [`and ${hidden} more`] : [])].join("\n")}\n`;
}
