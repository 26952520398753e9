// A log in etcd that a test can hold up as it can the one in memory, and that says whether anything is under way: whoever
// lets time pass waits for that (fake-clock.ts). What passes, passes as it came.

import { systemClock } from "../../src/clock.ts";
import {
  type Covering,
  type EntriesHandler,
  type LogEntry,
  type LogState,
  type Lsn,
  NotAppendedError,
  OutcomeUnknownError,
} from "../../src/store/commit-log.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { LogStates } from "../../src/store/log-states.ts";
import type { TestLog } from "./logs.ts";
import { underWay } from "./under-way.ts";

/** By prefix, the last position that anybody here knows to be taken. */
const tails = new Map<string, Lsn>();

/** So that a watch that has ended holds nobody up for long. */
const paces = { ...usualPaces, probeEveryMs: 200, retryMs: 5 };

interface Hearing {
  handed: Lsn;
  /** Whether what was handed over is being worked off. */
  isBusy: boolean;
}

/** What opens those below a prefix. */
export function heldLogsAt(endpoints: readonly string[]) {
  const client = new EtcdClient({ endpoints });
  return async (prefix: string, hearing: HearingOthers = "at once", held: Held = "appends") => {
    const log = await EtcdLog.open({ client, clock: systemClock, prefix, paces });
    return new HeldLog(log, prefix, hearing, held);
  };
}

/** Or, as one in memory, with the next entry of its own, and when it is followed or goes on. */
export type HearingOthers = "at once" | "in passing";

/** What waits while it is held. */
export type Held = "appends" | "everything";

export class HeldLog implements TestLog {
  readonly prefix: string;
  readonly #log: EtcdLog;
  readonly #states = new LogStates();
  readonly #hearings: Hearing[] = [];
  readonly #forget: () => void;
  #faults = 0;
  /** Appends wait for it. */
  #gate: PromiseWithResolvers<void> | null = null;
  /** And so does everything else. */
  #isCut = false;
  #turn: Promise<unknown> = Promise.resolve();
  #pending = 0;
  /** What is behind this is heard another time. */
  #heardUpTo: Lsn;
  #onHeard = Promise.withResolvers<void>();

  readonly #held: Held;

  constructor(log: EtcdLog, prefix: string, hearing: HearingOthers, held: Held) {
    this.prefix = prefix;
    this.#held = held;
    this.#log = log;
    this.#heardUpTo = hearing === "at once" ? Number.POSITIVE_INFINITY : 0;
    log.onState((state) => this.#states.enter(state));
    this.#forget = underWay(() => this.#isUnderWay);
  }

  get info() {
    return this.#log.info;
  }

  get writer() {
    return this.#log.writer;
  }

  get #isUnderWay(): boolean {
    if (this.#pending > 0 && this.#gate === null) return true;
    const tail = Math.min(this.#tail, this.#heardUpTo);
    return !this.#isCut && this.#hearings.some(({ handed, isBusy }) => !isBusy && handed < tail);
  }

  get #tail(): Lsn {
    return tails.get(this.prefix) ?? 0;
  }

  /** Everything that anybody has written by now is heard. */
  #hear(): void {
    this.#heardUpTo = Math.max(this.#heardUpTo, this.#tail);
    this.#onHeard.resolve();
    this.#onHeard = Promise.withResolvers();
  }

  /** Appends wait, as on a slow disk, until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers<void>();
    this.#isCut ||= this.#held === "everything";
  }

  release(): void {
    this.#isCut = false;
    this.#gate?.resolve();
    this.#gate = null;
  }

  /** Nothing passes in any direction until `resume`, and the server knows of it. */
  suspend(cause: string): void {
    this.hold();
    this.#isCut = true;
    this.#states.enter({ state: "suspended", cause, silentForMs: 0 });
  }

  resume(): void {
    this.#states.enter({ state: "connected" });
    this.release();
    this.#hear();
  }

  /** As a log in memory that several servers share calls them. */
  cutOff(cause: string): void {
    this.suspend(cause);
  }

  connect(): void {
    this.resume();
  }

  /** As the end of the process: nothing passes ever again. */
  abandon(): void {
    this.hold();
    this.#isCut = true;
    this.#forget();
  }

  /** The next append is refused, as where there is no room. */
  injectFault(_fault: "notAppended"): void {
    this.#faults += 1;
  }

  append(seq: number, body: Uint8Array): Promise<Lsn> {
    const copy = new Uint8Array(body);
    const answer = this.#turn.then(() => this.#gate?.promise).then(() => this.#send(seq, copy));
    this.#turn = answer.catch(() => undefined);
    return this.#noted(answer);
  }

  async #send(seq: number, body: Uint8Array): Promise<Lsn> {
    const { state } = this.#states.current;
    if (state === "suspended") throw new OutcomeUnknownError("The log was closed while it was suspended.");
    if (this.#faults > 0) {
      this.#faults -= 1;
      const cause = "The log has no room.";
      this.#states.enter({ state: "read_only", cause });
      throw new NotAppendedError(cause);
    }
    const lsn = await this.#log.append(seq, body);
    tails.set(this.prefix, Math.max(lsn, this.#tail));
    this.#hear();
    if (state === "read_only") this.#states.enter({ state: "connected" });
    return lsn;
  }

  async #noted<T>(asked: Promise<T>): Promise<T> {
    this.#pending += 1;
    try {
      return await asked;
    } finally {
      this.#pending -= 1;
    }
  }

  follow(after: Lsn, onEntries: EntriesHandler, entryName?: string): void {
    const hearing = { handed: after, isBusy: false };
    this.#hearings.push(hearing);
    this.#hear();
    this.#log.follow(after, (entries) => this.#hand(entries, onEntries, hearing), entryName);
  }

  #hand(entries: readonly LogEntry[], onEntries: EntriesHandler, hearing: Hearing): void | Promise<void> {
    const waiting = this.#isCut
      ? this.#gate
      : (entries[0]?.lsn ?? 0) > this.#heardUpTo
        ? this.#onHeard
        : null;
    if (waiting !== null) return waiting.promise.then(() => this.#hand(entries, onEntries, hearing));
    hearing.handed = entries.at(-1)?.lsn ?? hearing.handed;
    const worked = onEntries(entries);
    if (worked === undefined) return;
    hearing.isBusy = true;
    return worked.then(() => {
      hearing.isBusy = false;
    });
  }

  tail(): Promise<Lsn> {
    return this.#noted(this.#passed(() => this.#log.tail()));
  }

  /** There and back. */
  async #passed<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#isCut) await this.#gate?.promise;
    const answer = await ask();
    if (this.#isCut) await this.#gate?.promise;
    return answer;
  }

  trim(upTo: Lsn, covering: Covering): Promise<void> {
    return this.#log.trim(upTo, covering);
  }

  usage() {
    return this.#log.usage();
  }

  onState(listener: (state: LogState) => void): void {
    this.#states.onState(listener);
  }

  async close(): Promise<void> {
    this.release();
    this.#heardUpTo = Number.POSITIVE_INFINITY;
    this.#hear();
    await this.#turn;
    this.#forget();
    await this.#log.close();
  }
}
