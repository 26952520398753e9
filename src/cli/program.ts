// The program as its user sees it: the table of commands, the shared options, and how it ends. Nothing here talks to
// the service.

import { Command, CommanderError } from "commander";
import { helpColumns, helpWrapping } from "../help-width.ts";
import { printable } from "../printable.ts";
import { safeSetUp } from "../safe-start.ts";
import { completeCommand } from "./commands/complete.ts";
import { commandGroups } from "./commands.ts";
import { exitCodeMeanings, exitCodeOf, exitCodes } from "./exit-codes.ts";
import { messageOf } from "./messages.ts";
import { globalOptions } from "./options.ts";
import { aligned, flushed, Output } from "./output.ts";

/** Runs a command line. @returns the code to end with */
export async function run(argv: readonly string[], version: string): Promise<number> {
  const code = await codeOf(() => programFor(version).parseAsync(argv));
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  return code;
}

function programFor(version: string): Command {
  const program = new Command("treekeeper")
    .description("A coordination service that speaks HTTP, from the command line.")
    .usage("[options] <command>")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this, or with a command what there is to know of it")
    .showHelpAfterError("See treekeeper --help.")
    .addHelpText("after", `\nExit codes:\n${indented(aligned(exitCodeMeanings))}`)
    .addHelpText("after", `\nA service that others can reach:\n${indented(safeSetUp.join("\n"))}`);
  for (const option of globalOptions()) program.addOption(option);
  for (const { heading, commands } of commandGroups) {
    for (const make of commands) program.addCommand(make().helpGroup(heading));
  }
  program.addCommand(completeCommand(), { hidden: true });
  for (const command of withDescendants(program)) {
    command
      .allowExcessArguments(false)
      .exitOverride()
      .configureHelp({ showGlobalOptions: true, ...helpWrapping });
    // What was typed wrongly is repeated.
    command.configureOutput({
      writeErr: (text) => process.stderr.write(printable(text)),
      getOutHelpWidth: helpColumns,
    });
  }
  return program;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

async function codeOf(act: () => Promise<unknown>): Promise<number> {
  try {
    await act();
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const message = messageOf(error);
    if (message !== "") new Output({}).error(message);
    return exitCodeOf(error);
  }
}
