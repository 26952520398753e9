// Runs a command only while something is held. When that is lost or in doubt, the command and all it has started is
// asked to end and then ended, before another could be given what is held; it returns when all of it is gone.

import { HoldLostError, SessionLostError } from "../../client/index.ts";
import { exitCodeOfSignal } from "../exit-codes.ts";
import { type Deadline, deadlineIn } from "./deadline.ts";
import { Job } from "./job.ts";
import type { Tell } from "./lifecycle.ts";
import type { SignalDesk } from "./signal-desk.ts";
import { type Step, type StopTimes, stepAt } from "./stop-plan.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Watchdog } from "./watchdog.ts";

/** What is held, as its holder may believe. */
interface Belief {
  /** For so long nobody else can surely have it. */
  readonly remainingMs: () => number;
  /** Aborts when it is lost, or nobody can tell whether it is. */
  readonly signal: AbortSignal;
}

interface Supervision {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly surroundings: Surroundings;
  /** Null for a command that holds nothing that could be lost. */
  readonly belief: Belief | null;
  readonly times: StopTimes;
  readonly watchdog: Watchdog;
  readonly signals: SignalDesk;
  /** Called when all is ready, before the command begins. */
  readonly begin?: () => Promise<void>;
  readonly tell: Tell;
}

export interface Outcome {
  /** How the command ended. */
  readonly code: number;
  /** Why it was ended before its time; null when it ended by itself. */
  readonly lost: string | null;
  /** Why it could not be run at all; null when it could. */
  readonly fault: string | null;
}

/**
 * How often it looks. A process that was stopped looks as soon as it goes on; a machine that slept goes on with its
 * timers where they stood, so that this is how late it looks then.
 */
const lookMs = 25;
/** The supervisor ends the job first; the watchdog when only this part of the margin is left. */
const watchdogShare = 1 / 2;

export async function supervise(supervision: Supervision): Promise<Outcome> {
  const { command, environment, surroundings, watchdog, begin } = supervision;
  const job = new Job(command, environment, surroundings);
  const watch = new Watch(supervision, job);
  try {
    // The watchdog knows the job by its mark before there is a process in it: none of them runs unwatched.
    await watchdog.watch(job.tag, watch.deadline());
    await begin?.();
    return await watch.run();
  } finally {
    watch.end();
  }
}

class Watch {
  readonly #supervision: Supervision;
  readonly #job: Job;
  readonly #emptied = Promise.withResolvers<void>();
  readonly #look = () => this.look();
  #stopForwarding = () => {};
  #timer: NodeJS.Timeout | undefined;
  #lost: string | null = null;
  #commandEnded = false;
  /** When the job was asked to end. */
  #askedAtMs: number | null = null;

  constructor(supervision: Supervision, job: Job) {
    this.#supervision = supervision;
    this.#job = job;
  }

  /** When the watchdog is to end the job; null when it may live as long as the supervisor. */
  deadline(): Deadline | null {
    const { belief, times } = this.#supervision;
    if (belief === null) return null;
    return deadlineIn(() => belief.remainingMs() - times.marginMs * watchdogShare);
  }

  /** Begins the command, unless there is a reason by now not to. */
  async run(): Promise<Outcome> {
    const { signals, belief, watchdog, tell } = this.#supervision;
    if (signals.ending !== null) return { code: exitCodeOfSignal(signals.ending), lost: null, fault: null };
    if (this.#step() !== "run") return { code: exitCodeOfSignal("SIGKILL"), lost: this.#lost, fault: null };
    const started = this.#job.start();
    this.#stopForwarding = signals.forwardTo({ job: this.#job, woken: this.#look });
    watchdog.know(this.#job.tag);
    belief?.signal.addEventListener("abort", this.#look);
    this.#timer = setInterval(this.#look, lookMs);
    void this.#job.commandEnd.then(() => {
      this.#commandEnded = true;
      this.look();
    });
    const fault = await started;
    if (fault === null) tell({ event: "started", pid: this.#job.tag.leader as number });
    const code = await this.#job.commandEnd;
    const signal = this.#job.endSignal;
    tell({ event: "exited", code: signal === null ? code : null, signal, reason: fault });
    this.look();
    await this.#emptied.promise;
    return { code, lost: this.#lost, fault };
  }

  /** The whole of the supervision, at one moment. It asks the clocks, and believes no timer. */
  look(): void {
    const step = this.#step();
    if (step === "kill") this.#job.signal("SIGKILL");
    else if (step === "terminate") this.#terminate();
    else this.#extend();
    if (this.#commandEnded && this.#job.isEmpty()) this.#emptied.resolve();
  }

  #step(): Step {
    const { belief, times, watchdog } = this.#supervision;
    const reason = belief?.signal.aborted === true ? belief.signal.reason : null;
    // Its end is known: another may have it by now.
    if (isEnd(reason)) return this.#lose(reason.message, "kill");
    const step = belief === null ? "run" : stepAt(belief.remainingMs(), times);
    if (step !== "run") return this.#lose("the service has not confirmed the session in time", step);
    if (watchdog.isGone) return this.#lose("the watchdog is gone", this.#orKill("terminate"));
    if (reason !== null) return this.#lose(messageOf(reason), this.#orKill("terminate"));
    // Once asked to end it must, whatever comes. What a command leaves behind ends with it.
    if (this.#lost !== null || this.#commandEnded) return this.#orKill("terminate");
    return "run";
  }

  /** Nobody has more than the grace. */
  #orKill(step: Step): Step {
    const { graceMs } = this.#supervision.times;
    const isOver = this.#askedAtMs !== null && performance.now() - this.#askedAtMs >= graceMs;
    return isOver ? "kill" : step;
  }

  #lose(reason: string, step: Step): Step {
    // Whoever ended by itself before has lost nothing.
    if (!this.#commandEnded && this.#lost === null) {
      this.#lost = reason;
      this.#supervision.tell({ event: "lost", reason });
    }
    return step === "terminate" ? this.#orKill(step) : step;
  }

  #terminate(): void {
    if (this.#askedAtMs !== null) return;
    this.#askedAtMs = performance.now();
    this.#job.signal("SIGTERM");
    // A process that is stopped does not hear of it before it goes on.
    this.#job.signal("SIGCONT");
  }

  #extend(): void {
    const deadline = this.deadline();
    if (deadline !== null) this.#supervision.watchdog.extend(deadline);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#supervision.belief?.signal.removeEventListener("abort", this.#look);
    this.#stopForwarding();
    this.#supervision.watchdog.rest();
  }
}

/** Whether it is over, and not merely in doubt. */
function isEnd(reason: unknown): reason is Error {
  return (
    reason instanceof SessionLostError || (reason instanceof HoldLostError && reason.reason === "revoked")
  );
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
