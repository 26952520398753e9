// Reads the settings in force, and prints them. One that makes no sense stops the start with a sentence.

import { Command, InvalidArgumentError, Option } from "commander";
import { helpColumns, helpWrapping } from "../help-width.ts";
import { printableLine } from "../printable.ts";
import { safeSetUp } from "../safe-start.ts";
import { contradictionIn } from "./contradictions.ts";
import { withDerived } from "./derived.ts";
import { environmentName } from "./environment.ts";
import type { Setting } from "./setting.ts";
import { type Config, settings } from "./settings.ts";
import { lineFault, readSettingsFile, SettingsFileError } from "./settings-file.ts";

/**
 * The settings in force: flags first, then the environment, then the file, then what is built in.
 * Prints the table and exits for --help, and what is in force for --print-config; prints a sentence and exits with 1 when
 * something is wrong.
 */
export function readConfig(argv: readonly string[], version: string): Config {
  const command = commandFor(version).parse(argv);
  const lines = settingsFileFor(command);
  const { printConfig, ...config } = command.opts<Config & { readonly printConfig?: true }>();
  const fault = contradictionIn(config);
  if (fault !== null) command.error(`error: ${fault}`);
  const inForce = withDerived(config);
  if (printConfig) {
    process.stdout.write(textOf(inForce, command, lines));
    process.exit(0);
  }
  return inForce;
}

const rows = Object.entries<Setting<unknown>>(settings);

function commandFor(version: string): Command {
  const command = new Command("treekeeper")
    .description("A coordination service that speaks HTTP and Server-Sent Events.")
    .version(version)
    .configureHelp(helpWrapping)
    .configureOutput({ getOutHelpWidth: helpColumns })
    .allowExcessArguments(false);
  for (const [, { flag, meaning, initial, parse }] of rows) {
    // Of what is asked for or not, the flag alone says that it is.
    const value = initial === false ? "[value]" : "<value>";
    const option = new Option(`--${flag} ${value}`, meaning).env(environmentName(flag)).default(initial);
    command.addOption((initial === false ? option.preset("true") : option).argParser(parse));
  }
  return command
    .option("--print-config", "print what is in force, as such a file and with where it is from, and end")
    .addHelpText("after", fileHelp)
    .addHelpText("after", `\nSafe set-up, where others are to be let in:\n  ${safeSetUp.join("\n  ")}`);
}

const fileHelp = `
Flags go before the environment, the environment before the file of --config. In the file names
have no dashes in front:
  # a comment
  data-dir = /var/lib/treekeeper/data`;

/** Takes the file's settings where neither a flag nor the environment has them. @returns the line of each it has */
function settingsFileFor(command: Command): ReadonlyMap<string, number> {
  const { config: file } = command.opts<Config>();
  const lineOf = new Map<string, number>();
  if (file === "") return lineOf;
  try {
    for (const { name, value, line } of readSettingsFile(file)) {
      const [key, parsed] = parsedSetting(name, value, { file, line, name });
      lineOf.set(key, line);
      if (command.getOptionValueSource(key) === "default")
        command.setOptionValueWithSource(key, parsed, "config");
    }
  } catch (error) {
    if (!(error instanceof SettingsFileError)) throw error;
    command.error(`error: ${printableLine(error.message)}`);
  }
  return lineOf;
}

/** @throws SettingsFileError where there is no such setting, or not with such a value */
function parsedSetting(name: string, value: string, place: Parameters<typeof lineFault>[0]) {
  const [key, row] = rows.find(([, { flag }]) => flag === name) ?? [];
  if (key === undefined || row === undefined)
    throw lineFault(place, "There is no such setting; --help lists them all.");
  if (row === settings.config) throw lineFault(place, "A file names no other.");
  try {
    return [key, row.parse(value)] as const;
  } catch (error) {
    throw error instanceof InvalidArgumentError ? lineFault(place, error.message) : error;
  }
}

/** In the form of a file of settings. What is not built in has a comment that says where it is from. */
function textOf(config: Config, command: Command, lines: ReadonlyMap<string, number>): string {
  const settingOf = ([key, { flag }]: (typeof rows)[number]) => {
    const origins: Record<string, string> = {
      cli: `# from --${flag}\n`,
      env: `# from ${environmentName(flag)}\n`,
      config: `# from ${printableLine(config.config)}:${lines.get(key)}\n`,
    };
    const origin = origins[command.getOptionValueSource(key) ?? ""] ?? "";
    return `${origin}${`${flag} = ${printableLine(String(config[key as keyof Config]))}`.trimEnd()}\n`;
  };
  return rows
    .filter(([key]) => key !== "config")
    .map(settingOf)
    .join("");
}
