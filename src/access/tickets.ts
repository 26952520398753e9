// Tickets: what stands in a URL for somebody who cannot send a header there, an EventSource above all. Each is good once,
// for half a minute, at the server that gave it: what a URL leaves behind in logs and histories is worth nothing.

import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { KeeperError } from "../core/errors.ts";
import type { ReadContext } from "../core/reader.ts";
import { hashSecret } from "./secrets.ts";

/** How long a ticket is good. */
export const ticketMsMax = 30_000;
/** Of one caller, that are good at once. */
export const ticketsPerCallerMax = 100;
/** Of all. */
export const ticketsMax = 10_000;

const ticketBytes = 32;
const form = /^tt_[A-Za-z0-9_-]{43}$/;

interface Given<Caller> {
  readonly caller: Caller;
  readonly endsMs: number;
}

export class Tickets<Caller extends ReadContext> {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** By hash, in the order in which they were given, which is that of their ends. */
  readonly #given = new Map<string, Given<Caller>>();
  /** How many of them are whose, by who they are. */
  readonly #counts = new Map<string | null, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** @throws KeeperError `throttled` when the caller, or all together, have too many that are good */
  give(caller: Caller): string {
    this.#forgetEnded();
    const { by } = caller.permits;
    const count = this.#counts.get(by) ?? 0;
    if (count >= ticketsPerCallerMax) throw tooMany("You have", "ticketsPerCallerMax", ticketsPerCallerMax);
    if (this.#given.size >= ticketsMax) throw tooMany("The server has", "ticketsMax", ticketsMax);
    const ticket = `tt_${randomBytes(ticketBytes).toString("base64url")}`;
    this.#given.set(hashSecret(ticket), { caller, endsMs: this.#clock.monotonicMs() + ticketMsMax });
    this.#counts.set(by, count + 1);
    return ticket;
  }

  /** Who was given it, the first time it is shown and in time. @param ticket whatever was shown as one */
  take(ticket: unknown): Caller | undefined {
    if (typeof ticket !== "string" || !form.test(ticket)) return undefined;
    this.#forgetEnded();
    const hash = hashSecret(ticket);
    const given = this.#given.get(hash);
    if (given !== undefined) this.#forget(hash, given);
    return given?.caller;
  }

  #forgetEnded(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [hash, given] of this.#given) {
      if (given.endsMs > nowMs) return;
      this.#forget(hash, given);
    }
  }

  #forget(hash: string, { caller: { permits } }: Given<Caller>): void {
    this.#given.delete(hash);
    const left = (this.#counts.get(permits.by) ?? 0) - 1;
    if (left > 0) this.#counts.set(permits.by, left);
    else this.#counts.delete(permits.by);
  }
}

function tooMany(who: string, limit: string, limitValue: number): KeeperError {
  const message = `${who} ${limitValue} tickets that are not used yet; use them, or ask again when they have ended.`;
  return new KeeperError("throttled", message, { limit, limitValue, retryAfterSeconds: 5 });
}
