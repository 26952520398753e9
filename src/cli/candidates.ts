// What fits where the cursor stands, in any shell: the table of commands says what may come, and the service, the one
// that the line itself names, what is there.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Command, Option } from "commander";
import type { Client } from "../client/index.ts";

interface Candidate {
  readonly word: string;
  readonly description?: string;
}

/** `paths` may be gone on with; for files and for commands of the machine a shell knows best itself. */
export type Candidates =
  | { readonly kind: "words" | "paths"; readonly candidates: readonly Candidate[] }
  | { readonly kind: "files" }
  /** The command that is to run begins at this word. */
  | { readonly kind: "command"; readonly start: number };

/** What was typed before the cursor, as the program would read it. */
interface Typed {
  readonly command: Command;
  /** Options of it and of the program. */
  readonly options: readonly Option[];
  readonly operands: readonly string[];
  /** Values of options, by their long names. */
  readonly values: ReadonlyMap<string, string>;
  /** An option whose value comes next. */
  readonly open: Option | null;
  /** The word after `--`; -1 without one. */
  readonly endOfOptions: number;
}

const supervised: readonly string[] = ["lock", "elect", "register"];
/** Options whose value is a file. */
const fileOptions: readonly string[] = [
  ...["--file", "--output", "--jsonl", "--token-file", "--scratch", "--from", "--to"],
  ...["--etcd-ca", "--etcd-cert", "--etcd-key", "--etcd-password-file"],
];
/** Where the names are that an argument may be. */
const nameFolders: Readonly<Record<string, string>> = {
  lock: "/locks",
  elect: "/elections",
  register: "/services",
  services: "/services",
};

/** @param clientFor makes a client of the options on the line */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  clientFor: (values: ReadonlyMap<string, string>) => Client,
): Promise<Candidates> {
  const current = words.at(-1) ?? "";
  const typed = readWords(program, words.slice(0, -1));
  const { command, open, endOfOptions, operands, values } = typed;
  const isSupervised = supervised.includes(command.name());
  if (isSupervised && (endOfOptions !== -1 || operands.length > 1)) {
    return { kind: "command", start: endOfOptions === -1 ? words.length - 1 : endOfOptions };
  }
  if (open !== null) return valuesOf(open, current, "");
  const [, flag] = /^(--[^=]+)=/.exec(current) ?? [];
  if (flag !== undefined) {
    const option = typed.options.find(({ long }) => long === flag);
    return option === undefined ? fitting([], "") : valuesOf(option, current, `${flag}=`);
  }
  if (current.startsWith("-") && endOfOptions === -1) {
    const settings = ["serve", "healthcheck"].includes(command.name()) ? await settingsOfServer() : [];
    return fitting([...settings, ...typed.options.map(flagOf), { word: "--help" }], current);
  }
  if (command.commands.length > 0) {
    const named = command.commands.filter((one) => one.name() !== "help" && !isHidden(one));
    return fitting(
      named.map((one) => ({ word: one.name(), description: one.summary() })),
      current,
    );
  }
  return await operandsFor(command, { count: operands.length, current }, () => clientFor(values));
}

function readWords(program: Command, words: readonly string[]): Typed {
  let command = program;
  let open: Option | null = null;
  let endOfOptions = -1;
  const operands: string[] = [];
  const values = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    if (open !== null) {
      values.set(open.long as string, word);
      open = null;
    } else if (endOfOptions === -1 && word === "--") {
      endOfOptions = index + 1;
    } else if (endOfOptions === -1 && word.startsWith("-")) {
      const [flag = "", ...rest] = word.split("=");
      const option = optionsOf(program, command).find(({ long, short }) => flag === long || flag === short);
      if (option?.required === true && rest.length === 0) open = option;
      else if (option !== undefined) values.set(option.long as string, rest.join("="));
    } else {
      const next: Command | undefined = command.commands.find((one) => one.name() === word);
      if (next === undefined || operands.length > 0) operands.push(word);
      else command = next;
    }
  }
  return { command, options: optionsOf(program, command), operands, values, open, endOfOptions };
}

function optionsOf(program: Command, command: Command): Option[] {
  const own = command === program ? [] : command.options;
  return [...own, ...program.options].filter(({ long }) => typeof long === "string");
}

function flagOf({ long, description }: Option): Candidate {
  return { word: long as string, description };
}

function isHidden(command: Command): boolean {
  return (command as Command & { readonly _hidden?: boolean })._hidden === true;
}

function valuesOf({ long, argChoices }: Option, current: string, prefix: string): Candidates {
  if (fileOptions.includes(long as string)) return { kind: "files" };
  return fitting(
    (argChoices ?? []).map((choice) => ({ word: prefix + choice })),
    current,
  );
}

async function operandsFor(
  command: Command,
  { count, current }: { readonly count: number; readonly current: string },
  client: () => Client,
): Promise<Candidates> {
  const known = command.registeredArguments;
  const argument = known[count] ?? (known.at(-1)?.variadic === true ? known.at(-1) : undefined);
  if (argument === undefined) return fitting([], current);
  if (argument.argChoices !== undefined)
    return fitting(
      argument.argChoices.map((word) => ({ word })),
      current,
    );
  switch (argument.name()) {
    case "path":
      return await pathsFrom(client(), current);
    case "file":
    case "directory":
    case "first":
    case "second":
      return { kind: "files" };
    case "name":
      return fitting(await namesIn(client(), nameFolders[command.name()] ?? "/"), current);
    case "id":
      return fitting(await sessionsOf(client()), current);
    case "policy":
    case "token":
      return fitting(await accessNamesOf(client(), argument.name()), current);
    default:
      return fitting([], current);
  }
}

function fitting(candidates: readonly Candidate[], current: string): Candidates {
  return { kind: "words", candidates: candidates.filter(({ word }) => word.startsWith(current)) };
}

/** The children of what is typed up to its last slash, as whole paths. */
async function pathsFrom(client: Client, current: string): Promise<Candidates> {
  const parent = current.slice(0, Math.max(0, current.lastIndexOf("/")));
  const children = await namesIn(client, parent === "" ? "/" : parent);
  const paths = children.map(({ word }) => ({ word: `${parent}/${word}` }));
  return { kind: "paths", candidates: paths.filter(({ word }) => word.startsWith(current)) };
}

/** More than so many help nobody who looks for one. */
const candidatesMax = 1000;

async function namesIn(client: Client, path: string): Promise<Candidate[]> {
  const names: Candidate[] = [];
  for await (const word of client.children(path)) {
    if (names.length === candidatesMax) break;
    names.push({ word });
  }
  return names;
}

async function sessionsOf(client: Client): Promise<Candidate[]> {
  const sessions: Candidate[] = [];
  for await (const { id, name } of client.sessions()) {
    if (sessions.length === candidatesMax) break;
    sessions.push({ word: id, description: name });
  }
  return sessions;
}

async function accessNamesOf(client: Client, what: string): Promise<Candidate[]> {
  const names: Candidate[] = [];
  for await (const { name } of what === "policy" ? client.policies.list() : client.tokens.list()) {
    if (names.length === candidatesMax) break;
    names.push({ word: name });
  }
  return names;
}

/** The server's settings are its own: it is asked for them. */
async function settingsOfServer(): Promise<Candidate[]> {
  const [, program = ""] = process.argv;
  const { stdout } = await promisify(execFile)(process.execPath, [program, "serve", "--help"]);
  return Array.from(new Set(stdout.match(/(?<=^\s*)--[a-z][a-z-]*/gm)), (word) => ({ word }));
}
