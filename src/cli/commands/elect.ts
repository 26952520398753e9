// `elect`: runs a command only while it leads, and stands again afterwards. What becomes of the command when the
// leadership is lost is the supervisor's.

import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { RequestError, SessionLostError } from "../../client/index.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { messageOf } from "../messages.ts";
import { integer } from "../options.ts";
import { isPassing } from "../passing.ts";
import { RareNote } from "../rare-note.ts";
import { jsonlOption } from "../supervisor/event-lines.ts";
import { Runner } from "../supervisor/runner.ts";
import type { Outcome } from "../supervisor/supervisor.ts";
import { commandHint, graceOption, passTokenOption, supervisedHelp } from "../supervisor/words.ts";

interface ElectOptions {
  readonly value: string;
  readonly once?: boolean;
  readonly pauseMs: number;
  readonly graceMs?: number;
  readonly jsonl?: string;
  readonly passToken?: boolean;
}

const pauseMsDefault = 1000;

export function electCommand(): Command {
  return new Command("elect")
    .summary("run a command only while elected")
    .description(
      "Stands for election, runs the command while it leads, resigns when the command has ended, and stands again.",
    )
    .usage("[options] <name> -- <command...>")
    .argument("<name>", "an election")
    .argument("<command...>", "what to run; put -- before it")
    .option("--value <text>", "what others see of the leader", hostname())
    .option("--once", "end after one term, as lock does")
    .option("--pause-ms <ms>", "between the end of a term and standing again", integer(0), pauseMsDefault)
    .addOption(graceOption())
    .addOption(jsonlOption())
    .addOption(passTokenOption())
    .addHelpText("after", supervisedHelp)
    .showHelpAfterError(commandHint)
    .action(elect);
}

async function elect(
  name: string,
  words: readonly string[],
  options: ElectOptions,
  command: Command,
): Promise<void> {
  const runner = new Runner(command, words, { ...options, kind: "election", name });
  const trouble = new RareNote(runner.output);
  try {
    while (true) {
      const outcome = await runTerm(runner, name, { ...options, trouble });
      if (outcome !== null) endAfter(outcome, runner, name, options);
      await pause(options.pauseMs, undefined, { signal: runner.signals.waitSignal });
    }
  } catch (error) {
    throw runner.fateOf(error);
  } finally {
    await runner.close();
  }
}

/** Null when it did not come to lead, and should try again. */
async function runTerm(
  runner: Runner,
  name: string,
  { value, once, trouble }: ElectOptions & { readonly trouble: RareNote },
): Promise<Outcome | null> {
  const signal = runner.signals.waitSignal;
  let outcome: Outcome | null = null;
  try {
    await runner.withSession(`election ${name}`, async (session) => {
      const waiting = (position: number) => runner.tell({ event: "waiting", position });
      const { lost } = await session.elect(name, { value, waiting, signal }, async (term) => {
        trouble.over();
        outcome = await runner.whileHeld(session, term, { TREEKEEPER_ELECTION: name });
        return outcome;
      });
      if (lost === null) runner.tell({ event: "resigned" });
    });
  } catch (error) {
    // Once the command has run, that is what came of it: a candidacy that could not be given up goes by itself.
    const isNext = once !== true && (isPassing(error) || isTakenAway(error));
    if (outcome === null && !isNext && !(error instanceof SessionLostError)) throw error;
    if (outcome === null) {
      if (isPlaceLost(error)) runner.tell({ event: "lost", reason: messageOf(error) });
      trouble.note(`${messageOf(error)} Standing again for ${name}.`);
    }
  }
  return outcome;
}

/** @throws ExitError when there is no further term: it was asked to end, or to have only one */
function endAfter(outcome: Outcome, runner: Runner, name: string, { once }: ElectOptions): void {
  const { code, lost, fault } = outcome;
  const isLast = once === true || runner.signals.ending !== null;
  const message = lost === null ? "" : `the election ${name} is lost: ${lost}`;
  if (isLast) throw new ExitError(lost === null ? code : exitCodes.lost, message || (fault ?? ""));
  if (fault !== null) runner.output.error(fault);
  runner.output.note(`${message || `the command has ended with ${code}`}; standing again for ${name}`);
}

/** Unlike a service that is away: who stands again is the last in line. */
function isPlaceLost(error: unknown): boolean {
  return error instanceof SessionLostError || isTakenAway(error);
}

/** Its candidacy, before it came to lead: as when its leadership is, it stands again. */
function isTakenAway(error: unknown): boolean {
  return error instanceof RequestError && error.code === "no_claim";
}
