// `getacl`: who may do what with a znode, an entry a line, as `setacl` takes them.

import { Command } from "commander";
import { aclEntryText } from "../acl-entries.ts";
import { workplaceOf } from "../options.ts";

export function getAclCommand(): Command {
  return new Command("getacl")
    .summary("print the access control list of a znode")
    .description(
      "Prints the entries of a znode's access control list, as setacl takes them. Hashes are x unless --acl-auth names an " +
        "identity that the list gives admin.",
    )
    .argument("<path>", "a znode")
    .action(getAcl);
}

async function getAcl(path: string, _options: object, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const { zxid: _, ...found } = await client.getAcl(path);
  await output.write({
    text: () => found.acl.map((entry) => `${aclEntryText(entry)}\n`).join(""),
    json: found,
  });
}
