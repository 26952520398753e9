// An instance of a service beside the command that offers it. It is listed before the command begins where that can be
// at once. Where it cannot, since the service is away or another session has its id, the command runs meanwhile or
// waits, as its user says; with a check it runs first, and is listed when it does what it is there for.

import {
  type Client,
  type Instance,
  type Listing,
  type ListingOptions,
  RequestError,
} from "../../client/index.ts";
import { type checkOf, passed } from "../check.ts";
import { messageOf } from "../messages.ts";
import type { Output } from "../output.ts";
import { isPassing } from "../passing.ts";
import { RareNote } from "../rare-note.ts";
import type { Tell } from "./lifecycle.ts";

export const unlistedChoices = ["run", "wait", "fail"] as const;

export interface Announced {
  readonly service: string;
  readonly instance: Instance;
  readonly id: string | undefined;
  /** What the command does while the instance cannot be listed at first. */
  readonly unlisted: (typeof unlistedChoices)[number];
  /** Whether it takes its id over from whoever has it. */
  readonly replace: boolean;
  /** Null without one. */
  readonly check: ReturnType<typeof checkOf> | null;
  readonly timeoutMs: number;
}

/** Who hears of it: people and programs. */
interface Audience {
  readonly output: Output;
  readonly tell: Tell;
}

/** Nobody who only wants to run waits longer for a service of which nothing is heard. */
const beginsWithinMs = 2000;

export class Announcement {
  readonly #client: Client;
  readonly #output: Output;
  readonly #tell: Tell;
  readonly #announced: Announced;
  readonly #trouble: RareNote;
  readonly #ending = new AbortController();
  readonly #mayBegin = Promise.withResolvers<void>();
  #hasBegun = false;
  #listing: Promise<Listing> | null = null;

  constructor(client: Client, { output, tell }: Audience, announced: Announced) {
    this.#client = client;
    this.#output = output;
    this.#tell = tell;
    this.#announced = announced;
    this.#trouble = new RareNote(output);
  }

  /** Resolves when the command may begin. @param stop ends the wait */
  async begin(stop: AbortSignal): Promise<void> {
    stop.throwIfAborted();
    stop.addEventListener("abort", () => this.#ending.abort(stop.reason), { once: true });
    const { check, unlisted } = this.#announced;
    if (check === null) void this.#list();
    else void this.#listWhenPassed(check);
    const timer = unlisted === "run" ? setTimeout(() => this.#begins(), beginsWithinMs) : undefined;
    try {
      await this.#mayBegin.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes it away for good, listed or not. */
  async end(): Promise<void> {
    this.#ending.abort(new Error("The command has ended."));
    const listing = await this.#listing?.catch(() => null);
    await listing?.remove();
    if (listing?.state === "removed") this.#tell({ event: "deregistered" });
  }

  #begins(): void {
    this.#hasBegun = true;
    this.#mayBegin.resolve();
  }

  async #listWhenPassed(check: NonNullable<Announced["check"]>): Promise<void> {
    this.#begins();
    try {
      await passed(check, this.#ending.signal, (reason) =>
        this.#trouble.note(`${this.#announced.service} is not listed yet: the check fails. ${reason}`),
      );
      await this.#list();
    } catch {
      // It has ended before it was ever ready.
    }
  }

  async #list(): Promise<void> {
    const { service, instance } = this.#announced;
    this.#listing = this.#client.register(service, instance, this.#options());
    try {
      const { id } = await this.#listing;
      this.#tell({ event: "registered", id });
      this.#listed();
      this.#begins();
    } catch (error) {
      this.#mayBegin.reject(error);
    }
  }

  #options(): ListingOptions {
    const { service, id, unlisted, replace, timeoutMs } = this.#announced;
    return {
      ...(id !== undefined && { id }),
      session: { name: `service ${service}`, timeoutMs },
      whenTaken: replace ? "replace" : unlisted === "fail" ? "fail" : "wait",
      signal: this.#ending.signal,
      stateChanged: (state) => {
        if (state === "lost") this.#lost();
        if (state === "listed") void this.#listedAgain();
      },
      failed: (cause) => this.#delayed(cause),
      // What cannot be at all is said while nothing has begun; later it may be a matter of time.
      retry: (cause) => unlisted !== "fail" && (this.#hasBegun || isPassing(cause)),
    };
  }

  #lost(): void {
    const { service } = this.#announced;
    this.#tell({ event: "lost", reason: "the session is lost" });
    this.#output.note(`the session is lost; listing ${service} again`);
  }

  async #listedAgain(): Promise<void> {
    const listing = await this.#listing;
    if (listing !== null) this.#tell({ event: "registered", id: listing.id });
    this.#listed();
  }

  #listed(): void {
    if (this.#trouble.over()) this.#output.note(`${this.#announced.service} is listed`);
  }

  #delayed(cause: unknown): void {
    const { service, unlisted } = this.#announced;
    const goesOn = this.#hasBegun || unlisted === "run";
    const meanwhile = goesOn ? "the command runs meanwhile" : "the command waits";
    const hint = isTaken(cause)
      ? " It is listed when that session has ended, or at once with --replace."
      : "";
    this.#trouble.note(`${service} is not listed yet, and ${meanwhile}. ${messageOf(cause)}${hint}`);
    if (goesOn) this.#begins();
  }
}

function isTaken(cause: unknown): boolean {
  return cause instanceof RequestError && cause.code === "not_holder";
}
