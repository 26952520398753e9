// What lock, elect and register have in common: a command that is run under supervision, once or again and again, and
// the session it is run for. It takes the signals of the process for as long as it is there.

import type { Command } from "commander";
import type { Client, Hold, Session } from "../../client/index.ts";
import { aclAuthVariable, tokenVariable } from "../access-token.ts";
import { ExitError, exitCodeOf, exitCodeOfSignal, exitCodes } from "../exit-codes.ts";
import { fenceText, fenceVariable } from "../fences.ts";
import { messageOf } from "../messages.ts";
import { endpointVariable, type GlobalOptions, workplaceOf } from "../options.ts";
import type { Output } from "../output.ts";
import { type Announced, Announcement } from "./announcement.ts";
import { EventLines } from "./event-lines.ts";
import type { LifecycleEvent, Subject } from "./lifecycle.ts";
import { SignalDesk } from "./signal-desk.ts";
import { type StopTimes, stopTimesFor } from "./stop-plan.ts";
import { type Outcome, supervise } from "./supervisor.ts";
import { type Surroundings, surroundingsOfThisProcess } from "./surroundings.ts";
import { Watchdog } from "./watchdog.ts";

export interface RunOptions {
  readonly graceMs?: number;
  /** Where what happens is told to programs. */
  readonly jsonl?: string;
  /** Whether the command gets the access token that this program was given in the environment. */
  readonly passToken?: boolean;
}

/** A session that cannot be closed in this time ends by itself. */
const closeWithinMs = 2000;

export class Runner {
  readonly client: Client;
  readonly output: Output;
  readonly signals: SignalDesk;
  readonly #surroundings: Surroundings;
  readonly #events: EventLines | null;
  readonly #subject: Subject;
  readonly #options: GlobalOptions;
  readonly #graceMs: number | undefined;
  readonly #words: readonly string[];
  readonly #passToken: boolean;
  readonly #watchdog: Watchdog;

  constructor(command: Command, words: readonly string[], subject: Subject & RunOptions) {
    const { graceMs, jsonl, passToken = false, kind, name } = subject;
    const surroundings = surroundingsOfThisProcess();
    const { client, output, options } = workplaceOf(command);
    this.client = client;
    this.output = output;
    this.#subject = subject;
    this.#options = options;
    this.#graceMs = graceMs;
    this.#words = words;
    this.#passToken = passToken;
    // What cannot be is said before anything is begun.
    this.#timesFor(options.timeoutMs);
    this.#events =
      jsonl === undefined ? null : EventLines.open(jsonl, { kind, name }, surroundings.descriptors);
    this.#surroundings = without(this.#events?.keptBack ?? null, surroundings);
    this.signals = new SignalDesk(this.#surroundings);
    this.#watchdog = Watchdog.start();
  }

  readonly tell = (event: LifecycleEvent): void => this.#events?.tell(event);

  /** Opens a session, acts, and closes it, however the acting ends. */
  async withSession<T>(name: string, act: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.client.openSession({
      name,
      timeoutMs: this.#options.timeoutMs,
      // When to stop is decided here, later than a program that only has this word would.
      expiringShare: 0,
      signal: this.signals.waitSignal,
    });
    try {
      return await act(session);
    } finally {
      await closeInTime(session);
    }
  }

  /** Runs the command for as long as it takes, and an instance of a service is listed meanwhile. */
  async whileListed(announced: Omit<Announced, "timeoutMs">): Promise<Outcome> {
    const { timeoutMs } = this.#options;
    const announcement = new Announcement(this.client, this, { ...announced, timeoutMs });
    try {
      const begin = () => announcement.begin(this.signals.waitSignal);
      return await this.#supervise(null, {}, this.#timesFor(timeoutMs), begin);
    } finally {
      await inTime(announcement.end());
    }
  }

  /** Runs the command for as long as the hold is to be believed. */
  async whileHeld(
    session: Session,
    hold: Hold,
    environment: Readonly<Record<string, string>>,
  ): Promise<Outcome> {
    const fenceHeader = fenceText(hold);
    const event = this.#subject.kind === "lock" ? "held" : "elected";
    this.tell({ event, fence: hold.fence, fenceHeader, validForMs: validForMs(session) });
    const stopTelling = this.#tellStates(session);
    const belief = { remainingMs: () => session.remainingMs(), signal: hold.signal };
    const held = {
      [fenceVariable]: [...this.#outerFences(), fenceHeader].join(","),
      TREEKEEPER_FENCE_ZXID: String(hold.fence),
      ...environment,
    };
    try {
      return await this.#supervise(belief, held, this.#timesFor(session.timeoutMs));
    } finally {
      stopTelling();
    }
  }

  /** That it is confirmed goes without saying, unless it was in doubt. */
  #tellStates(session: Session): () => void {
    return session.onStateChanged((state) => {
      if (state === "suspended") this.tell({ event: "suspended", validForMs: validForMs(session) });
      if (state === "connected") this.tell({ event: "confirmed", validForMs: validForMs(session) });
    });
  }

  async #supervise(
    belief: Parameters<typeof supervise>[0]["belief"],
    environment: Readonly<Record<string, string>>,
    times: StopTimes,
    begin?: () => Promise<void>,
  ): Promise<Outcome> {
    return await supervise({
      command: this.#words,
      environment: {
        [endpointVariable]: this.#options.endpoint,
        ...(!this.#passToken && { [tokenVariable]: undefined, [aclAuthVariable]: undefined }),
        ...environment,
      },
      surroundings: this.#surroundings,
      belief,
      times,
      tell: this.tell,
      watchdog: this.#watchdog,
      signals: this.signals,
      ...(begin !== undefined && { begin }),
    });
  }

  /** Run by a command that holds something itself: what is written here is to be refused once either is lost. */
  #outerFences(): string[] {
    const { [fenceVariable]: fences = "", [endpointVariable]: endpoint } = process.env;
    // Of another service's znodes this one knows nothing.
    return fences.trim() === "" || endpoint !== this.#options.endpoint ? [] : [fences.trim()];
  }

  #timesFor(timeoutMs: number): StopTimes {
    try {
      return stopTimesFor(timeoutMs, this.#graceMs);
    } catch (error) {
      if (error instanceof RangeError) throw new ExitError(exitCodes.usage, error.message);
      throw error;
    }
  }

  /** What an error comes to, which is the last that is told. */
  fateOf(error: unknown): unknown {
    const fate = this.#fateOf(error);
    this.tell({ event: "ended", code: exitCodeOf(fate), reason: messageOf(fate) || null });
    return fate;
  }

  /** A signal that ended the wait is no fault. */
  #fateOf(error: unknown): unknown {
    const { ending, waitSignal } = this.signals;
    if (ending === null || !waitSignal.aborted || error instanceof ExitError) return error;
    return new ExitError(exitCodeOfSignal(ending));
  }

  async close(): Promise<void> {
    const leftOut = (await this.#events?.end()) ?? null;
    if (leftOut !== null) this.output.note(leftOut);
    this.signals.close();
    this.#watchdog.stop();
  }
}

function without(descriptor: number | null, surroundings: Surroundings): Surroundings {
  const { descriptors } = surroundings;
  return { ...surroundings, descriptors: descriptors.filter((one) => one !== descriptor) };
}

/** Rounded down: what is told is never longer than what is true. */
function validForMs(session: Session): number {
  return Math.floor(session.remainingMs());
}

/** Shows others who it is; not its arguments, which may be secret. */
export function programOf(words: readonly string[]): string {
  return (words[0] ?? "").split("/").at(-1) as string;
}

/** There is nobody to tell when it fails: the session then ends by itself. */
async function closeInTime(session: Session): Promise<void> {
  if (session.isValid()) await inTime(session.close());
}

async function inTime(closing: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, closeWithinMs);
  await Promise.race([closing.catch(() => {}), late.promise]);
  clearTimeout(timer);
}
