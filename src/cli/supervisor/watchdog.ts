// The supervisor's side of the watchdog: starts it, tells it whom to watch and until when, and notices when it is gone.

import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import { type Deadline, untilMs } from "./deadline.ts";
import type { JobTag } from "./job.ts";
import type { WatchdogOrder } from "./watchdog-process.ts";

const watchdogFile = fileURLToPath(new URL("./watchdog-process.ts", import.meta.url));
/** A deadline that has moved by less is not worth a message. */
const newsMsMin = 10;

export class Watchdog {
  readonly #child: ChildProcess;
  #isGone = false;
  #order: WatchdogOrder = { number: 0, job: null, deadline: null };
  /** Who waits for an order to be in force, by its number: the answer to an earlier one says nothing of it. */
  readonly #waiting = new Map<number, () => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("error", () => {});
    child.on("message", (number) => this.#waiting.get(number as number)?.());
    child.once("exit", () => {
      this.#isGone = true;
      for (const goOn of this.#waiting.values()) goOn();
    });
  }

  static start(): Watchdog {
    // In a session of its own: what ends the supervisor's group, or stops it, is not to end or stop the watchdog.
    const child = fork(watchdogFile, [], {
      detached: true,
      execArgv: [],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
    });
    return new Watchdog(child);
  }

  /** Without it a command must not run: nobody would end it after the supervisor. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Resolves when it watches, or is gone. */
  async watch(job: JobTag, deadline: Deadline | null): Promise<void> {
    const number = this.#tell({ job, deadline });
    if (this.#isGone) return;
    const { promise: answered, resolve: goOn } = Promise.withResolvers<void>();
    this.#waiting.set(number, goOn);
    await answered;
    this.#waiting.delete(number);
  }

  /** More is known of the job by now. */
  know(job: JobTag): void {
    this.#tell({ job, deadline: this.#order.deadline });
  }

  /** The job may live until then. */
  extend(deadline: Deadline): void {
    const known = this.#order.deadline;
    if (known !== null && untilMs(deadline) - untilMs(known) < newsMsMin) return;
    this.#tell({ job: this.#order.job, deadline });
  }

  /** There is nobody to watch any more. */
  rest(): void {
    this.#tell({ job: null, deadline: null });
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Returns the number of the order. */
  #tell(watched: Pick<WatchdogOrder, "job" | "deadline">): number {
    this.#order = { ...watched, number: this.#order.number + 1 };
    if (this.#child.connected) this.#child.send(this.#order, () => {});
    return this.#order.number;
  }
}
