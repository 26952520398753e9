// The sessions there are, as this server knows them: found by id, by token, and in the order of their ids. Whether one is there
// is what the log says, so they come and go with its transactions alone.

import type { Permits } from "../core/access/permits.ts";
import { isOwnedBy, type Session, sessionExpired } from "../core/session.ts";
import { SortedNames } from "../core/tree/sorted-names.ts";
import type { Deadline } from "./deadlines.ts";
import type { Alive } from "./liveness.ts";

export interface Member extends Alive {
  /** Its close is on the way to the log (N9). */
  closing: boolean;
  /** Somebody was told that it is gone: whatever becomes of the close, it does not come back. */
  toldExpired: boolean;
  /** Called at its end; absent where nobody's share was taken, or nobody knows whose. */
  giveBack?: () => void;
  /** By whom it was opened here, where that is known. */
  openedBy?: string;
  /** Who asked here for its close, as events name them. */
  closedBy?: string | null;
}

export class Members {
  readonly #byId = new Map<string, Member>();
  readonly #byTokenHash = new Map<string, Member>();
  readonly #ids = new SortedNames();

  get size(): number {
    return this.#byId.size;
  }

  /** That which was opened first, of those there are: each is added when it is opened. */
  get oldest(): Member | undefined {
    const [first] = this.#byId.values();
    return first;
  }

  add(session: Session, deadline: Deadline<string>): void {
    const member = { session, deadline, closing: false, toldExpired: false };
    this.#byId.set(session.id, member);
    this.#byTokenHash.set(session.tokenHash, member);
    this.#ids.add(session.id);
  }

  remove({ id, tokenHash }: Session): void {
    this.#byId.delete(id);
    this.#byTokenHash.delete(tokenHash);
    this.#ids.delete(id);
  }

  get(id: string): Member | undefined {
    return this.#byId.get(id);
  }

  byTokenHash(tokenHash: string): Member | undefined {
    return this.#byTokenHash.get(tokenHash);
  }

  /** Whether it is this one that is there, and not another that has come in its place. */
  has(member: Member): boolean {
    return this.#byId.get(member.session.id) === member;
  }

  /** @throws KeeperError `session_expired` when there is no such session */
  of(id: string): Member {
    const member = this.#byId.get(id);
    if (member === undefined) throw sessionExpired();
    return member;
  }

  /**
   * Whose token it is. Another's session is as one that is gone, whoever has its token; so is one that is being closed.
   * @throws KeeperError `session_expired`
   */
  ofToken(tokenHash: string, by: Permits): Member {
    const member = this.#byTokenHash.get(tokenHash);
    if (member === undefined || !isOwnedBy(member.session, by)) throw sessionExpired();
    if (member.closing) {
      member.toldExpired = true;
      throw sessionExpired();
    }
    return member;
  }

  /** In order of their ids, those behind this one. */
  *after(id: string): Generator<Member> {
    for (const next of this.#ids.from(id)) if (next !== id) yield this.of(next);
  }
}
