// Liveness where several servers write to one log. Whoever hears of a session says so in the log, for the one that
// measures silence; many at once, and with whatever else is on its way there. A promise to a client waits until that is
// in the log: then whoever measures hears of it before it can end the session, whichever of them comes first.

import type { KeeperError } from "../core/errors.ts";
import { type Session, sessionExpired } from "../core/session.ts";
import type { Store } from "../store/store.ts";
import { suspendedLog } from "../store/write-refusals.ts";
import type { Alive, Liveness } from "./liveness.ts";

export interface LoggedLivenessOptions {
  /** A touch that nobody waits for is said this much later, with all that came meanwhile. */
  readonly lazyMs: number;
  /** Sessions named in one command. */
  readonly touchesMax: number;
}

export const defaultLoggedLivenessOptions: LoggedLivenessOptions = { lazyMs: 150, touchesMax: 1000 };

/** What goes to the log at once. */
interface Round {
  readonly sessionIds: Set<string>;
  /** Ids of the sessions that were gone by then. */
  readonly said: Promise<ReadonlySet<string>>;
  readonly resolve: (gone: ReadonlySet<string>) => void;
  readonly reject: (error: unknown) => void;
  /** Whether somebody waits for it. */
  isAwaited: boolean;
}

export class LoggedLiveness implements Liveness {
  readonly #store: Store;
  readonly #options: LoggedLivenessOptions;
  #next = newRound();
  /** On its way to the log. */
  #said: Round | null = null;
  #isScheduled = false;
  #cancelTimer: (() => void) | null = null;
  #isStopped = false;
  readonly #stopHeeding: () => void;

  constructor(store: Store, options: LoggedLivenessOptions) {
    this.#store = store;
    this.#options = options;
    this.#stopHeeding = store.suspension.follow(() => this.#refuseWaiting());
  }

  touch({ session }: Alive): void {
    this.#next.sessionIds.add(session.id);
    this.#sayLater();
  }

  async confirm({ session }: Alive): Promise<void> {
    const round = this.#next;
    round.sessionIds.add(session.id);
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#sayLater();
      throw refusal;
    }
    round.isAwaited = true;
    this.#saySoon();
    if ((await round.said).has(session.id)) throw sessionExpired();
  }

  silenceOf({ touchedAt = 0 }: Session): { readonly ifTouchedAt: number } {
    return { ifTouchedAt: touchedAt };
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopHeeding();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** What was sent may be in the log or not: to say so in time lets a client ask another server, and does no harm. */
  #refuseWaiting(): void {
    const refusal = this.#refusal();
    if (refusal === null) return;
    this.#said?.reject(refusal);
    this.#next.reject(refusal);
    this.#next = newRound(this.#next.sessionIds);
  }

  #refusal(): KeeperError | null {
    const { logState } = this.#store;
    return logState.state === "suspended" ? suspendedLog(logState.cause) : null;
  }

  #sayLater(): void {
    if (this.#cancelTimer !== null || this.#isStopped) return;
    this.#cancelTimer = this.#store.clock.setTimer(this.#options.lazyMs, () => {
      this.#cancelTimer = null;
      this.#saySoon();
    });
  }

  /** Requests that arrived together are named together; while one round is on its way the next gathers. */
  #saySoon(): void {
    if (this.#isScheduled || this.#said !== null) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#say();
    });
  }

  async #say(): Promise<void> {
    const round = this.#next;
    if (round.sessionIds.size === 0) return;
    this.#next = newRound();
    this.#said = round;
    try {
      round.resolve(await this.#touchAll([...round.sessionIds]));
    } catch (error) {
      round.reject(error);
      // Those that nobody waits for were heard of all the same.
      if (!this.#isStopped) for (const id of round.sessionIds) this.#next.sessionIds.add(id);
    }
    this.#said = null;
    if (this.#next.isAwaited) this.#saySoon();
    else if (this.#next.sessionIds.size > 0) this.#sayLater();
  }

  /** Resolves with those that were gone. @throws KeeperError when the log takes nothing now */
  async #touchAll(sessionIds: readonly string[]): Promise<ReadonlySet<string>> {
    const commands = [];
    for (let from = 0; from < sessionIds.length; from += this.#options.touchesMax) {
      const some = sessionIds.slice(from, from + this.#options.touchesMax);
      commands.push({ type: "touchSessions", sessionIds: some } as const);
    }
    const gone = new Set<string>();
    for (const result of await this.#store.submitAll(commands)) {
      if (result.status === "rejected") throw result.reason;
      for (const id of result.value.outcome.gone) gone.add(id);
    }
    return gone;
  }
}

function newRound(sessionIds = new Set<string>()): Round {
  const { promise: said, resolve, reject } = Promise.withResolvers<ReadonlySet<string>>();
  // Where nobody waits for it, nobody minds.
  said.catch(() => {});
  return { sessionIds, said, resolve, reject, isAwaited: false };
}
