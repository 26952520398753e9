// `serve`: the service itself, as the process of src/main.ts. It is handed over to, not imported: the command line is a
// user of the client, and knows nothing of the server but where it begins.

import { fileURLToPath } from "node:url";
import { Command } from "commander";

const serverFile = new URL("../../main.ts", import.meta.url);

export function serveCommand(): Command {
  return new Command("serve")
    .summary("run the service")
    .description("Runs the service in this process; its settings are listed by `treekeeper serve --help`.")
    .argument("[setting...]", "flags of the service, such as --port 2281")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (settings: readonly string[]) => {
      // The process is the server's from here on; it reads its settings as if it had been started by itself.
      process.argv.splice(1, process.argv.length, fileURLToPath(serverFile), ...settings);
      await import(serverFile.href);
      await Promise.withResolvers<never>().promise;
    });
}
