// Whether somebody answers for a log that is elsewhere: every call passes here. What is not answered is asked again until it
// is, and when nobody has answered for a while the log is suspended.

import type { Clock } from "../clock.ts";
import type { LogState } from "./commit-log.ts";
import { LogStates } from "./log-states.ts";

export interface Paces {
  /** So long nobody has to answer before the log is said to be out of reach. */
  readonly suspendAfterMs: number;
  /** How often it is looked where the log ends, whether or not anything is heard. */
  readonly probeEveryMs: number;
  /** Before what was not answered is asked again. */
  readonly retryMs: number;
}

/** Who is asked. */
export interface Peer {
  /** As people are told of it. */
  readonly name: string;
  /** Whether an error says nothing but that there was no answer. */
  readonly isOfTheWay: (error: unknown) => boolean;
  /** How long it is of no use to ask again after it; any time will do where it is left out. */
  readonly retryAfterMsOf?: (error: unknown) => number;
}

export class LogConnection {
  readonly paces: Paces;
  readonly #peer: Peer;
  readonly #clock: Clock;
  readonly #states = new LogStates();
  #answeredMs: number;
  #lastFailure = "it does not answer";
  /** Why there is no room, while there is none: whoever keeps the log refuses, or we do before it has to. */
  #fullCause: string | null = null;
  #shortCause: string | null = null;
  #isClosed = false;
  #suspendedMs = 0;
  #suspendedSinceMs: number | null = null;

  constructor(peer: Peer, clock: Clock, paces: Paces) {
    this.#peer = peer;
    this.#clock = clock;
    this.paces = paces;
    this.#answeredMs = clock.monotonicMs();
  }

  get state(): LogState {
    return this.#states.current;
  }

  get isOver(): boolean {
    return this.#isClosed || this.state.state === "failed";
  }

  /** For how long it has been out of reach since the start, all together. */
  get suspendedMsTotal(): number {
    const sinceMs = this.#suspendedSinceMs;
    return this.#suspendedMs + (sinceMs === null ? 0 : this.#clock.monotonicMs() - sinceMs);
  }

  /** Whether the call makes no sense any more: it was closed while nobody answered. */
  get isGivenUp(): boolean {
    return this.#isClosed && this.state.state === "suspended";
  }

  onState(listener: (state: LogState) => void): void {
    this.#states.onState(listener);
  }

  /** Until it is answered. @throws what `refused` throws, GivenUpError when nobody waits any more, and what is no fault of the way */
  async insist<T>(
    ask: () => Promise<T>,
    refused: (error: unknown) => Promise<void> | void = () => {},
  ): Promise<T> {
    return await this.untilGiven(async () => {
      const answer = await ask();
      this.answered();
      return answer;
    }, refused);
  }

  /** The same, where an answer says nothing of whether the log is within reach: that is for whoever asks to judge. */
  async untilGiven<T>(
    ask: () => Promise<T>,
    refused: (error: unknown) => Promise<void> | void = () => {},
  ): Promise<T> {
    for (;;) {
      let pauseMs: number;
      if (this.isGivenUp) throw new GivenUpError("the log was closed while it was out of reach");
      try {
        return await ask();
      } catch (error) {
        await refused(error);
        if (!this.#peer.isOfTheWay(error)) throw error;
        this.notAnswered(error);
        pauseMs = this.pauseMsAfter(error);
      }
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(pauseMs, resolve);
      });
    }
  }

  /** Before it is asked again. */
  pauseMsAfter(error: unknown): number {
    return Math.max(this.paces.retryMs, this.#peer.retryAfterMsOf?.(error) ?? 0);
  }

  /**
   * Nobody can say how it stands: there is no answer, or whoever answers does not know.
   * @param silentMs for how long it is so, as far as whoever answers knows
   */
  suspend(cause: string, silentMs = 0): void {
    if (this.state.state === "suspended") return;
    this.#suspendedSinceMs = this.#clock.monotonicMs();
    const silentForMs = Math.max(silentMs, this.#silentForMs);
    this.#states.enter({ state: "suspended", cause, silentForMs });
  }

  get #silentForMs(): number {
    return this.#clock.monotonicMs() - this.#answeredMs;
  }

  /** Somebody has answered, whatever it was. */
  answered(): void {
    this.#answeredMs = this.#clock.monotonicMs();
    if (this.state.state === "suspended") this.#enter();
  }

  notAnswered(error: unknown): void {
    this.#lastFailure = error instanceof Error ? error.message : String(error);
    this.look();
  }

  /** Whether it is out of reach by now. */
  look(): void {
    const { state } = this.state;
    if (state === "suspended") return;
    if (this.#silentForMs < this.paces.suspendAfterMs) return;
    this.suspend(`${this.#peer.name} cannot be reached: ${this.#lastFailure}`);
  }

  /** @param cause null when there is room */
  setFull(cause: string | null): void {
    if (this.#fullCause === cause) return;
    this.#fullCause = cause;
    if (this.state.state !== "suspended") this.#enter();
  }

  /** @param cause why only what makes room is put; null when all is */
  setShort(cause: string | null): void {
    if (this.#shortCause === cause) return;
    this.#shortCause = cause;
    if (this.state.state !== "suspended" && this.#fullCause === null) this.#enter();
  }

  get isFull(): boolean {
    return this.#fullCause !== null;
  }

  #enter(): void {
    this.#suspendedMs = this.suspendedMsTotal;
    this.#suspendedSinceMs = null;
    this.#states.enter(this.#reachableState());
  }

  #reachableState(): LogState {
    if (this.#fullCause !== null) return { state: "read_only", cause: this.#fullCause, takesNothing: true };
    const cause = this.#shortCause;
    return cause === null ? { state: "connected" } : { state: "read_only", cause };
  }

  fail(cause: string, error?: Error): void {
    this.#states.enter({ state: "failed", cause, ...(error !== undefined && { error }) });
  }

  close(): void {
    this.#isClosed = true;
  }
}

export class GivenUpError extends Error {}
