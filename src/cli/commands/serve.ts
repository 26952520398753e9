// `serve`, the service itself, and `healthcheck`, which asks it whether it runs: the programs of the server. They are handed
// over to, not imported: the command line is a user of the client, and knows nothing of the server but where it begins.

import { fileURLToPath } from "node:url";
import { Command } from "commander";

const serverFile = new URL("../../main.ts", import.meta.url);
const healthcheckFile = new URL("../../healthcheck.ts", import.meta.url);

export function serveCommand(): Command {
  return commandWithSettings("serve", serverFile)
    .summary("run the service")
    .description("Runs the service in this process; its settings are listed by `treekeeper serve --help`.")
    .helpOption(false);
}

export function healthcheckCommand(): Command {
  return commandWithSettings("healthcheck", healthcheckFile)
    .summary("ask the service on this machine whether it runs")
    .description(
      "Ends with 0 if the service that has these settings runs on this machine and answers, else with 1. Settings are those " +
        "of `treekeeper serve --help`, from flags, the environment and the file, as the service has them.",
    );
}

function commandWithSettings(name: string, program: URL): Command {
  return new Command(name)
    .argument("[setting...]", "flags of the service, such as --port 2281")
    .allowUnknownOption()
    .action(async (settings: readonly string[]) => {
      // The process is the program's from here on; it reads its settings as if it had been started by itself.
      process.argv.splice(1, process.argv.length, fileURLToPath(program), ...settings);
      await import(program.href);
      await Promise.withResolvers<never>().promise;
    });
}
