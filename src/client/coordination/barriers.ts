// Double barriers (API section 6): so many enter together, and leave together. Who is in is the service's to know; this
// sees to it that nobody stays in who gave up.

import type { Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";
import { joinSignals, unlessAborted } from "../calls/signals.ts";
import type { Holder } from "./hold.ts";

export interface BarrierOptions {
  /** How many must be in for it to open; all who enter must agree. */
  readonly count: number;
  /** Names who enters, where one session does so for several; the session's id unless given. */
  readonly participant?: string | undefined;
}

interface BarrierParts extends Pick<Holder, "keeper" | "turns"> {
  readonly caller: Caller;
}

type PassOptions = Pick<CallOptions, "signal">;

/** The server holds an answer back for so long at most; then it is asked again. */
const waitStepMs = 20_000;

export class Barrier {
  readonly name: string;
  readonly #parts: BarrierParts;
  readonly #options: BarrierOptions;

  constructor(parts: BarrierParts, name: string, options: BarrierOptions) {
    this.#parts = parts;
    this.name = name;
    this.#options = options;
  }

  /**
   * Resolves when so many are in. Whoever gives up by the signal is in no more.
   * @throws RequestError `count_differs` when those who are in came for another count
   */
  async enter({ signal }: PassOptions = {}): Promise<void> {
    const { turns, keeper } = this.#parts;
    const ending = joinSignals(keeper.lostSignal, signal);
    const title = `barrier ${this.name} ${this.#options.participant ?? ""}`;
    try {
      await turns.run(title, ending.signal, (holdUp) => this.#enter(ending.signal, holdUp));
    } finally {
      ending.leave();
    }
  }

  async #enter(signal: AbortSignal, holdUp: (until: Promise<void>) => void): Promise<void> {
    signal.throwIfAborted();
    for (let isOpen = false; !isOpen; ) {
      const entering = this.#pass("enter", waitStepMs);
      try {
        isOpen = await unlessAborted(entering, signal);
      } catch (error) {
        // Whoever enters next in this session would be taken out with it.
        if (signal.aborted) holdUp(this.#giveUp(entering));
        throw error;
      }
    }
  }

  /** What is still under way may arrive behind the departure, and is followed by another one. */
  async #giveUp(entering: Promise<boolean>): Promise<void> {
    try {
      await this.#pass("leave", 0);
      await entering;
      await this.#pass("leave", 0);
    } catch {
      // It was refused entry, or goes with its session.
    }
  }

  /** Resolves when all have left. The signal ends the wait for the others; it has left, or does, all the same. */
  async leave({ signal }: PassOptions = {}): Promise<void> {
    const ending = joinSignals(this.#parts.keeper.lostSignal, signal);
    try {
      for (let isOver = false; !isOver; ) {
        isOver = await unlessAborted(this.#pass("leave", waitStepMs), ending.signal);
      }
    } finally {
      ending.leave();
    }
  }

  /**
   * Whether it came to what was waited for. With a key a lost connection costs no place, and only the end of the session
   * ends the attempts: who is in must be known.
   */
  async #pass(action: "enter" | "leave", waitMs: number): Promise<boolean> {
    const { count, participant } = this.#options;
    const { status } = await this.#parts.caller.send({
      method: "POST",
      path: `v1/barriers/${segmentOf(this.name)}`,
      json: { action, count, participant, waitMs },
      repeat: "keyed",
      heldMs: waitMs,
      attemptsMax: Number.POSITIVE_INFINITY,
    });
    return status !== 202;
  }
}
