// A session: what is done in its name, for as long as it lives. It never lives on as another one: who needs a new
// session opens it, and knows that everything of the old one is gone.

import type { Answer, Call, Caller, LinesCall } from "../calls/calls.ts";
import { type JoinedSignal, joinSignals } from "../calls/signals.ts";
import type { Transport } from "../calls/transport.ts";
import { Barrier, type BarrierOptions } from "../coordination/barriers.ts";
import { type ElectOptions, elect, type Leadership } from "../coordination/elections.ts";
import type { Hold } from "../coordination/hold.ts";
import { type LockOptions, withLock } from "../coordination/locks.ts";
import { type Instance, type RegisterOptions, Registration } from "../coordination/services.ts";
import { Znodes } from "../znodes/znodes.ts";
import { isExpired, type SessionKeeper } from "./session-keeper.ts";
import type { SessionState } from "./session-life.ts";
import { Turns } from "./turns.ts";

export interface SessionOptions {
  /** Silence after which the session ends; the server moves it into its bounds. */
  readonly timeoutMs?: number | undefined;
  /** A word for people who read listings. */
  readonly name?: string | undefined;
  /** The part of the time that is left when the session counts as `expiring` (a third). */
  readonly expiringShare?: number | undefined;
  /** Ends the wait for the session to open. */
  readonly signal?: AbortSignal | undefined;
}

export class Session extends Znodes {
  readonly #transport: Transport;
  readonly #keeper: SessionKeeper;
  readonly #service: Caller;
  readonly #own: Caller;
  readonly #turns = new Turns();
  #closing: Promise<void> | null = null;

  /** @param service the service, on nobody's behalf */
  constructor(transport: Transport, keeper: SessionKeeper, service: Caller) {
    const own = new SessionCaller(keeper, service);
    super(own);
    this.#transport = transport;
    this.#keeper = keeper;
    this.#service = service;
    this.#own = own;
  }

  /** Public: what `ephemeralOwner` shows. */
  get id(): string {
    return this.#keeper.opened.id;
  }

  /** Secret: whoever has it acts for the session. */
  get token(): string {
    return this.#keeper.opened.token;
  }

  /** The timeout the server has granted. */
  get timeoutMs(): number {
    return this.#keeper.opened.timeoutMs;
  }

  /** How the session stands now, by the clock. */
  get state(): SessionState {
    return this.#keeper.look();
  }

  /** Whether the server surely has not ended it by itself. Cheap: ask before each step that must not come too late. */
  isValid(): boolean {
    this.#keeper.look();
    return !this.#keeper.lostSignal.aborted;
  }

  /** For so long the server surely does not end it by itself. */
  remainingMs(): number {
    return this.isValid() ? this.#keeper.remainingMs() : 0;
  }

  /** Aborts when the session is over, with a `SessionLostError` that says why. */
  get lostSignal(): AbortSignal {
    return this.#keeper.lostSignal;
  }

  /** Calls back with each new state. Returns a function that stops listening. */
  onStateChanged(listener: (state: SessionState) => void): () => void {
    return this.#keeper.onStateChanged(listener);
  }

  /**
   * Acts while it has the lock, and gives it back whatever comes of it. `lock.signal` says when to stop; `lock` as one
   * of a write's `fences` refuses what comes too late. Not for itself: within, the same lock is waited for for ever.
   * @throws RequestError `lock_held` when `waitMs` has passed, `no_claim` when its place in the queue was taken away,
   * else what the signal, the session or the act says
   */
  withLock<T>(name: string, options: LockOptions, act: (lock: Hold) => Promise<T> | T): Promise<T> {
    return withLock(this.#holding(), name, options, act);
  }

  /**
   * Stands for election, leads when it is its turn, and resigns when it has led: for one term.
   * @throws RequestError `no_claim` when its candidacy was taken away, else what the signal, the session or the act says
   */
  elect<T>(name: string, options: ElectOptions, lead: (term: Leadership) => Promise<T> | T): Promise<T> {
    return elect(this.#holding(), name, options, lead);
  }

  /** Registers an instance of a service; it is there until it is removed or the session ends. */
  register(service: string, instance: Instance, options: RegisterOptions = {}): Promise<Registration> {
    return Registration.make(this.#own, { service, id: options.id ?? this.id, instance, options });
  }

  /** A double barrier: enter it together with others, and leave it together with them. */
  barrier(name: string, options: BarrierOptions): Barrier {
    return new Barrier(this.#holding(), name, options);
  }

  #holding() {
    return { transport: this.#transport, keeper: this.#keeper, caller: this.#own, turns: this.#turns };
  }

  /** Nothing is done in its name from here on; resolves when its ephemerals are gone, all in one transaction. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Nothing is done in its name from here on; it lives on for whoever else keeps it alive, or until its time is up. */
  leave(): void {
    this.#keeper.finish("closed");
  }

  async #close(): Promise<void> {
    this.#keeper.finish("closed");
    const { id, token } = this.#keeper.opened;
    const headers = { "Session-Token": token };
    try {
      await this.#service.send({ method: "DELETE", path: `v1/sessions/${id}`, headers, repeat: "harmless" });
    } catch (error) {
      if (!isExpired(error)) throw error;
    }
  }
}

/** Everything it sends is sent for the session, and ends with it. */
class SessionCaller implements Caller {
  readonly #keeper: SessionKeeper;
  readonly #service: Caller;

  constructor(keeper: SessionKeeper, service: Caller) {
    this.#keeper = keeper;
    this.#service = service;
  }

  async send(call: Call): Promise<Answer> {
    const { signal, leave } = this.#joined(call);
    try {
      return await this.#service.send({ ...call, headers: this.#headersOf(call), signal });
    } catch (error) {
      throw this.#fateOf(error);
    } finally {
      leave();
    }
  }

  async *lines(call: LinesCall): AsyncGenerator<unknown, void, undefined> {
    const { signal, leave } = this.#joined(call);
    try {
      yield* this.#service.lines({ ...call, headers: this.#headersOf(call), signal });
    } catch (error) {
      throw this.#fateOf(error);
    } finally {
      leave();
    }
  }

  #joined(call: LinesCall): JoinedSignal {
    this.#keeper.look();
    this.#keeper.lostSignal.throwIfAborted();
    return joinSignals(this.#keeper.lostSignal, call.signal);
  }

  #headersOf(call: LinesCall): Record<string, string> {
    return { ...call.headers, "Session-Token": this.#keeper.opened.token };
  }

  /** The server has said that the session is gone: all who hold on to it are told. */
  #fateOf(error: unknown): unknown {
    if (!isExpired(error)) return error;
    this.#keeper.finish("expired");
    return this.#keeper.lostSignal.reason;
  }
}
