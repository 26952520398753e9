// `completion`: prints the script that completes commands, options and znode paths in a shell.

import { Argument, Command } from "commander";
import { completionScript, type Shell, shells } from "../completion.ts";

export function completionCommand(): Command {
  return new Command("completion")
    .summary("print a completion script for bash, zsh or fish")
    .description('Prints a completion script. In ~/.bashrc: eval "$(treekeeper completion bash)"')
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .action((shell: Shell, _options: object, command: Command) => {
      process.stdout.write(completionScript(shell, command.parent as Command));
    });
}
