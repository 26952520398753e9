// The rights that something goes on by: streams, and requests that wait. Whoever goes on by them is told when they are no
// more what they were, before anything is told that happened after that.

import type { Clock } from "../clock.ts";
import type { ReadonlyAccess } from "../core/access/access.ts";
import { allowTheSame, type Permits } from "../core/access/permits.ts";
import { endOfPermits, permitsNow } from "../core/access/permits-now.ts";
import type { Token } from "../core/access/token.ts";
import { KeeperError } from "../core/errors.ts";
import type { ReadContext } from "../core/reader.ts";

/** What they may do from here on; or, with a refusal, that they are nobody any more. */
export type RightsChanged = (now: Permits | KeeperError) => void;

/** What goes on by the rights of one caller. */
interface Used {
  permits: Permits;
  /** The token as it was when it was last looked at; none for an identity from outside, and before the first look. */
  token: Token | undefined;
  /** When they end by themselves, epoch milliseconds. */
  endMs: number | null;
  readonly listeners: Set<RightsChanged>;
}

interface RightsInUseParts {
  readonly access: ReadonlyAccess;
  readonly clock: Clock;
  readonly timeMs: () => number;
}

/** How often it is looked whether rights have ended by themselves: none is used for longer than this after its end. */
const tickMs = 250;

export class RightsInUse {
  readonly #parts: RightsInUseParts;
  /** Who has shown the same credential since the last change shares one of them. */
  readonly #used = new Map<ReadContext, Used>();
  #generation = -1;
  #cancelTick: (() => void) | null = null;

  constructor(parts: RightsInUseParts) {
    this.#parts = parts;
  }

  /**
   * Calls back whenever the caller may do something else than before, and never within this call. Returns what ends it.
   * @param context what the caller may do as it was found out, be it a while ago
   */
  follow(context: ReadContext, onChanged: RightsChanged): () => void {
    const used = this.#used.get(context) ?? this.#begin(context);
    used.listeners.add(onChanged);
    return () => {
      used.listeners.delete(onChanged);
      if (used.listeners.size > 0 || this.#used.get(context) !== used) return;
      this.#used.delete(context);
      if (this.#used.size === 0) this.#stopTicking();
    };
  }

  #begin(context: ReadContext): Used {
    const { access } = this.#parts;
    const used: Used = {
      permits: context.permits,
      token: undefined,
      endMs: endOfPermits(access, context),
      listeners: new Set(),
    };
    this.#used.set(context, used);
    // Somebody's rights may have changed between their question and now.
    queueMicrotask(() => {
      if (this.#used.get(context) === used) this.#look(context, used);
    });
    this.#tickLater(used);
    return used;
  }

  /** Something was done: whose rights it changed are told, and nobody else. */
  applied(): void {
    const { generation } = this.#parts.access;
    if (generation === this.#generation) return;
    this.#generation = generation;
    for (const [context, used] of this.#used) if (!this.#isUntouched(used)) this.#look(context, used);
  }

  /** Cheap for the many whom a change is not about. Policies that a token has are all there. */
  #isUntouched({ token, permits: { policies } }: Used): boolean {
    const { access } = this.#parts;
    if (token === undefined || access.token(token.name) !== token) return false;
    return policies.every((policy) => access.policy(policy.name) === policy);
  }

  #look(context: ReadContext, used: Used): void {
    const now = this.#now(context);
    if (now instanceof KeeperError) {
      this.#used.delete(context);
      if (this.#used.size === 0) this.#stopTicking();
    } else {
      const { access } = this.#parts;
      const { principal } = context;
      used.token =
        principal !== undefined && "token" in principal ? access.token(principal.token) : undefined;
      used.endMs = endOfPermits(access, context);
      this.#tickLater(used);
      const areSame = allowTheSame(used.permits, now);
      used.permits = now;
      if (areSame) return;
    }
    for (const listener of [...used.listeners]) listener(now);
  }

  #now(context: ReadContext): Permits | KeeperError {
    try {
      return permitsNow(this.#parts.access, context, this.#parts.timeMs());
    } catch (error) {
      if (error instanceof KeeperError) return error;
      throw error;
    }
  }

  #tickLater({ endMs }: Used): void {
    if (endMs === null || this.#cancelTick !== null) return;
    this.#cancelTick = this.#parts.clock.setTimer(tickMs, () => this.#tick());
  }

  #tick(): void {
    this.#cancelTick = null;
    const timeMs = this.#parts.timeMs();
    for (const [context, used] of this.#used) {
      if (used.endMs !== null && used.endMs <= timeMs) this.#look(context, used);
      else this.#tickLater(used);
    }
  }

  #stopTicking(): void {
    this.#cancelTick?.();
    this.#cancelTick = null;
  }
}
