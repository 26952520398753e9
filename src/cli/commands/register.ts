// `register`: keeps an instance of a service listed while a command lives. The command does not depend on the session:
// when that is lost, the instance is listed again on another one.

import { hostname } from "node:os";
import { Command, Option } from "commander";
import type { Instance } from "../../client/index.ts";
import { checkOf } from "../check.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { integer } from "../options.ts";
import { type Announced, unlistedChoices } from "../supervisor/announcement.ts";
import { jsonlOption } from "../supervisor/event-lines.ts";
import { Runner } from "../supervisor/runner.ts";
import { commandHint, graceOption, passTokenOption, supervisedHelp } from "../supervisor/words.ts";

interface RegisterOptions {
  readonly port: number;
  readonly address: string;
  readonly id?: string;
  readonly tag?: readonly string[];
  readonly zone?: string;
  readonly weight?: number;
  readonly check?: string;
  readonly untilListed: Announced["unlisted"];
  readonly replace?: boolean;
  readonly graceMs?: number;
  readonly jsonl?: string;
  readonly passToken?: boolean;
}

const portMax = 65_535;

export function registerCommand(): Command {
  return new Command("register")
    .summary("keep an instance listed while a command lives")
    .description(
      "Registers an instance of a service, runs the command, and deregisters the instance when the command has ended.",
    )
    .usage("[options] <name> --port <n> -- <command...>")
    .argument("<name>", "a service")
    .argument("<command...>", "what to run; put -- before it")
    .requiredOption("--port <n>", "where the instance listens", integer(1, portMax))
    .option("--address <address>", "where others reach it", hostname())
    .option("--id <id>", "names the instance within the service; its session's id unless given")
    .option("--tag <tag>", "a word to find it by; may be repeated", (tag, tags: string[] = []) => [
      ...tags,
      tag,
    ])
    .option("--zone <zone>", "where it is")
    .option("--weight <n>", "its share of the work", integer(0))
    .option(
      "--check <what>",
      "list it once this passes: tcp, a URL that answers below 400, or a command that ends with 0",
    )
    .addOption(
      new Option(
        "--until-listed <do>",
        "while the service is away, or another session has the id: run the command, wait with it, or fail",
      )
        .choices(unlistedChoices)
        .default("run"),
    )
    .option("--replace", "take the id over at once from whoever has it")
    .addOption(graceOption())
    .addOption(jsonlOption())
    .addOption(passTokenOption())
    .addHelpText("after", supervisedHelp)
    .showHelpAfterError(commandHint)
    .action(register);
}

async function register(
  name: string,
  words: readonly string[],
  options: RegisterOptions,
  command: Command,
): Promise<void> {
  const { id, check, untilListed: unlisted, replace = false } = options;
  if (check !== undefined && unlisted === "fail") {
    throw new ExitError(
      exitCodes.usage,
      "With --check, the command runs before it is registered, so a failing check cannot stop it.",
    );
  }
  const runner = new Runner(command, words, { ...options, kind: "service", name });
  const instance = instanceOf(options);
  try {
    const { code, fault } = await runner.whileListed({
      ...{ service: name, instance, id, unlisted, replace },
      check: check === undefined ? null : checkOf(check, instance),
    });
    throw new ExitError(code, fault ?? "");
  } catch (error) {
    throw runner.fateOf(error);
  } finally {
    await runner.close();
  }
}

function instanceOf({ port, address, tag: tags, zone, weight }: RegisterOptions): Instance {
  return {
    ...{ address, port },
    ...(tags !== undefined && { tags }),
    ...(zone !== undefined && { zone }),
    ...(weight !== undefined && { weight }),
  };
}
