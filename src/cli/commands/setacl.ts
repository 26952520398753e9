// `setacl`: gives a znode another access control list, in the place of the whole one.

import { Argument, Command } from "commander";
import type { AclEntry, Fence, SessionCredentials } from "../../client/index.ts";
import { addAclEntry } from "../acl-entries.ts";
import { fenceOption } from "../fences.ts";
import { integer, sessionOption, workplaceOf, writeFor } from "../options.ts";

interface SetAclOptions {
  readonly ifAversion?: number;
  readonly fence?: readonly Fence[];
  readonly session?: SessionCredentials;
}

export function setAclCommand(): Command {
  return new Command("setacl")
    .summary("replace the access control list of a znode")
    .description(
      "Replaces the access control list of a znode. auth::PERMISSIONS stands for the identity of --acl-auth.",
    )
    .argument("<path>", "a znode")
    .addArgument(
      new Argument(
        "<entry...>",
        "SCHEME:ID:PERMISSIONS, such as world:anyone:r or ip:10.0.0.0/8:cdrwa",
      ).argParser(addAclEntry),
    )
    .option("--if-aversion <n>", "only while the list was set so often", integer(0))
    .addOption(fenceOption())
    .addOption(sessionOption())
    .action(setAcl);
}

async function setAcl(
  path: string,
  acl: readonly AclEntry[],
  { ifAversion, fence, session }: SetAclOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const options = { aversion: ifAversion, fences: fence };
  const written = await writeFor(client, session, (writer) => writer.setAcl(path, acl, options));
  await output.write({ text: () => "", json: written });
}
