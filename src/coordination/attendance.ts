// Somebody who asks and may wait for the answer: for so long, as long as it is there, and with its session kept alive
// meanwhile. How it came here, and how it is told, is not known here.

import type { Clock } from "../clock.ts";
import { inTree } from "../core/access/root-paths.ts";
import { KeeperError } from "../core/errors.ts";
import type { ReadContext } from "../core/reader.ts";
import type { Session } from "../core/session.ts";
import { rootPath } from "../core/tree/path.ts";
import type { OfNamespace } from "../core/write-context.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Suspension } from "../store/suspension.ts";
import type { Wait } from "./waits.ts";

export interface Asker {
  /** For whom what there is is read. */
  readonly context: ReadContext;
  /** Of the session it acts for, if any. */
  readonly token: string | undefined;
  /** Whether it comes back for its place when it has gone before the answer: then the place is kept. */
  readonly comesBack: boolean;
  /** How long it waits at most. */
  readonly waitMs: number;
  /** It waits on while the log is out of reach: what was last known is good enough for it. */
  readonly takesStale?: boolean;
}

interface AttendanceParts {
  readonly clock: Clock;
  readonly sessions: Pick<Sessions, "authenticate" | "confirm">;
  readonly suspension: Pick<Suspension, "isOn" | "follow">;
  /** Lets one more in that may wait, and returns what ends that. @throws KeeperError `throttled` when too many do */
  readonly admitWaiter: () => () => void;
}

export class Attendance {
  readonly context: ReadContext;
  readonly waitMs: number;
  /** Whether it comes back for its place: then no request gives the place up. */
  readonly comesBack: boolean;
  /** Resolves when it has gone before the answer. */
  readonly left: Promise<void>;
  readonly #parts: AttendanceParts;
  readonly #token: string | undefined;
  readonly #takesStale: boolean;
  readonly #arrivedMs: number;
  readonly #leave: () => void;
  readonly #stopWaiting: () => void;
  #hasLeft = false;
  #refusal: KeeperError | null = null;

  /** Before anything is done for it, since who is refused must have done nothing. @throws KeeperError `throttled` */
  constructor(parts: AttendanceParts, { context, token, comesBack, waitMs, takesStale = false }: Asker) {
    this.#parts = parts;
    this.#token = token;
    this.#takesStale = takesStale;
    this.#arrivedMs = parts.clock.monotonicMs();
    this.context = context;
    this.waitMs = waitMs;
    this.comesBack = comesBack;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.left = promise;
    this.#leave = resolve;
    this.#stopWaiting = waitMs > 0 ? parts.admitWaiter() : () => {};
  }

  /** The path in the whole tree of one that the asker names. */
  inTree(path: string): string {
    return inTree(this.context.permits.root, path);
  }

  /** For what the service does in their place; empty where their tree is the whole one. */
  get namespace(): OfNamespace {
    const { root } = this.context.permits;
    return root === rootPath ? {} : { root };
  }

  /** It was answered, or it has gone. Harmless when repeated. */
  end({ isAnswered }: { readonly isAnswered: boolean }): void {
    this.#stopWaiting();
    if (isAnswered) return;
    this.#hasLeft = true;
    this.#leave();
  }

  /** It may not be told the answer, or not any more: what it has asked for goes on as if it had gone. */
  refuse(refusal: KeeperError): void {
    this.#refusal ??= refusal;
    this.end({ isAnswered: false });
  }

  /** @throws KeeperError where it may not be told the answer */
  assertMayBeTold(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  /** Whether it has gone before the answer. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Renews it. Undefined where it acts for none. @throws KeeperError `session_expired` */
  session(): Session | undefined {
    return this.#token === undefined
      ? undefined
      : this.#parts.sessions.authenticate(this.#token, this.context.permits);
  }

  /**
   * Waits until it ends, the time is up, the asker has gone or the log is out of reach, since nothing can be heard of then;
   * null but for the first of these.
   * @param begin called when the session was found alive
   * @throws KeeperError `session_expired`, and what `begin` throws
   */
  async waitFor<End>(begin: () => Wait<End>): Promise<End | null> {
    const session = this.session();
    const wait = begin();
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const cancelTimer = this.#parts.clock.setTimer(this.waitMs, resolve);
    const stopHeedingReach = this.#takesStale ? () => {} : this.#whenOutOfReach(resolve);
    const stopRenewing = session === undefined ? () => {} : this.#renewWhileWaiting(session);
    const nothing = Promise.race([timeUp, this.left]).then(() => null);
    const end = await Promise.race([wait.end, nothing]);
    stopRenewing();
    stopHeedingReach();
    cancelTimer();
    wait.leave();
    return end;
  }

  #whenOutOfReach(onSuspended: () => void): () => void {
    const { suspension } = this.#parts;
    const look = () => {
      if (suspension.isOn) onSuspended();
    };
    look();
    return suspension.follow(look);
  }

  /** It can do nothing else with the session while it waits here: waiting is a sign of life. */
  #renewWhileWaiting({ timeoutMs }: Session): () => void {
    let cancel = () => {};
    const renewLater = () => {
      cancel = this.#parts.clock.setTimer(timeoutMs / 3, renew);
    };
    const renew = () => {
      try {
        this.session();
        renewLater();
      } catch (error) {
        // Its places go with it, and the wait ends by that.
        if (!(error instanceof KeeperError)) throw error;
      }
    };
    renewLater();
    return () => cancel();
  }

  /**
   * How long the session is surely alive, counted from when it asked: it is renewed now, and that was not earlier than its
   * arrival plus the time spent here. Where that cannot be said, it is refused, whatever it holds.
   */
  async validForMs(): Promise<number> {
    const spentMs = Math.floor(this.#parts.clock.monotonicMs() - this.#arrivedMs);
    if (this.#token === undefined) return spentMs;
    try {
      return spentMs + (await this.#parts.sessions.confirm(this.#token, this.context.permits)).timeoutMs;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.refuse(error);
      return 0;
    }
  }
}
