// Who does what is due by itself. A server that is alone with its log has every duty for as long as it runs. Of several,
// one has them: whoever the log says, first come first served. The others hear from it in the log; when it has been silent
// for too long, by the clock of whoever listens, another takes its place. Two that believe it at once do no harm, since
// what they ask for is decided in the log; whoever takes the duties up gives everything its full time.

import { KeeperError } from "../core/errors.ts";
import type { Housekeeper as Named } from "../core/housekeeper.ts";
import { systemContext } from "../core/reader.ts";
import type { Note } from "../core/txn.ts";
import type { Store } from "../store/store.ts";
import type { Duty } from "./duty.ts";

interface HousekeeperOptions {
  /** How often the one on duty is heard of, and the others look at least. */
  readonly everyMs: number;
  /** How long it may be silent. */
  readonly silentMsMax: number;
  /** A look that comes later than this ends a pause: what was silent meanwhile may have been heard of all the same. */
  readonly pauseMs: number;
}

export interface HousekeeperStats {
  /** 1 where this server does what is due by itself. */
  readonly onDuty: 0 | 1;
  /** How often the duties have been given to a server; 0 where one is alone with its log. */
  readonly term: number;
}

const defaultHousekeeperOptions: HousekeeperOptions = {
  everyMs: 2000,
  silentMsMax: 10_000,
  pauseMs: 1000,
};

/** So often the one on duty is heard of in the time that it may be silent. */
const looksPerTimeout = 5;

export function housekeepingWithin(silentMsMax: number): Partial<HousekeeperOptions> {
  return { everyMs: silentMsMax / looksPerTimeout, silentMsMax };
}

export class Housekeeper {
  readonly #store: Store;
  readonly #duties: readonly Duty[];
  readonly #options: HousekeeperOptions;
  readonly #endings: (() => void)[] = [];
  #isOnDuty = false;
  #isAsking = false;
  #heardMs = 0;
  #isReachable = true;
  #cancelTimer = () => {};

  constructor(store: Store, duties: readonly Duty[], options: Partial<HousekeeperOptions> = {}) {
    this.#store = store;
    this.#duties = duties;
    this.#options = { ...defaultHousekeeperOptions, ...options };
  }

  get isOnDuty(): boolean {
    return this.#isOnDuty;
  }

  /** Whether somebody has the duties: this server, or another that was heard of lately. */
  get isAttended(): boolean {
    if (this.#isOnDuty) return true;
    return this.#named().term > 0 && this.#nowMs() - this.#heardMs <= this.#options.silentMsMax;
  }

  stats(): HousekeeperStats {
    return { onDuty: this.#isOnDuty ? 1 : 0, term: this.#named().term };
  }

  start(): void {
    if (!this.#store.isShared) {
      this.#takeUp();
      return;
    }
    this.#heardMs = this.#nowMs();
    this.#isReachable = this.#canHear();
    this.#endings.push(
      this.#store.onNoted((notes) => this.#hear(notes)),
      this.#store.onLogState(() => this.#reconsider()),
    );
    void this.#look();
  }

  stop(): void {
    for (const end of this.#endings.splice(0)) end();
    this.#cancelTimer();
    this.#layDown();
  }

  /** The log says who has the duties, again or anew. */
  #hear(notes: readonly Note[]): void {
    if (!notes.some(({ type }) => type === "housekeeperChanged")) return;
    this.#heardMs = this.#nowMs();
    this.#reconsider();
  }

  /** While nobody answers for the log, or it takes nothing, nobody can be heard of: that silence is nobody's, and counts from its end on. */
  #reconsider(): void {
    const isReachable = this.#canHear();
    if (isReachable !== this.#isReachable) this.#heardMs = this.#nowMs();
    this.#isReachable = isReachable;
    if (isReachable && this.#isNamed()) this.#takeUp();
    else this.#layDown();
  }

  #canHear(): boolean {
    const { logState } = this.#store;
    if (logState.state === "read_only") return logState.takesNothing !== true;
    return logState.state !== "suspended" && logState.state !== "failed";
  }

  async #look(): Promise<void> {
    const { pauseMs, silentMsMax } = this.#options;
    const nextMs = this.#nextLookMs();
    const expectedMs = this.#nowMs() + nextMs;
    this.#cancelTimer = this.#store.clock.setTimer(nextMs, () => {
      if (this.#nowMs() > expectedMs + pauseMs) this.#resume();
      void this.#look();
    });
    const isSilent = this.#nowMs() - this.#heardMs > silentMsMax;
    if (this.#isNamed() || this.#named().term === 0 || isSilent) await this.#ask();
  }

  /** In which time it is looked again: no later than the other has been silent for too long. */
  #nextLookMs(): number {
    const { everyMs, silentMsMax } = this.#options;
    const silentInMs = this.#heardMs + silentMsMax + 1 - this.#nowMs();
    return silentInMs > 0 ? Math.min(everyMs, silentInMs) : everyMs;
  }

  /** After a pause of its own: what came meanwhile is still to be heard. */
  #resume(): void {
    this.#heardMs = this.#nowMs();
    if (!this.#isOnDuty) return;
    this.#layDown();
    this.#takeUp();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const { term: ifTerm } = this.#named();
      await this.#store.submit({ type: "claimHousekeeping", server: this.#store.writer, ifTerm });
    } catch (error) {
      // Asked for again at the next look.
      if (!(error instanceof KeeperError)) throw error;
    } finally {
      this.#isAsking = false;
    }
  }

  #named(): Named {
    return this.#store.reader(systemContext).housekeeper;
  }

  #isNamed(): boolean {
    return this.#named().server === this.#store.writer;
  }

  #nowMs(): number {
    return this.#store.clock.monotonicMs();
  }

  #takeUp(): void {
    if (this.#isOnDuty) return;
    this.#isOnDuty = true;
    for (const duty of this.#duties) duty.start();
  }

  #layDown(): void {
    if (!this.#isOnDuty) return;
    this.#isOnDuty = false;
    for (const duty of this.#duties) duty.stop();
  }
}
