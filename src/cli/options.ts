// The options that all commands share, how they become a client, and how values of options are read. What each
// command adds stands with the command.

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Client, type Session, type SessionCredentials } from "../client/index.ts";
import { accessTokenOf, aclAuthVariable, tokenFileOption, tokenFileVariable } from "./access-token.ts";
import { failedWrite } from "./messages.ts";
import { Output } from "./output.ts";

export interface GlobalOptions {
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly aclAuth?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export const endpointVariable = "TREEKEEPER_ENDPOINT";
/** As OpenTelemetry has it for programs that start others. */
const traceVariable = "TRACEPARENT";
/** As examples and tests have called it; looked at where the other is not set. */
const endpointVariableBefore = "TREEKEEPER_URL";
const endpointDefault = "http://127.0.0.1:2281";
const sessionTimeoutMsDefault = 10_000;
/** Shorter than a program's: who sits at a terminal, or a script, wants to know. */
const requestTimeoutMs = 5000;
const attemptsMax = 5;

export function globalOptions(): Option[] {
  return [
    variable(
      endpointVariable,
      new Option("-e, --endpoint <url>", "where the service is; several, comma-separated, are one service"),
    ).default(process.env[endpointVariableBefore] || endpointDefault, endpointDefault),
    variable(
      "TREEKEEPER_TIMEOUT_MS",
      new Option("--timeout-ms <ms>", "silence after which a session that is opened ends"),
    )
      .argParser(integer(1))
      .default(sessionTimeoutMsDefault),
    variable(
      aclAuthVariable,
      new Option("--acl-auth <@file>", "USER:PASSWORD, for access control lists; @FILE is read from a file"),
    ).argParser(secretIn),
    variable(tokenFileVariable, tokenFileOption()),
    new Option("--json", "results as JSON, one value a line"),
    new Option("-q, --quiet", "say nothing but results and faults: for cron"),
  ];
}

/** The variable is an option's as well; set to nothing, as tools leave one out, it is as one that is not set. */
export function variable(name: string, option: Option): Option {
  return process.env[name] === "" ? option : option.env(name);
}

/** Others can see the words of a command line: a secret is better said by the name of a file that holds it. */
export function secretIn(text: string): string {
  if (!text.startsWith("@")) return text;
  const file = text.slice(1);
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new InvalidArgumentError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** What a command works with, made of the shared options. */
export interface Workplace {
  readonly client: Client;
  readonly output: Output;
  readonly options: GlobalOptions;
}

export function workplaceOf(command: Command): Workplace {
  const options = command.optsWithGlobals<GlobalOptions>();
  const client = clientOf(command, endpointsIn(options.endpoint), options);
  return { client, output: outputOf(command), options };
}

/** For what is no matter of the service's. */
export function outputOf(command: Command): Output {
  const { json, quiet } = command.optsWithGlobals<GlobalOptions>();
  return new Output({ json, quiet });
}

export function endpointsIn(text: string): string[] {
  return text.split(",").map(withScheme);
}

/** `localhost:2281`, as people write it for other services, is a URL of the scheme `localhost`. */
function withScheme(endpoint: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
}

function clientOf(
  command: Command,
  endpoint: readonly string[],
  { aclAuth }: Pick<GlobalOptions, "aclAuth">,
): Client {
  // Said here and not where the option is read: there it would be repeated.
  if (aclAuth?.includes(":") === false)
    command.error("error: option '--acl-auth' is USER:PASSWORD, or @FILE with that in it.");
  const token = accessTokenOf(command);
  const aclIdentities = aclAuth === undefined ? [] : [aclAuth];
  try {
    const traceparent = () => process.env[traceVariable];
    return new Client({ endpoint, requestTimeoutMs, attemptsMax, token, aclIdentities, traceparent });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return command.error(`error: option '--endpoint' is a URL of http or https, such as ${endpointDefault}.`);
  }
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It is a whole number ${range}.`);
  };
}

/** What is read is refused by a server that cannot reach its log, unless this is given. */
export function staleOption(): Option {
  return new Option("--stale", "while the server cannot reach its log, take what it last knew");
}

export interface StaleOption {
  readonly stale?: true;
}

/** For the client. */
export function staleOf({ stale }: StaleOption): { readonly stale?: "ok" } {
  return stale === true ? { stale: "ok" } : {};
}

/** The session that a command acts for, as `session open` prints it. */
export function sessionOption(): Option {
  return new Option(
    "--session <@file>",
    "act for this session: @FILE with what `session open` printed, or ID:TOKEN",
  )
    .env("TREEKEEPER_SESSION")
    .argParser(credentialsIn);
}

export function credentialsIn(text: string): SessionCredentials {
  const [, id, token] = /^([^:]+):(.+)$/.exec(secretIn(text)) ?? [];
  if (id !== undefined && token !== undefined) return { id, token };
  throw new InvalidArgumentError(
    "It is ID:TOKEN, as `treekeeper session open` prints it, or @FILE with that in it.",
  );
}

/** Writes for the session where one is named, which lives on, else for nobody. */
export async function writeFor<T>(
  client: Client,
  credentials: SessionCredentials | undefined,
  write: (writer: Client | Session) => Promise<T>,
): Promise<T> {
  const session = credentials === undefined ? null : await client.joinSession(credentials);
  try {
    return await write(session ?? client);
  } catch (error) {
    throw failedWrite(error);
  } finally {
    session?.leave();
  }
}
