// An instance that stays listed until it is removed: on a session of its own, and when that is lost on another one. To
// be listed twice for a moment does no harm, so here, and here alone, losing a session is nothing to stop for.
// An id may be another session's: that of a process that crashed and is back before the service knows that it had gone.

import { instancePath } from "../../core/coordination/instances.ts";
import { Backoff } from "../calls/backoff.ts";
import type { CallOptions } from "../calls/calls.ts";
import { pause } from "../calls/clock.ts";
import { SessionLostError } from "../calls/errors.ts";
import { unlessAborted } from "../calls/signals.ts";
import type { Transport } from "../calls/transport.ts";
import type { Session, SessionOptions } from "../sessions/session.ts";
import { isRefusal } from "./hold.ts";
import type { Instance, Registration } from "./services.ts";

/** `lost` while its session is, and no other has it listed yet. */
export type ListingState = "listed" | "lost" | "removed";

export interface ListingOptions {
  /** Names the instance within the service; the id of the session it is listed on unless given. */
  readonly id?: string | undefined;
  readonly session?: Omit<SessionOptions, "signal"> | undefined;
  /** When another session has the id: `fail`, unless given; `wait` for its end; or `replace` it at once. */
  readonly whenTaken?: "fail" | "wait" | "replace" | undefined;
  /** Ends the wait until it is first listed. */
  readonly signal?: AbortSignal | undefined;
  readonly stateChanged?: ((state: ListingState) => void) | undefined;
  /** Called when it could not be listed, before it waits or tries again. */
  readonly failed?: ((cause: unknown) => void) | undefined;
  /** Whether to try again when it could not be listed at first: not, unless this says so. Later it always is. */
  readonly retry?: ((cause: unknown) => boolean) | undefined;
}

interface ListingParts {
  readonly transport: Transport;
  readonly openSession: (options: SessionOptions) => Promise<Session>;
}

/** What it is listed as now. */
interface Listed {
  readonly session: Session;
  readonly registration: Registration;
}

export class Listing {
  readonly service: string;
  readonly #parts: ListingParts;
  readonly #options: ListingOptions;
  readonly #ending = new AbortController();
  #instance: Instance;
  #listed: Listed;
  #state: ListingState = "listed";
  readonly #over: Promise<void>;

  private constructor(
    parts: ListingParts,
    { service, instance, options, listed }: Asked & { readonly listed: Listed },
  ) {
    this.service = service;
    this.#parts = parts;
    this.#options = options;
    this.#instance = instance;
    this.#listed = listed;
    this.#over = this.#stay();
  }

  /** Resolves when it is listed. @throws RequestError `not_holder` when another session has an instance of that id */
  static async begin(parts: ListingParts, asked: Asked): Promise<Listing> {
    const { signal, failed, retry } = asked.options;
    const attempt = () => list(parts, { ...asked, instance: () => asked.instance }, null);
    const listed = await untilDone(parts.transport, attempt, signal, (cause) => {
      if (retry?.(cause) !== true) throw cause;
      failed?.(cause);
    });
    return new Listing(parts, { ...asked, listed });
  }

  /** Without one of its own it changes with the session. */
  get id(): string {
    return this.#listed.registration.id;
  }

  /** What others are told, or will be when it is listed again. */
  get instance(): Instance {
    return this.#instance;
  }

  get state(): ListingState {
    return this.#state;
  }

  /** Changes some of it, such as `{ state: "draining" }` before the end. While it is lost, others hear of it later. */
  async update(changes: Partial<Instance>, options: CallOptions = {}): Promise<void> {
    const instance = { ...this.#instance, ...changes };
    try {
      await this.#listed.registration.update(instance, options);
    } catch (error) {
      if (!(error instanceof SessionLostError)) throw error;
    }
    this.#instance = instance;
  }

  /** Takes it away for good; resolves when it is gone. */
  async remove(): Promise<void> {
    this.#ending.abort();
    await this.#over;
    await this.#listed.session.close();
    this.#enter("removed");
  }

  async #stay(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      await lostOrEnding(this.#listed.session, this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      this.#enter("lost");
      await this.#listAgain().catch((error: unknown) => {
        if (!this.#ending.signal.aborted) throw error;
      });
    }
  }

  async #listAgain(): Promise<void> {
    const { signal } = this.#ending;
    const failed = (cause: unknown) => this.#options.failed?.(cause);
    await untilDone(this.#parts.transport, () => this.#listOnce(signal), signal, failed);
  }

  async #listOnce(signal: AbortSignal): Promise<void> {
    let told = this.#instance;
    const instance = () => {
      told = this.#instance;
      return told;
    };
    const options = { ...this.#options, signal };
    this.#listed = await list(this.#parts, { service: this.service, instance, options }, this.#listed);
    this.#enter("listed");
    // It may have been changed while it was on its way.
    if (this.#instance !== told) await this.update({});
  }

  #enter(state: ListingState): void {
    this.#state = state;
    this.#options.stateChanged?.(state);
  }
}

interface Asked<AnInstance = Instance> {
  readonly service: string;
  readonly instance: AnInstance;
  readonly options: ListingOptions;
}

/** @param failed throws when it is not to be tried again */
async function untilDone<T>(
  { clock, chance }: Transport,
  attempt: () => Promise<T>,
  signal: AbortSignal | undefined,
  failed: (cause: unknown) => void,
): Promise<T> {
  const backoff = new Backoff(chance);
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      failed(error);
      await pause(clock, backoff.nextDelayMs(0), signal);
    }
  }
}

/**
 * Listed on a new session. The lost one may live on in the service for a while, and have the id: it is closed first, and
 * where that fails what it had listed is replaced.
 */
async function list(
  { openSession }: ListingParts,
  asked: Asked<() => Instance>,
  lost: Listed | null,
): Promise<Listed> {
  const { signal, session: sessionOptions } = asked.options;
  const session = await openSession({ ...sessionOptions, ...(signal !== undefined && { signal }) });
  try {
    if (lost !== null) await closeLost(lost.session, session.lostSignal);
    const first = asked.options.whenTaken === "replace" ? "any" : undefined;
    const replace = lost === null ? first : lost.registration.fence;
    return { session, registration: await register(session, asked, replace) };
  } catch (error) {
    await session.close().catch(() => {});
    throw error;
  }
}

/** Waits for whoever has the id, where that is what is wanted. */
async function register(
  session: Session,
  { service, instance, options }: Asked<() => Instance>,
  replace: number | "any" | undefined,
): Promise<Registration> {
  const { id, signal, whenTaken, failed } = options;
  const inTime = signal === undefined ? {} : { signal };
  while (true) {
    try {
      return await session.register(service, instance(), {
        ...inTime,
        replace,
        ...(id !== undefined && { id }),
      });
    } catch (error) {
      if (whenTaken !== "wait" || id === undefined || !isRefusal(error, "not_holder")) throw error;
      failed?.(error);
      await gone(session, instancePath(service, id), inTime);
    }
  }
}

/** Resolves when what is there now has gone. The wait keeps the session alive that waits. */
async function gone(session: Session, path: string, inTime: { signal?: AbortSignal }): Promise<void> {
  try {
    const { stat, zxid } = await session.get(path, inTime);
    let now = { stat, zxid };
    while (now.stat.czxid === stat.czxid) {
      now = await session.get(path, { ...inTime, waitAfterZxid: now.zxid });
    }
  } catch (error) {
    if (!isRefusal(error, "no_node")) throw error;
  }
}

/** If that fails it goes by itself, later. */
async function closeLost(lost: Session, signal: AbortSignal): Promise<void> {
  await unlessAborted(lost.close(), signal).catch(() => {});
}

function lostOrEnding({ lostSignal }: Session, ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [lostSignal, ending]) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
