// An instance that stays listed until it is removed: on a session of its own, and when that is lost on another one. To
// be listed twice for a moment does no harm, so here, and here alone, losing a session is nothing to stop for.

import { Backoff } from "./backoff.ts";
import type { CallOptions } from "./calls.ts";
import { pause } from "./clock.ts";
import { SessionLostError } from "./errors.ts";
import type { Instance, Registration } from "./services.ts";
import type { Session, SessionOptions } from "./session.ts";
import { unlessAborted } from "./signals.ts";
import type { Transport } from "./transport.ts";

/** `lost` while its session is, and no other has it listed yet. */
export type ListingState = "listed" | "lost" | "removed";

export interface ListingOptions {
  /** Names the instance within the service; the id of the session it is listed on unless given. */
  readonly id?: string;
  readonly session?: Omit<SessionOptions, "signal">;
  /** Ends the wait until it is first listed. */
  readonly signal?: AbortSignal;
  readonly stateChanged?: (state: ListingState) => void;
  /** Called when it could not be listed again, before the next attempt. */
  readonly failed?: (cause: unknown) => void;
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
    return new Listing(parts, {
      ...asked,
      listed: await list(parts, { ...asked, instance: () => asked.instance }, null),
    });
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
    const { transport } = this.#parts;
    const { signal } = this.#ending;
    const backoff = new Backoff(transport.chance);
    while (true) {
      try {
        await this.#listOnce(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#options.failed?.(error);
        await pause(transport.clock, backoff.nextDelayMs(0), signal);
      }
    }
  }

  async #listOnce(signal: AbortSignal): Promise<void> {
    let told = this.#instance;
    const instance = () => {
      told = this.#instance;
      return told;
    };
    const options = { ...this.#options, signal };
    this.#listed = await list(
      this.#parts,
      { service: this.service, instance, options },
      this.#listed.session,
    );
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

/** Listed on a new session. The lost one may live on in the service for a while, and have the id: it is closed first. */
async function list(
  { openSession }: ListingParts,
  { service, instance, options }: Asked<() => Instance>,
  lost: Session | null,
): Promise<Listed> {
  const { id, signal } = options;
  const inTime = signal === undefined ? {} : { signal };
  const session = await openSession({ ...options.session, ...inTime });
  try {
    await closeLost(lost, session.lostSignal);
    const registration = await session.register(service, instance(), {
      ...inTime,
      ...(id !== undefined && { id }),
    });
    return { session, registration };
  } catch (error) {
    await session.close().catch(() => {});
    throw error;
  }
}

/** If that fails it goes by itself, later. */
async function closeLost(lost: Session | null, signal: AbortSignal): Promise<void> {
  if (lost !== null) await unlessAborted(lost.close(), signal).catch(() => {});
}

function lostOrEnding({ lostSignal }: Session, ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [lostSignal, ending]) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
