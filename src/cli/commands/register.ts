// `register`: keeps an instance of a service listed exactly while a command lives. The command does not depend on the
// session: when that is lost, the instance is listed again on another one.

import { hostname } from "node:os";
import { Command } from "commander";
import type { Instance } from "../../client/index.ts";
import { ExitError } from "../exit-codes.ts";
import { integer } from "../options.ts";
import { Runner } from "../supervisor/runner.ts";
import { graceOption, supervisedHelp } from "../supervisor/words.ts";

interface RegisterOptions {
  readonly port: number;
  readonly address: string;
  readonly id?: string;
  readonly tag?: readonly string[];
  readonly zone?: string;
  readonly weight?: number;
  readonly graceMs?: number;
}

const portMax = 65_535;

export function registerCommand(): Command {
  return new Command("register")
    .summary("keep an instance listed exactly while a command lives")
    .description(
      "Lists an instance of a service, runs the command, and takes the instance away when it has ended.",
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
    .addOption(graceOption())
    .addHelpText("after", supervisedHelp)
    .action(register);
}

async function register(
  name: string,
  words: readonly string[],
  options: RegisterOptions,
  command: Command,
): Promise<void> {
  const runner = new Runner(command, words, options);
  let endListing = async () => {};
  try {
    const { code } = await runner.untilEnd(async () => {
      endListing = await runner.list(name, instanceOf(options), options.id);
    });
    throw new ExitError(code);
  } catch (error) {
    await endListing();
    throw runner.fateOf(error);
  } finally {
    runner.close();
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
