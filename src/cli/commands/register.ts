// `register`: keeps an instance of a service listed exactly while a command lives. The command does not depend on the
// session: when that is lost, the instance is listed again on another one.

import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import type { Instance, Registration, Session } from "../../client/index.ts";
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
/** After a session was lost, between attempts to be listed again. */
const againMs = 1000;

export function registerCommand(): Command {
  return new Command("register")
    .summary("keep an instance listed exactly while a command lives")
    .description(
      "Lists an instance of a service, runs the command, and takes the instance away when it has ended.",
    )
    .usage("[options] <name> --port <n> -- <command...>")
    .argument("<name>", "a service")
    .argument("<command...>", "what to run; put -- before it")
    .requiredOption("--port <n>", "where the instance listens", integer(0, portMax))
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
  const listing = new Listing(runner, name, options);
  try {
    const { code } = await runner.untilEnd(() => listing.begin());
    await listing.end();
    throw new ExitError(code);
  } catch (error) {
    await listing.end();
    throw runner.fateOf(error);
  } finally {
    runner.close();
  }
}

/** An instance that stays listed, over sessions that are lost. */
class Listing {
  readonly #runner: Runner;
  readonly #service: string;
  readonly #id: string | undefined;
  readonly #instance: Instance;
  readonly #ending = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor(
    runner: Runner,
    service: string,
    { port, address, id, tag: tags, zone, weight }: RegisterOptions,
  ) {
    this.#runner = runner;
    this.#service = service;
    this.#id = id;
    this.#instance = { address, port, tags, zone, weight };
  }

  /** Resolves when it is listed. @throws what the service says when it is not to be */
  async begin(): Promise<void> {
    const listed = Promise.withResolvers<void>();
    this.#over = this.#stay(listed.resolve).catch(listed.reject);
    await listed.promise;
  }

  /** Resolves when it is not listed any more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#over;
  }

  async #stay(listed: () => void): Promise<void> {
    await this.#once(listed);
    while (!this.#ending.signal.aborted) {
      this.#runner.output.note(`the session is lost; listing ${this.#service} again`);
      await this.#once(() => {}).catch(() => {});
      if (!this.#ending.signal.aborted) await pause(againMs, undefined, this.#ending).catch(() => {});
    }
  }

  /** Listed on one session, until that is lost or the end. */
  async #once(listed: () => void): Promise<void> {
    await this.#runner.withSession(`service ${this.#service}`, async (session) => {
      const registration = await session.register(this.#service, this.#instance, { id: this.#id });
      listed();
      await lostOrEnding(session, this.#ending.signal);
      await removeFrom(session, registration);
    });
  }
}

function lostOrEnding({ lostSignal }: Session, ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [lostSignal, ending]) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}

async function removeFrom(session: Session, registration: Registration): Promise<void> {
  if (session.isValid()) await registration.remove().catch(() => {});
}
