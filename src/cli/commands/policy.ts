// `policy …`: what those who have a policy may do. A rule is written as it is shown, so that what was printed can be
// given again.

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Command, Option } from "commander";
import type { AccessPolicy, PolicyRule } from "../../client/index.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { workplaceOf } from "../options.ts";
import { ruleIn, ruleLines } from "../rules.ts";

export function policyCommand(): Command {
  return new Command("policy")
    .summary("set, show, list and delete policies")
    .description("Policies: rules about paths, which those have who have a token with the policy.")
    .addCommand(setCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(deleteCommand());
}

interface SetOptions {
  readonly rule?: readonly PolicyRule[];
  readonly file?: string;
}

function setCommand(): Command {
  return new Command("set")
    .summary("make a policy, or give it other rules")
    .description(
      "Gives a policy these rules and no others; it counts at once for whoever has it. A rule covers its path and all " +
        "below, as it is in the whole tree. The rule with the longest path that names a verb decides, deny before allow.",
    )
    .argument("<policy>", "its name")
    .addOption(
      new Option(
        "-r, --rule <rule>",
        "such as 'allow read,write /app' or 'deny read /app/keys'; may be repeated",
      ).argParser((text, rules: PolicyRule[] = []) => [...rules, ruleIn(text)]),
    )
    .addOption(
      new Option(
        "-f, --file <file>",
        'JSON, {"rules": […]} as `policy show --json` prints it; - is standard input',
      ).conflicts("rule"),
    )
    .action(async (name: string, options: SetOptions, command: Command) => {
      const { client, output } = workplaceOf(command);
      const policy = await client.policies.set(name, await rulesOf(options));
      await output.write({ text: () => "", json: policy });
    });
}

async function rulesOf({ rule, file }: SetOptions): Promise<readonly PolicyRule[]> {
  if (rule !== undefined) return rule;
  if (file === undefined) throw new ExitError(exitCodes.usage, "Give rules: by --rule, or by --file.");
  const text = (file === "-" ? await buffer(process.stdin) : await readFile(file)).toString();
  try {
    const { rules } = JSON.parse(text) as Partial<AccessPolicy>;
    if (Array.isArray(rules)) return rules;
  } catch {
    // Not even JSON.
  }
  throw new ExitError(
    exitCodes.usage,
    `${file} is not JSON of the form {"rules": [{"prefix": …, "allow": […]}]}.`,
  );
}

function listCommand(): Command {
  return new Command("list")
    .summary("list the policies there are")
    .description("Lists policies by name, with the number of their rules.")
    .action(async (_options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      for await (const policy of client.policies.list())
        await output.line(() => `${policy.name}  ${policy.rules.length}`, policy);
    });
}

function showCommand(): Command {
  return new Command("show")
    .summary("print the rules of a policy")
    .description("Prints the rules of a policy, one a line, as `policy set --rule` takes them.")
    .argument("<policy>", "its name")
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      const policy = await client.policies.get(name);
      const lines = policy.rules.flatMap(ruleLines);
      await output.write({ text: () => lines.map((line) => `${line}\n`).join(""), json: policy });
    });
}

function deleteCommand(): Command {
  return new Command("delete")
    .summary("delete a policy that no token has")
    .description("Deletes a policy. One that a token has stays: give the token others first.")
    .argument("<policy>", "its name")
    .action(async (name: string, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      await client.policies.delete(name);
      await output.write({ text: () => "", json: { name } });
    });
}
