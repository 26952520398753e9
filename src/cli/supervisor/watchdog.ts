// The supervisor's side of the watchdog: starts it, tells it whom to watch and until when, and notices when it is gone.

import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import { type Deadline, untilMs } from "./deadline.ts";
import type { WatchdogOrder } from "./watchdog-process.ts";

const watchdogFile = fileURLToPath(new URL("./watchdog-process.ts", import.meta.url));
/** A deadline that has moved by less is not worth a message. */
const newsMsMin = 10;

export class Watchdog {
  readonly #child: ChildProcess;
  #isGone = false;
  #order: WatchdogOrder = { group: null, deadline: null };

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("error", () => {});
    child.once("exit", () => {
      this.#isGone = true;
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
  async watch(group: number, deadline: Deadline | null): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#child.once("message", () => resolve());
      this.#child.once("exit", () => resolve());
    });
    this.#tell({ group, deadline });
    if (!this.#isGone) await answered;
  }

  /** The group may live until then. */
  extend(deadline: Deadline): void {
    const known = this.#order.deadline;
    if (known !== null && untilMs(deadline) - untilMs(known) < newsMsMin) return;
    this.#tell({ group: this.#order.group, deadline });
  }

  /** There is nobody to watch any more. */
  rest(): void {
    this.#tell({ group: null, deadline: null });
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #tell(order: WatchdogOrder): void {
    this.#order = order;
    if (this.#child.connected) this.#child.send(order, () => {});
  }
}
