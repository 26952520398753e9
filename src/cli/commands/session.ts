// `session …`: sessions that outlive a command, for scripts that hold ephemerals, and what sessions there are.

import { Command, InvalidArgumentError } from "commander";
import type { EndedSession, SessionCredentials } from "../../client/index.ts";
import { credentialsIn, integer, workplaceOf } from "../options.ts";
import { aligned, type Output } from "../output.ts";

export function sessionCommand(): Command {
  return new Command("session")
    .summary("open, keep alive, close and list sessions")
    .description("Sessions: an ephemeral znode is there for as long as its session.")
    .addCommand(openCommand())
    .addCommand(keepaliveCommand())
    .addCommand(closeCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(endedCommand());
}

function openCommand(): Command {
  return new Command("open")
    .summary("open a session and print ID:TOKEN")
    .description(
      "Opens a session and prints ID:TOKEN, which is secret, for --session and TREEKEEPER_SESSION. " +
        "Other users can see command lines, so keep it in a file: --session @FILE. It ends when it was not " +
        "kept alive for --timeout-ms.",
    )
    .option("--name <name>", "a word for people who read listings")
    .action(async ({ name }: { name?: string }, command: Command) => {
      const { client, output, options } = workplaceOf(command);
      const session = await client.openSession({ timeoutMs: options.timeoutMs, name });
      session.leave();
      const { id, token, timeoutMs } = session;
      await output.line(() => `${id}:${token}`, { id, token, timeoutMs });
    });
}

function keepaliveCommand(): Command {
  return withCredentials("keepalive")
    .summary("keep a session alive")
    .description("Renews a session and prints for how many milliseconds it is at least alive.")
    .action(async (argument: SessionCredentials | undefined, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      const session = await client.joinSession(credentialsOf(argument));
      const { id, timeoutMs } = session;
      const validForMs = Math.floor(session.remainingMs());
      session.leave();
      await output.line(() => String(validForMs), { id, timeoutMs, validForMs });
    });
}

function closeCommand(): Command {
  return withCredentials("close")
    .summary("close a session")
    .description("Ends a session; its ephemerals are deleted in one transaction before the command returns.")
    .action(async (argument: SessionCredentials | undefined, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      const session = await client.joinSession(credentialsOf(argument));
      await session.close();
      await output.write({ text: () => "", json: { id: session.id } });
    });
}

function lsCommand(): Command {
  return new Command("ls")
    .summary("list the sessions there are")
    .description("Lists sessions: id, timeout, time left, ephemerals, name.")
    .action(async (_options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      for await (const session of client.sessions()) {
        const { id, timeoutMs, remainingMs, ephemeralCount, name } = session;
        const columns = [timeoutMs, Math.round(remainingMs), ephemeralCount];
        const text = columns.map((count) => String(count).padStart(9)).join("");
        await output.line(() => `${id}${text}  ${name}`, session);
      }
    });
}

function showCommand(): Command {
  return new Command("show")
    .summary("describe a session")
    .description("Prints a session's details, with its ephemerals last.")
    .argument("<id>", "the session's id, without its token")
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = workplaceOf(command);
      const session = await client.session(id);
      const rows = Object.entries(session).map(([name, value]) => [name, textOf(value)] as const);
      await output.write({ text: () => aligned(rows), json: session });
    });
}

function endedCommand(): Command {
  return new Command("ended")
    .summary("say why a session ended")
    .description(
      "Prints why a session ended, or lists those that have ended, the last first, as far as the server remembers. It takes " +
        "the right admin.",
    )
    .argument("[id]", "the session's id, without its token")
    .option("-n, --last <n>", "list so many", integer(1), 20)
    .action(async (id: string | undefined, { last }: { last: number }, command: Command) => {
      const { client, output } = workplaceOf(command);
      if (id !== undefined) return await showEnded(await client.endedSession(id), output);
      let left = last;
      for await (const session of client.endedSessions()) {
        await output.line(() => endedLine(session), session);
        left -= 1;
        if (left === 0) return;
      }
    });
}

async function showEnded(session: EndedSession, output: Output): Promise<void> {
  const { id, name, timeoutMs, openedBy, closedBy, ephemeralCount, zxid, why } = session;
  const rows: [string, unknown][] = [
    ["session", name === "" ? id : `${id}  ${name}`],
    ["why", why],
    ["opened", `${timeIn(session.openedAtMs)}${openedBy === undefined ? "" : `  by ${openedBy}`}`],
    ["last heard", timeIn(session.lastHeardAtMs)],
    ["ended", `${timeIn(session.endedAtMs)}${typeof closedBy === "string" ? `  by ${closedBy}` : ""}`],
    ["timeout", `${timeoutMs} ms`],
    ["znodes", `${ephemeralCount} went with it in transaction ${zxid}`],
  ];
  await output.write({ text: () => aligned(rows), json: session });
}

function endedLine({ id, reason, endedAtMs, ephemeralCount, name }: EndedSession): string {
  return `${id}  ${reason.padEnd(7)}  ${timeIn(endedAtMs)}${String(ephemeralCount).padStart(9)}  ${name}`;
}

function timeIn(ms: number): string {
  return new Date(ms).toISOString();
}

function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map((item) => (typeof item === "string" ? item : JSON.stringify(item))).join(" ");
}

function withCredentials(name: string): Command {
  return new Command(name).argument(
    "[@file]",
    "with what `session open` printed, or that itself, ID:TOKEN; TREEKEEPER_SESSION unless given",
    credentialsIn,
  );
}

function credentialsOf(argument: SessionCredentials | undefined): SessionCredentials {
  const { TREEKEEPER_SESSION: inEnvironment } = process.env;
  if (argument !== undefined) return argument;
  if (inEnvironment !== undefined) return credentialsIn(inEnvironment);
  throw new InvalidArgumentError("Name a session as @FILE or ID:TOKEN, or set TREEKEEPER_SESSION.");
}
