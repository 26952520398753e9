// The signals that come to the supervisor: passed on to the command while there is one, and otherwise a reason to stop
// waiting. Ctrl-Z stops the command too, since it would run on unwatched. What is typed at a terminal that the command
// shares comes to it directly, and is not passed on once more.

import type { Job } from "./job.ts";
import type { Surroundings } from "./surroundings.ts";

/** Those that ask a program to end. */
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** Those of them that are typed. */
const typedSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
const otherSignals = ["SIGUSR1", "SIGUSR2"] as const;

interface Receiver {
  readonly job: Job;
  /** Called as soon as the process goes on after it was stopped. */
  readonly woken: () => void;
}

export class SignalDesk {
  readonly #waiting = new AbortController();
  readonly #listeners: (readonly [NodeJS.Signals, () => void])[] = [];
  #receiver: Receiver | null = null;
  #ending: NodeJS.Signals | null = null;

  constructor({ isHangupIgnored }: Pick<Surroundings, "isHangupIgnored">) {
    for (const name of endingSignals) {
      const isIgnored = name === "SIGHUP" && isHangupIgnored;
      this.#on(name, isIgnored ? () => {} : () => this.#end(name));
    }
    for (const name of otherSignals) this.#on(name, () => this.#receiver?.job.signal(name));
    this.#on("SIGTSTP", () => this.#stop());
    this.#on("SIGCONT", () => this.#receiver?.woken());
  }

  /** The first signal that asked to end; null when none did. */
  get ending(): NodeJS.Signals | null {
    return this.#ending;
  }

  /** Aborts with the first signal that asks to end while there is no command. */
  get waitSignal(): AbortSignal {
    return this.#waiting.signal;
  }

  /** Returns a function that ends it. */
  forwardTo(receiver: Receiver): () => void {
    this.#receiver = receiver;
    return () => {
      this.#receiver = null;
      // Whoever was asked to end while a command ran does not wait for anything after it.
      if (this.#ending !== null) this.#waiting.abort(new Error(`ended by ${this.#ending}`));
    };
  }

  close(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #end(name: NodeJS.Signals): void {
    this.#ending ??= name;
    if (this.#receiver === null) this.#waiting.abort(new Error(`ended by ${name}`));
    else if (!(typedSignals.includes(name) && this.#receiver.job.hearsTheTerminal())) {
      this.#receiver.job.signal(name);
    }
  }

  /** Goes on from here when it is continued; before the command goes on it is seen whether it may. */
  #stop(): void {
    const isTyped = this.#receiver?.job.hearsTheTerminal() === true;
    if (!isTyped) this.#receiver?.job.signal("SIGSTOP");
    process.kill(process.pid, "SIGSTOP");
    this.#receiver?.woken();
    if (!isTyped) this.#receiver?.job.signal("SIGCONT");
  }

  #on(name: NodeJS.Signals, listener: () => void): void {
    this.#listeners.push([name, listener]);
    process.on(name, listener);
  }
}
