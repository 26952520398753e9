// How sessions end: on request, or for their silence. A session ends only by a transaction: until that is in the log it is
// there, and a close that the store refuses is no end.

import { KeeperError } from "../core/errors.ts";
import { systemContext } from "../core/reader.ts";
import type { Session } from "../core/session.ts";
import type { Commit } from "../core/txn.ts";
import type { Traced } from "../core/write-context.ts";
import type { Store } from "../store/store.ts";
import type { Liveness, Silence } from "./liveness.ts";
import type { Member, Members } from "./members.ts";
import type { Timeouts } from "./timeouts.ts";

/** A close the store refused is asked for again after this long. */
const closeRetryMs = 1000;
/** A log that answers later than this may have been out of reach meanwhile. */
const logAnswerMsMax = 500;

interface ClosingParts {
  readonly store: Store;
  readonly members: Members;
  readonly timeouts: Timeouts;
  readonly liveness: Liveness;
}

export class Closes {
  readonly #store: Store;
  readonly #members: Members;
  readonly #timeouts: Timeouts;
  readonly #liveness: Liveness;
  /** Who came due while the log did not answer, and was not heard of since. */
  readonly #spared = new Set<Member>();
  #refusedCount = 0;

  constructor({ store, members, timeouts, liveness }: ClosingParts) {
    this.#store = store;
    this.#members = members;
    this.#timeouts = timeouts;
    this.#liveness = liveness;
  }

  /** Ends that the store refused, and that are asked for again. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** It was heard of elsewhere, or is gone: that it was spared once counts no more. */
  forget(member: Member): void {
    this.#spared.delete(member);
  }

  /** From here on its requests are refused and no second close is asked for (N9). */
  async end(
    member: Member,
    reason: "session_closed" | "session_expired",
    traced: Traced = {},
  ): Promise<Commit<"closeSession">> {
    member.closing = true;
    this.#timeouts.remove(member.deadline);
    try {
      return await this.#close(member.session.id, reason, traced);
    } catch (error) {
      if (error instanceof KeeperError) this.#closeRefused(member);
      throw error;
    }
  }

  /** A refusal is not the end of it: the session waits to be looked at again. */
  async expire(member: Member): Promise<void> {
    const { id } = member.session;
    const session = this.#store.reader(systemContext).session(id) as Session;
    const silence = this.#liveness.silenceOf(session);
    try {
      if (silence.ifTouchedAt === undefined) await this.end(member, "session_expired");
      else await this.#endUnlessTouched(member, silence);
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
    }
  }

  /** Others may have heard of it: the log decides, and until then its requests are served as before. */
  async #endUnlessTouched(member: Member, silence: Silence): Promise<void> {
    const { id: sessionId } = member.session;
    try {
      if (!(await this.#couldBeHeard(member))) return;
      const close = {
        type: "closeSession",
        sessionId,
        reason: "session_expired",
        principal: "system",
      } as const;
      const { outcome } = await this.#store.submit({ ...close, ...silence });
      if (outcome.isTouched === true) this.#timeouts.putBack(member.deadline);
      else if (outcome.remaining !== undefined) await this.#close(sessionId, "session_expired");
    } catch (error) {
      if (error instanceof KeeperError) this.#closeRefused(member);
      throw error;
    }
  }

  /**
   * While the log does not answer, nobody can be heard of: who came due meanwhile has the whole timeout again, and the close
   * is not sent, lest it is in the log before their clients are. Once in a row: a log that is always slow keeps nobody
   * alive for ever. @throws KeeperError
   */
  async #couldBeHeard(member: Member): Promise<boolean> {
    const { clock } = this.#store;
    const askedMs = clock.monotonicMs();
    await this.#store.sync();
    if (!this.#members.has(member)) return false;
    const isSlow = clock.monotonicMs() - askedMs > logAnswerMsMax;
    if (!isSlow || this.#spared.delete(member)) return true;
    this.#spared.add(member);
    this.#timeouts.touch(member.deadline);
    this.#timeouts.putBack(member.deadline);
    return false;
  }

  /** Others are served between the parts of one that owns more than may go at once. */
  async #close(
    sessionId: string,
    reason: "session_closed" | "session_expired",
    traced: Traced = {},
  ): Promise<Commit<"closeSession">> {
    for (;;) {
      const commit = await this.#store.submit({
        type: "closeSession",
        sessionId,
        reason,
        principal: "system",
        ...traced,
      });
      if (commit.outcome.remaining === undefined) return commit;
    }
  }

  /**
   * The close is surely not in the log (the disk is full), so the session is still there and so are its ephemerals.
   * As long as nobody was told otherwise, a request revives it; if none comes, it is closed at a later try.
   */
  #closeRefused(member: Member): void {
    if (!this.#members.has(member)) return;
    this.#refusedCount += 1;
    member.closing = member.toldExpired;
    if (member.toldExpired) this.#timeouts.cutShort(member.deadline);
    this.#timeouts.putBack(member.deadline, closeRetryMs);
  }
}
