// `token …`: who may ask at all. A secret is printed once, alone, so that it can be sent into a file; what there is to say
// of it goes to stderr.

import { Command, Option } from "commander";
import { FirstTokenError, firstTokenName, layFirstToken } from "../../access/first-token.ts";
import type { AccessToken, NewAccessToken } from "../../client/index.ts";
import { duration } from "../durations.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { failedWrite } from "../messages.ts";
import { outputOf, variable, workplaceOf } from "../options.ts";
import type { Output } from "../output.ts";

export function tokenCommand(): Command {
  return new Command("token")
    .summary("make, list, rotate and revoke access tokens")
    .description("Access tokens: who may ask the service at all. A secret is printed once, and kept nowhere.")
    .addCommand(initCommand())
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(rotateCommand())
    .addCommand(changeCommand())
    .addCommand(revokeCommand());
}

function initCommand(): Command {
  return new Command("init")
    .summary("make the first token of an admin, or the way back to one")
    .description(
      "Prints the secret of a token that may do everything, and lays what it is to be known by into the data directory of " +
        "this machine. From the next start of the service on, access control is on. Where there is such a token already, " +
        "it gets this secret and no other.",
    )
    .addOption(
      variable(
        "TREEKEEPER_DATA_DIR",
        new Option("--data-dir <dir>", "data directory of the service"),
      ).default("./data"),
    )
    .option("--name <name>", "of the token", firstTokenName)
    .action(init);
}

async function init(options: { dataDir: string; name: string }, command: Command): Promise<void> {
  const output = outputOf(command);
  const { name } = options;
  const { file, secret } = laid(options);
  await output.line(() => secret, { name, secret });
  output.note(
    `This is the secret of the token ${name}, which may do everything; it is kept nowhere. It counts from the next start ` +
      `of the service, which takes over ${file}: if the service runs, restart it.`,
  );
}

function laid({ dataDir, name }: { dataDir: string; name: string }): ReturnType<typeof layFirstToken> {
  try {
    return layFirstToken(dataDir, name);
  } catch (error) {
    if (error instanceof FirstTokenError) throw new ExitError(exitCodes.failed, error.message);
    throw error;
  }
}

const manyPolicies = (text: string, names: readonly string[] = []) => [...names, text];

function policyOption(): Option {
  return new Option("-p, --policy <policy>", "what it may do; may be repeated").argParser(manyPolicies);
}

function validForOption(): Option {
  return new Option(
    "--valid-for <time>",
    "it ends after this time by this machine's clock, such as 30d or 12h",
  ).argParser(duration);
}

interface CreateOptions {
  readonly policy: readonly string[];
  readonly root?: string;
  readonly validFor?: number;
  readonly identity?: string;
}

function createCommand(): Command {
  return new Command("create")
    .summary("make a token and print its secret")
    .description("Makes a token and prints its secret, this once.")
    .argument("<token>", "its name, which is who it is")
    .addOption(policyOption().makeOptionMandatory())
    .option("--root <path>", "what is to be / to it: it can name nothing outside; made where it is missing")
    .addOption(validForOption())
    .option(
      "--identity <identity>",
      "for whom a certificate or an issuer vouches for, such as cert:web: without a secret",
    )
    .action(create);
}

async function create(
  name: string,
  { policy, root, validFor, identity }: CreateOptions,
  command: Command,
): Promise<void> {
  const { client, output } = workplaceOf(command);
  const end = validFor === undefined ? {} : { validUntilMs: Date.now() + validFor };
  const request = { name, policies: policy, root, ...end };
  if (identity === undefined) return await writeSecret(client.tokens.create(request), output);
  const token = await client.tokens.createFor(identity, request);
  await output.write({ text: () => "", json: token });
}

async function writeSecret(making: Promise<NewAccessToken>, output: Output): Promise<void> {
  const token = await making.catch((error: unknown) => {
    throw failedWrite(error);
  });
  await output.line(() => token.secret, token);
}

function listCommand(): Command {
  return new Command("list")
    .summary("list the tokens there are")
    .description("Lists tokens: name, policies, root, end. None is shown with its secret.")
    .action(async (_options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      for await (const token of client.tokens.list()) await output.line(() => tokenLine(token), token);
    });
}

function tokenLine({ name, policies, root, validUntilMs }: AccessToken): string {
  const end = validUntilMs === undefined ? "-" : new Date(validUntilMs).toISOString();
  return `${name}  ${policies.join(",")}  ${root}  ${end}`;
}

function rotateCommand(): Command {
  return new Command("rotate")
    .summary("give a token another secret and print it")
    .description(
      "Gives a token another secret and prints it, this once. It stays who it is: sessions, and what they hold, go on.",
    )
    .argument("<token>", "its name")
    .addOption(
      new Option(
        "--overlap <time>",
        "the secret before it is good for so long beside it, such as 1h; not at all unless given",
      ).argParser(duration),
    )
    .action(async (name: string, { overlap }: { overlap?: number }, command: Command) => {
      const { client, output } = workplaceOf(command);
      await writeSecret(client.tokens.rotate(name, { overlapMs: overlap }), output);
    });
}

interface ChangeOptions {
  readonly policy?: readonly string[];
  readonly validFor?: number;
  readonly endless?: boolean;
}

function changeCommand(): Command {
  return new Command("change")
    .summary("give a token other policies, or another end")
    .description("Gives a token these policies and no others, or another end. It counts at once.")
    .argument("<token>", "its name")
    .addOption(policyOption())
    .addOption(validForOption())
    .addOption(new Option("--endless", "it has no end any more").conflicts("validFor"))
    .action(async (name: string, { policy, validFor, endless }: ChangeOptions, command: Command) => {
      const { client, output } = workplaceOf(command);
      const end = validFor === undefined ? {} : { validUntilMs: Date.now() + validFor };
      const changes = { policies: policy, ...(endless === true ? { validUntilMs: null } : end) };
      const token = await client.tokens.change(name, changes);
      await output.write({ text: () => "", json: token });
    });
}

function revokeCommand(): Command {
  return new Command("revoke")
    .summary("revoke a token, at once")
    .description(
      "Revokes a token. Whatever it asks from then on is refused, its streams end, and so do its sessions.",
    )
    .argument("<token>", "its name")
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      await client.tokens.revoke(name);
      await output.write({ text: () => "", json: { name } });
    });
}
