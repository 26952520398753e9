// One who contends for a lock or an election, as a careful program would with the client: it acts only while it believes
// to hold, fences what it writes, and tells all of it before it goes on. It never judges, and never stops by itself.

import { setTimeout as pause } from "node:timers/promises";
import { Client, ConnectionError, type Hold, RequestError, type Session } from "../../src/client/index.ts";
import { random } from "../support/random.ts";
import { type EvidenceFile, monotonicMs } from "./evidence.ts";

export interface Contention {
  readonly trial: string;
  readonly who: string;
  readonly kind: "lock" | "election";
  /** Of the service, by way of the network that fails. */
  readonly endpoint: string;
  /** Of the service, by way of one that does not: for writes that come too late. */
  readonly safeEndpoint: string;
  readonly timeoutMs: number;
  /** 0 believes to the last moment; undefined as the client does by itself. */
  readonly expiringShare: number | undefined;
  readonly seed: number;
}

/** Between two looks at whether it holds. */
const lookMs = 20;
/** Between two writes. */
const writeMs = 120;
/** The longest hold of one who lets go by itself, unless it is a long one. */
const shortHoldMsMax = 150;
const longHoldShare = 0.6;
/** A long hold ends when it is lost, or after so many times the session's timeout. */
const longHoldTimeouts = 3;
const giveUpShare = 0.15;
const giveUpMsMax = 400;
/** A network that fails for a while must not hold up the end of a trial. */
const requestTimeoutMs = 2000;

export class Contender {
  readonly #contention: Contention;
  readonly #evidence: EvidenceFile;
  readonly #chance: () => number;
  readonly #client: Client;
  readonly #safeClient: Client;
  readonly #onHeld: (isLong: boolean) => void;
  readonly #draining = new AbortController();
  #session: Session | null = null;
  #writeNumber = 0;
  /** Ends when it has let go of everything. */
  readonly drained: Promise<void>;

  constructor(contention: Contention, evidence: EvidenceFile, onHeld: (isLong: boolean) => void) {
    this.#contention = contention;
    this.#evidence = evidence;
    this.#chance = random(contention.seed);
    this.#client = new Client({ endpoint: contention.endpoint, requestTimeoutMs });
    this.#safeClient = new Client({ endpoint: contention.safeEndpoint, requestTimeoutMs });
    this.#onHeld = onHeld;
    this.drained = this.#contend();
  }

  /** It lets go of what it has, stands in no queue again, and keeps its session. */
  drain(): void {
    this.#draining.abort();
  }

  async leave(): Promise<void> {
    await this.#session?.close().catch(ignoreFailure);
  }

  async #contend(): Promise<void> {
    while (!this.#draining.signal.aborted) {
      try {
        const session = await this.#openSession();
        await this.#takeATurn(session);
      } catch (error) {
        ignoreFailure(error);
      }
      await pause(this.#chance() * 40);
    }
  }

  async #openSession(): Promise<Session> {
    if (this.#session?.isValid() === true) return this.#session;
    const { timeoutMs, expiringShare, who } = this.#contention;
    this.#session = await this.#client.openSession({
      timeoutMs,
      name: who,
      signal: this.#draining.signal,
      ...(expiringShare !== undefined && { expiringShare }),
    });
    return this.#session;
  }

  async #takeATurn(session: Session): Promise<void> {
    const { trial, kind, who } = this.#contention;
    const givingUp = new AbortController();
    const giveUp = () =>
      givingUp.abort(new RequestError({ code: "lock_held", status: 409, detail: "gave up" }));
    const timer = this.#chance() < giveUpShare ? setTimeout(giveUp, this.#chance() * giveUpMsMax) : undefined;
    this.#draining.signal.addEventListener("abort", giveUp, { once: true });
    const stay = () => {
      clearTimeout(timer);
      this.#draining.signal.removeEventListener("abort", giveUp);
    };
    const lead = async (hold: Hold) => {
      stay();
      await this.#lead(session, hold);
    };
    try {
      const { signal } = givingUp;
      if (kind === "lock") await session.withLock(trial, { signal, metadata: who }, lead);
      else await session.elect(trial, { signal, value: who }, lead);
    } finally {
      stay();
    }
  }

  /** The life of a holder: it looks, and acts, and looks again, until it is told that it holds no longer. */
  async #lead(session: Session, hold: Hold): Promise<void> {
    const { trial, who, timeoutMs } = this.#contention;
    const about = { trial, who, fence: hold.fence };
    // The time before the question, here too: whoever was stopped since it was granted asks, and does not begin.
    const beganMs = monotonicMs();
    if (!session.isValid() || hold.signal.aborted) return;
    this.#evidence.tell({ kind: "held", ...about, path: hold.path, session: session.id, atMs: beganMs });
    const isLong = this.#chance() < longHoldShare;
    this.#onHeld(isLong);
    const stayMs = isLong ? longHoldTimeouts * timeoutMs : this.#chance() * shortHoldMsMax;
    let writtenMs = Number.NEGATIVE_INFINITY;
    while (true) {
      // The time before the question: so nothing is said of the time after the answer.
      const atMs = monotonicMs();
      const believes = session.isValid() && !hold.signal.aborted;
      const untilMs = atMs + session.remainingMs();
      if (!believes) break;
      this.#evidence.tell({ kind: "believed", ...about, atMs, untilMs });
      if (this.#draining.signal.aborted || atMs > beganMs + stayMs) {
        return this.#evidence.tell({ kind: "ended", ...about, why: "let go", atMs: monotonicMs() });
      }
      if (atMs > writtenMs + writeMs) {
        writtenMs = atMs;
        void this.#write(this.#client, hold, false);
      }
      await pause(lookMs);
    }
    this.#evidence.tell({ kind: "ended", ...about, why: "lost", atMs: monotonicMs() });
    await this.#write(this.#safeClient, hold, true);
    // Once more when another may hold by now.
    setTimeout(() => void this.#write(this.#safeClient, hold, true), this.#chance() * 2 * timeoutMs);
  }

  async #write(client: Client, hold: Hold, isLate: boolean): Promise<void> {
    const { trial, who } = this.#contention;
    this.#writeNumber += 1;
    const about = { trial, who, fence: hold.fence, number: this.#writeNumber };
    this.#evidence.tell({ kind: "asked", ...about, isLate, atMs: monotonicMs() });
    const outcome = await outcomeOf(client, workPathOf(trial), `${hold.fence} ${this.#writeNumber}`, hold);
    this.#evidence.tell({ kind: "answered", ...about, outcome, atMs: monotonicMs() });
  }
}

/** What a trial's holders write to. */
export function workPathOf(trial: string): string {
  return `/work/${trial}`;
}

async function outcomeOf(client: Client, path: string, data: string, hold: Hold): Promise<number | string> {
  try {
    const { stat } = await client.set(path, data, { fences: [hold] });
    return stat.mzxid;
  } catch (error) {
    ignoreFailure(error);
    return error instanceof RequestError && !error.mayBeDone ? error.code : "unknown";
  }
}

/** Failures are what trials are about; anything else is a fault of this program, and ends it. */
function ignoreFailure(error: unknown): void {
  const isEndOfWait = error instanceof DOMException && error.name === "AbortError";
  if (error instanceof RequestError || error instanceof ConnectionError || isEndOfWait) return;
  if (error instanceof Error && /^(SessionLost|HoldLost)Error$/.test(error.name)) return;
  throw error;
}
