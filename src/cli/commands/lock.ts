// `lock`: runs a command only while a lock is held. What becomes of the command when the lock is lost is the
// supervisor's; this asks for the lock, and says how it went.

import { hostname } from "node:os";
import { Command, Option } from "commander";
import { RequestError, SessionLostError } from "../../client/index.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { integer } from "../options.ts";
import { jsonlOption } from "../supervisor/event-lines.ts";
import { programOf, Runner } from "../supervisor/runner.ts";
import type { Outcome } from "../supervisor/supervisor.ts";
import { commandHint, graceOption, passTokenOption, supervisedHelp } from "../supervisor/words.ts";

interface LockOptions {
  readonly waitMs?: number;
  readonly shared?: boolean;
  readonly permits?: number;
  readonly graceMs?: number;
  readonly jsonl?: string;
  readonly passToken?: boolean;
}

export function lockCommand(): Command {
  return new Command("lock")
    .summary("run a command only while a lock is held")
    .description(
      "Waits for a lock, runs the command while holding it, and releases it when the command has ended.",
    )
    .usage("[options] <name> -- <command...>")
    .argument("<name>", "a lock")
    .argument("<command...>", "what to run; put -- before it")
    .option(
      "-w, --wait-ms <ms>",
      "wait for so long at most, then end with 75; 0 is now or not at all",
      integer(0),
    )
    .addOption(new Option("--shared", "hold it together with others who share it").conflicts("permits"))
    .option("--permits <n>", "how many may hold it at once; all who ask must agree", integer(1))
    .addOption(graceOption())
    .addOption(jsonlOption())
    .addOption(passTokenOption())
    .addHelpText("after", supervisedHelp)
    .showHelpAfterError(commandHint)
    .action(lock);
}

async function lock(
  name: string,
  words: readonly string[],
  options: LockOptions,
  command: Command,
): Promise<void> {
  const runner = new Runner(command, words, { ...options, kind: "lock", name });
  try {
    const { code, lost, fault } = await runLocked(runner, name, words, options);
    if (lost !== null) throw new ExitError(exitCodes.lost, `the lock ${name} is lost: ${lost}`);
    throw new ExitError(code, fault ?? "");
  } catch (error) {
    if (error instanceof RequestError && error.code === "lock_held") {
      // Whoever wants quiet knows that it may be so.
      throw runner.fateOf(new ExitError(exitCodes.timedOut, runner.output.isQuiet ? "" : error.detail));
    }
    throw runner.fateOf(error);
  } finally {
    await runner.close();
  }
}

/** Waits for the lock on one session after the other, should one be lost before its turn comes. */
async function runLocked(
  runner: Runner,
  name: string,
  words: readonly string[],
  { waitMs, shared, permits }: LockOptions,
): Promise<Outcome> {
  const untilMs = performance.now() + (waitMs ?? Number.POSITIVE_INFINITY);
  const metadata = { host: hostname(), pid: process.pid, program: programOf(words) };
  const mode = shared === true ? "shared" : "exclusive";
  let outcome: Outcome | null = null;
  while (true) {
    try {
      const leftMs = waitMs === undefined ? undefined : Math.max(0, Math.ceil(untilMs - performance.now()));
      const { waitSignal: signal } = runner.signals;
      const waiting = (position: number) => runner.tell({ event: "waiting", position });
      const asked = { mode, permits, metadata, waitMs: leftMs, waiting, signal } as const;
      return await runner.withSession(`lock ${name}`, async (session) => {
        const done = await session.withLock(name, asked, async (held) => {
          outcome = await runner.whileHeld(session, held, { TREEKEEPER_LOCK: name });
          return outcome;
        });
        if (done.lost === null) runner.tell({ event: "released" });
        return done;
      });
    } catch (error) {
      // Once the command has run, that is what came of it: a lock that could not be given back goes by itself.
      if (outcome !== null) return outcome;
      if (!(error instanceof SessionLostError)) throw error;
      runner.tell({ event: "lost", reason: error.message });
      runner.output.note(`${error.message} Waiting again for the lock ${name}.`);
    }
  }
}
