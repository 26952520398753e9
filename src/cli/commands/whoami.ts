// `whoami`: whom the service takes the access token for.

import { Command } from "commander";
import { workplaceOf } from "../options.ts";

export function whoamiCommand(): Command {
  return new Command("whoami")
    .summary("say whom the service takes you for")
    .description("Prints whose the access token is, as events name it; `anyone` where access control is off.")
    .action(async (_options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      const identity = await client.whoAmI();
      await output.line(() => identity.by ?? "anyone", identity);
    });
}
