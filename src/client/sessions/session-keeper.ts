// Keeps a session alive in the background and tells its holder how it stands. Whoever asks hears what is true at that
// moment by the clock, not what the last timer found: after a pause of the process timers come late.

import { attempt } from "../calls/calls.ts";
import { elapsedMs, type Instant, pause } from "../calls/clock.ts";
import { ConnectionError, RequestError, type SessionEnd, SessionLostError } from "../calls/errors.ts";
import type { Transport } from "../calls/transport.ts";
import { SessionLife, type SessionState } from "./session-life.ts";

export interface OpenedSession {
  readonly id: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly validForMs: number;
}

/** A keepalive goes out after this part of the time at most, so that two more can be tried. */
const keepaliveShare = 1 / 3;
/**
 * The same of several servers, and how long each of them is waited for: when one stands still and the next is slow, there
 * is time for a third before the session counts as expiring.
 */
const oneOfSeveral = { keepaliveShare: 1 / 4, answerShare: 1 / 6 };
/** Chance shortens the wait for it by up to this part: clients that began together do not all come together. */
const keepaliveJitter = 0.2;
/** An answer that is not there after this part of the time is missing. */
const overdueShare = 1 / 6;
/** The pause before another attempt, as a part of the time. */
const retryShare = 1 / 20;

export class SessionKeeper {
  readonly opened: OpenedSession;
  readonly #transport: Transport;
  readonly #life: SessionLife;
  readonly #over = new AbortController();
  readonly #listeners = new Set<(state: SessionState) => void>();
  #state: SessionState = "connected";
  #gapsSeen = 0;
  /** Keepalives that failed since one was answered. */
  #failures = 0;
  /** Ends what the keepalive waits for, since it must go out now, or never again. */
  #wake = new AbortController();
  #cancelLook = () => {};

  constructor(
    transport: Transport,
    opened: OpenedSession,
    beginning: { readonly sentAt: Instant; readonly expiringShare: number },
  ) {
    this.opened = opened;
    this.#transport = transport;
    const { validForMs } = opened;
    this.#life = new SessionLife({ ...beginning, validForMs }, transport.clock.now());
    this.#lookLater();
    void this.#keepAlive(beginning.sentAt);
  }

  /** Aborts when the session is over, with a `SessionLostError`. */
  get lostSignal(): AbortSignal {
    return this.#over.signal;
  }

  /** How it stands now. Whoever looks first tells the others. */
  look(): SessionState {
    const state = this.#life.look(this.#transport.clock.now());
    if (this.#life.gapCount > this.#gapsSeen) {
      this.#gapsSeen = this.#life.gapCount;
      this.#wake.abort();
    }
    if (state !== this.#state) this.#enter(state);
    return this.#state;
  }

  remainingMs(): number {
    return this.#life.end === null ? this.#life.remainingMs(this.#transport.clock.now()) : 0;
  }

  /** Returns a function that stops listening. */
  onStateChanged(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  finish(end: SessionEnd): void {
    this.#life.finish(end);
    this.look();
  }

  #enter(state: SessionState): void {
    this.#state = state;
    if (this.#life.end !== null) {
      this.#cancelLook();
      this.#wake.abort();
      this.#over.abort(new SessionLostError(this.#life.end));
    }
    for (const listener of [...this.#listeners]) {
      // A listener may have looked, and the others heard of something newer.
      if (this.#state === state) tell(listener, state);
    }
  }

  /** Often enough to see a gap, and at once when the time comes to warn or to end. */
  #lookLater(): void {
    const { clock } = this.#transport;
    const remainingMs = this.remainingMs();
    const untilExpiringMs = remainingMs - this.#life.expiringMs;
    const nextMs = Math.min(this.#life.gapMs / 2, untilExpiringMs > 0 ? untilExpiringMs : remainingMs);
    this.#cancelLook = clock.setTimer(Math.max(1, Math.ceil(nextMs)), () => {
      this.look();
      if (this.#life.end === null) this.#lookLater();
    });
  }

  async #keepAlive(openedAt: Instant): Promise<void> {
    let delayMs = this.#delayMs(openedAt);
    while (this.#life.end === null) {
      this.#wake = new AbortController();
      const { signal } = this.#wake;
      try {
        if (delayMs > 0) await pause(this.#transport.clock, delayMs, signal);
        delayMs = await this.#renew(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      // Woken in the very moment of an answer, too.
      if (signal.aborted) delayMs = 0;
    }
  }

  /** One keepalive. Returns how long to wait for the next. */
  async #renew(signal: AbortSignal): Promise<number> {
    const { clock } = this.#transport;
    const path = `v1/sessions/${this.opened.id}`;
    const url = this.#transport.url(path);
    const headers = { "Session-Token": this.opened.token };
    const share = this.#isOneOfSeveral ? oneOfSeveral.answerShare : keepaliveShare;
    const timeoutMs = this.#life.validForMs * share;
    const asked = this.#life.ask(clock.now());
    const cancelOverdue = clock.setTimer(this.#life.validForMs * overdueShare, () => this.#doubt());
    try {
      // It reads nothing: who keeps it alive need not have caught up.
      const call = {
        method: "PUT",
        path,
        headers,
        repeat: "harmless",
        isTimeless: true,
        signal,
        timeoutMs,
      } as const;
      const { body } = await attempt(this.#transport, url, call);
      this.#life.confirm(asked, validForMsIn(body), clock.now());
      this.#failures = 0;
      this.look();
      return this.#delayMs(asked.sentAt);
    } catch (error) {
      signal.throwIfAborted();
      return this.#failed(url, error);
    } finally {
      cancelOverdue();
    }
  }

  get #isOneOfSeveral(): boolean {
    return this.#transport.endpointCount > 1;
  }

  #doubt(): void {
    this.#life.doubt();
    this.look();
  }

  /** Only the server's own word that the session is gone ends it; whatever else fails may yet come right. */
  #failed(url: URL, error: unknown): number {
    if (!(error instanceof ConnectionError || error instanceof RequestError)) throw error;
    if (isExpired(error)) {
      this.finish("expired");
      return 0;
    }
    this.#transport.failed(url);
    this.#doubt();
    this.#failures += 1;
    const isOfOneServer = error instanceof ConnectionError || error.isOfOneServer;
    if (isOfOneServer && this.#failures < this.#transport.endpointCount) return 0;
    const isForAnother = this.#isOneOfSeveral && isOfOneServer;
    const retryAfterMs = error instanceof RequestError && !isForAnother ? error.retryAfterMs : 0;
    const pauseMs = this.#life.validForMs * retryShare * (0.5 + this.#transport.chance() / 2);
    return Math.max(pauseMs, Math.min(retryAfterMs, this.remainingMs() * keepaliveShare));
  }

  #delayMs(sentAt: Instant): number {
    const { clock, chance } = this.#transport;
    const share = this.#isOneOfSeveral ? oneOfSeveral.keepaliveShare : keepaliveShare;
    const intervalMs = this.#life.validForMs * share * (1 - keepaliveJitter * chance());
    return Math.max(0, intervalMs - elapsedMs(sentAt, clock.now()));
  }
}

export function isExpired(error: unknown): boolean {
  return error instanceof RequestError && error.code === "session_expired";
}

function validForMsIn(body: unknown): number {
  const { validForMs } = Object(body) as { validForMs?: unknown };
  if (typeof validForMs === "number" && validForMs > 0) return validForMs;
  throw new ConnectionError("The answer to a keepalive cannot be read.");
}

/** A fault of one listener is not hidden, and does not keep the others from hearing. */
function tell(listener: (state: SessionState) => void, state: SessionState): void {
  try {
    listener(state);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
