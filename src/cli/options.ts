// The options that all commands share, how they become a client, and how values of options are read. What each
// command adds stands with the command.

import { type Command, InvalidArgumentError, Option } from "commander";
import { Client, type Session, type SessionCredentials } from "../client/index.ts";
import { failedWrite } from "./messages.ts";
import { Output } from "./output.ts";

export interface GlobalOptions {
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly token?: string;
  readonly json?: boolean;
}

export const endpointVariable = "TREEKEEPER_ENDPOINT";
const endpointDefault = "http://127.0.0.1:2281";
const sessionTimeoutMsDefault = 10_000;
/** Shorter than a program's: who sits at a terminal, or a script, wants to know. */
const requestTimeoutMs = 5000;
const attemptsMax = 5;

export function globalOptions(): Option[] {
  return [
    new Option("-e, --endpoint <url>", "where the service is; several, comma-separated, are one service")
      .env(endpointVariable)
      .default(endpointDefault),
    new Option("--timeout-ms <ms>", "silence after which a session that is opened ends")
      .env("TREEKEEPER_TIMEOUT_MS")
      .argParser(integer(1))
      .default(sessionTimeoutMsDefault),
    new Option("--token <token>", "access token, sent as Authorization: Bearer").env("TREEKEEPER_TOKEN"),
    new Option("--json", "results as JSON, one value a line"),
  ];
}

/** What a command works with, made of the shared options. */
export interface Workplace {
  readonly client: Client;
  readonly output: Output;
  readonly options: GlobalOptions;
}

export function workplaceOf(command: Command): Workplace {
  const options = command.optsWithGlobals<GlobalOptions>();
  const { endpoint, token, json = false } = options;
  const client = clientOf(command, endpoint.split(","), token);
  return { client, output: new Output({ json }), options };
}

function clientOf(command: Command, endpoint: readonly string[], token: string | undefined): Client {
  try {
    return new Client({
      endpoint,
      requestTimeoutMs,
      attemptsMax,
      ...(token !== undefined && { fetch: authorized(token) }),
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return command.error(`error: option '--endpoint' is a URL, for example ${endpointDefault}.`);
  }
}

function authorized(token: string): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("Authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It is a whole number ${range}.`);
  };
}

/** The session that a command acts for, as `session open` prints it. */
export function sessionOption(): Option {
  return new Option("--session <id:token>", "act for this session, as `session open` prints it")
    .env("TREEKEEPER_SESSION")
    .argParser(credentialsIn);
}

export function credentialsIn(text: string): SessionCredentials {
  const [, id, token] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (id !== undefined && token !== undefined) return { id, token };
  throw new InvalidArgumentError("It is ID:TOKEN, as `treekeeper session open` prints it.");
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
