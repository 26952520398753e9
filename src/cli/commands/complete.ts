// `complete`: what completion scripts ask. It is not listed, and says nothing of what goes wrong: a line is being typed.

import { Command } from "commander";
import { Client } from "../../client/index.ts";
import { printableLine } from "../../printable.ts";
import { accessTokenOf } from "../access-token.ts";
import { type Candidates, candidatesFor } from "../candidates.ts";
import { candidatesCommand } from "../completion.ts";
import { endpointsIn, type GlobalOptions } from "../options.ts";

/** Nobody waits longer for a completion. */
const requestTimeoutMs = 2000;

export function completeCommand(): Command {
  return new Command(candidatesCommand)
    .summary("what fits at the end of a command line, for completion scripts")
    .argument("[word...]", "the words of the line, the last as far as it is typed")
    .action(complete);
}

async function complete(words: readonly string[], _options: object, command: Command): Promise<void> {
  const { endpoint } = command.optsWithGlobals<GlobalOptions>();
  const found = await candidatesFor(command.parent as Command, words, (values) => {
    const named = endpointsIn(values.get("--endpoint") ?? endpoint);
    const token = accessTokenOf(command, values.get("--token-file"));
    return new Client({ endpoint: named, requestTimeoutMs, attemptsMax: 1, token });
  });
  process.stdout.write(
    linesOf(found)
      .map((line) => `${line}\n`)
      .join(""),
  );
}

function linesOf(found: Candidates): string[] {
  if (found.kind === "files") return ["files"];
  if (found.kind === "command") return [`command ${found.start}`];
  const lines = found.candidates.map(({ word, description }) =>
    description === undefined ? word : `${word}\t${printableLine(description)}`,
  );
  return [found.kind, ...lines];
}
