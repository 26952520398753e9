// Which sessions are alive. That a session exists is in the store; that somebody still speaks for it is heard here. What
// that costs, and when it counts, is up to its liveness. A session ends only by a transaction: until that is in the log it
// is there, and nothing here may say otherwise of its znodes.

import { isAdmin } from "../core/access/ask.ts";
import { openPermits, type Permits } from "../core/access/permits.ts";
import { KeeperError } from "../core/errors.ts";
import { type Reader, systemContext } from "../core/reader.ts";
import { isOwnedBy, type Session, sessionExpired } from "../core/session.ts";
import type { Cause, Commit, Note, Txn } from "../core/txn.ts";
import type { Traced } from "../core/write-context.ts";
import type { Histogram } from "../histogram.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import { Closes } from "./closes.ts";
import { hashToken } from "./credentials.ts";
import { EndedSessions, endedSession } from "./ended-sessions.ts";
import type { Liveness } from "./liveness.ts";
import { defaultLoggedLivenessOptions, LoggedLiveness } from "./logged-liveness.ts";
import { type Member, Members } from "./members.ts";
import { MemoryLiveness } from "./memory-liveness.ts";
import {
  defaultOpeningOptions,
  type KeyedOpen,
  type OpenedSession,
  type OpeningOptions,
  Openings,
  type OpenRequest,
} from "./openings.ts";
import { defaultReaperOptions, type ReaperOptions } from "./reaper.ts";
import { descriptionOf, type SessionDescription, type SessionSummary, summaryOf } from "./session-views.ts";
import { Timeouts } from "./timeouts.ts";

export interface SessionsOptions extends ReaperOptions, OpeningOptions {}

const defaultSessionsOptions: SessionsOptions = { ...defaultReaperOptions, ...defaultOpeningOptions };

/** Tokens in one request that keeps many sessions alive. */
export const keepaliveTokensMax = 1000;

export interface Keepalive {
  readonly id: string;
  readonly timeoutMs: number;
  /** Counts from when the client sent the request, which was earlier than the touch it made. */
  readonly validForMs: number;
  readonly zxid: number;
}

/** How a session ended, as its owner's stream is told. */
export interface Ended {
  readonly reason: Cause;
  readonly zxid: number;
}

/** Who is alive. Totals count since the start. */
export interface SessionsStats {
  readonly open: number;
  /** Of the client that has opened most of them here, and what one client may have; 0 for no bound. */
  readonly ofOneClient: number;
  readonly ofOneClientMax: number;
  /** Sessions found in the store at the start. */
  readonly restored: number;
  /** Timeouts that began anew in full because this server took up measuring them, at its start or later (N13). */
  readonly freshTimeoutsTotal: number;
  readonly openedTotal: number;
  readonly closedTotal: number;
  readonly expiredTotal: number;
  /** Ends that the store refused, and that are asked for again. */
  readonly refusedClosesTotal: number;
  /** Between the end of a timeout and the decision to expire, at worst. */
  readonly expiryLatenessMsMax: number;
  /** Pauses of the process, which are held against no session. */
  readonly stallsTotal: number;
  readonly stalledMsTotal: number;
}

export class Sessions {
  readonly #store: Store;
  readonly #timeouts: Timeouts;
  readonly #liveness: Liveness;
  readonly #members = new Members();
  readonly #openings: Openings;
  readonly #closes: Closes;
  readonly #endedListeners = new Map<string, Set<(ended: Ended) => void>>();
  readonly #restored: number;
  /** What is remembered of those that are gone. */
  readonly ended: EndedSessions;
  #opened = 0;
  #closed = 0;
  #expired = 0;

  /** Every session of the store has its full timeout, which does not run before `start` (N13). */
  constructor(store: Store, wished: Partial<SessionsOptions> = {}) {
    const options = { ...defaultSessionsOptions, ...wished };
    this.#store = store;
    this.ended = new EndedSessions(store.clock.wallMs());
    this.#timeouts = new Timeouts(
      store.clock,
      options,
      (id) => void this.#closes.expire(this.#members.of(id)),
    );
    this.#liveness = store.isShared
      ? new LoggedLiveness(store, defaultLoggedLivenessOptions)
      : new MemoryLiveness(({ deadline }) => this.#timeouts.touch(deadline));
    const parts = { store, members: this.#members, timeouts: this.#timeouts, liveness: this.#liveness };
    this.#openings = new Openings(parts, options);
    this.#closes = new Closes(parts);
    const found = [...store.reader(systemContext).sessions()];
    for (const session of found.sort((a, b) => a.openedZxid - b.openedZxid)) this.#admit(session);
    this.#restored = this.#members.size;
    store.onApplied((applied) => this.#follow(applied));
    store.onNoted((notes) => this.#hear(notes));
  }

  /** Measures silence and has it end sessions, from now on: all have their full timeout. */
  start(): void {
    this.#timeouts.start();
  }

  /** Nothing expires any more; the sessions stay open for the next start. */
  stop(): void {
    this.#timeouts.stop();
  }

  /** Nothing is heard of any session any more. */
  dispose(): void {
    if (this.#timeouts.isRunning) this.stop();
    this.#liveness.stop();
  }

  /**
   * Resolves once the session is durable: it may be used from then on (N2). With a key it is opened once.
   * @throws KeeperError `throttled` when its client has enough
   */
  open(request: OpenRequest = {}, keyed?: KeyedOpen): Promise<OpenedSession> {
    return this.#openings.open(request, keyed);
  }

  /**
   * The session a request acts for. Whatever the request asks and however it ends, it has renewed the session (N7).
   * @throws KeeperError `session_expired`, in the same words for every way a session can be gone (N5)
   */
  authenticate(token: string, by: Permits = openPermits): Session {
    return this.#touched(this.#findBy(token, by)).session;
  }

  /**
   * Like `authenticate`, for a request that is answered with how long the session is surely alive. Resolves when its whole
   * timeout, counted from the call, may be promised; a session when it may be at once.
   * @throws KeeperError `session_expired`, and what a log that takes nothing now says
   */
  confirm(token: string, by: Permits = openPermits): Session | Promise<Session> {
    const member = this.#findBy(token, by);
    const confirmed = this.#liveness.confirm(member);
    return confirmed === null ? member.session : confirmed.then(() => member.session);
  }

  /** Whether a token may be of a session that another server has opened, and that is still to be heard of here. */
  mayBeElsewhere(token: string | readonly string[] | undefined): boolean {
    if (typeof token !== "string" || !this.#store.isShared) return false;
    return this.#members.byTokenHash(hashToken(token)) === undefined;
  }

  keepalive(id: string, token: string, by: Permits = openPermits): Keepalive | Promise<Keepalive> {
    return this.#keptAlive(this.#find(id, token, by));
  }

  /** One result for each token, in their order: one session's end says nothing about the others. */
  async keepaliveMany(
    tokens: readonly string[],
    by: Permits = openPermits,
  ): Promise<(Keepalive | KeeperError)[]> {
    if (tokens.length > keepaliveTokensMax) throw tooManyTokens(tokens.length);
    const asked = tokens.map(async (token) => await this.#keptAlive(this.#findBy(token, by)));
    return (await Promise.allSettled(asked)).map((result) => {
      if (result.status === "fulfilled") return result.value;
      if (result.reason instanceof KeeperError) return result.reason;
      throw result.reason;
    });
  }

  /** Resolves when the session and all its ephemerals are gone, in one transaction (N10, N11). */
  async close(
    id: string,
    token: string,
    by: Permits = openPermits,
    traced: Traced = {},
  ): Promise<Commit<"closeSession">> {
    const member = this.#find(id, token, by);
    member.closedBy = by.by;
    return await this.#closes.end(member, "session_closed", traced);
  }

  /**
   * Who looks at a session that is not their own must be an admin.
   * @throws KeeperError `session_expired`, as for one that is gone
   */
  refuseOthers(id: string, permits: Permits): void {
    if (!isOwnedBy(this.#members.of(id).session, permits) && !isAdmin(permits)) throw sessionExpired();
  }

  /** @throws KeeperError `session_expired` when there is no such session */
  summary(id: string, reader: Reader): SessionSummary {
    return this.#summaryOf(this.#members.of(id), reader);
  }

  /**
   * With a page of what it owns, after this path; `next` is where to go on.
   * @throws KeeperError `session_expired` when there is no such session
   */
  describe(id: string, reader: Reader, page: { after?: string; limit?: number } = {}): SessionDescription {
    return descriptionOf(this.summary(id, reader), reader, page);
  }

  /** Sessions in order of their ids; `next` is where to go on, null at the end. */
  list(reader: Reader, { after = "", limit }: { after?: string; limit: number }) {
    const sessions: SessionSummary[] = [];
    for (const member of this.#members.after(after)) {
      if (sessions.length === limit) return { sessions, next: sessions.at(-1)?.id ?? null };
      sessions.push(this.#summaryOf(member, reader));
    }
    return { sessions, next: null };
  }

  /**
   * Calls back once, when the session's end is durable. Listening does not keep the session alive (N7).
   * Returns a function that stops listening.
   * @throws KeeperError `session_expired` when there is no such session
   */
  onEnded(id: string, listener: (ended: Ended) => void): () => void {
    this.#members.of(id);
    const listeners = this.#endedListeners.get(id) ?? new Set();
    this.#endedListeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#endedListeners.delete(id);
    };
  }

  /** That which was opened first, of those there are. */
  get oldest(): Session | undefined {
    return this.#members.oldest?.session;
  }

  stats(): SessionsStats {
    const { latenessMsMax, freshCount, stalls } = this.#timeouts;
    return {
      ...this.#openings.shares,
      ...{ open: this.#members.size, restored: this.#restored, freshTimeoutsTotal: freshCount },
      ...{ openedTotal: this.#opened, closedTotal: this.#closed, expiredTotal: this.#expired },
      refusedClosesTotal: this.#closes.refusedCount,
      expiryLatenessMsMax: latenessMsMax,
      ...{ stallsTotal: stalls.count, stalledMsTotal: stalls.totalMs },
    };
  }

  /** How late it was noticed that timeouts had ended. */
  get expiryLatenessMs(): Histogram {
    return this.#timeouts.latenessMs;
  }

  #findBy(token: string, by: Permits): Member {
    return this.#members.ofToken(hashToken(token), by);
  }

  #touched(member: Member): Member {
    this.#liveness.touch(member);
    return member;
  }

  #find(id: string, token: string, by: Permits): Member {
    const member = this.#findBy(token, by);
    if (member.session.id !== id) throw sessionExpired();
    return member;
  }

  #keptAlive(member: Member): Keepalive | Promise<Keepalive> {
    const confirmed = this.#liveness.confirm(member);
    return confirmed === null ? this.#keepaliveOf(member) : confirmed.then(() => this.#keepaliveOf(member));
  }

  #keepaliveOf({ session: { id, timeoutMs } }: Member): Keepalive {
    return { id, timeoutMs, validForMs: timeoutMs, zxid: this.#store.zxid };
  }

  #summaryOf(member: Member, reader: Reader): SessionSummary {
    return summaryOf(member, this.#timeouts.remainingMs(member.deadline), reader);
  }

  /** What others have heard of counts from when it is known here. */
  #hear(notes: readonly Note[]): void {
    for (const note of notes) {
      const member = note.type === "sessionTouched" ? this.#members.get(note.session.id) : undefined;
      if (member === undefined) continue;
      this.#closes.forget(member);
      this.#timeouts.touch(member.deadline);
    }
  }

  /** Membership is what the log says, whoever asked for it. */
  #follow(applied: readonly Applied[]): void {
    for (const { txn } of applied) {
      for (const change of txn.changes) {
        if (change.type === "sessionOpened") {
          this.#opened += 1;
          this.#admit(change.session);
        } else if (change.type === "sessionClosed") {
          this.#remember(change.session, txn);
          this.#dismiss(change.session, { reason: txn.cause, zxid: txn.zxid });
        }
      }
    }
  }

  #admit(session: Session): void {
    this.#members.add(session, this.#timeouts.add(session.id, session.timeoutMs));
  }

  #remember(session: Session, { cause, zxid, timeMs, changes }: Txn): void {
    const { deadline, openedBy, closedBy } = this.#members.of(session.id);
    const reason = cause === "session_expired" ? "expired" : "closed";
    const ephemeralCount = changes.filter(({ type }) => type === "deleted").length;
    const silentMs = this.#timeouts.silentMs(deadline);
    const facts = { reason, zxid, endedAtMs: timeMs, ephemeralCount, silentMs, openedBy } as const;
    // A close that was refused leaves a session that may still expire.
    this.ended.add(endedSession(session, { ...facts, closedBy: reason === "closed" ? closedBy : undefined }));
  }

  #dismiss(session: Session, ended: Ended): void {
    const { id } = session;
    const member = this.#members.of(id);
    this.#timeouts.remove(member.deadline);
    member.giveBack?.();
    this.#members.remove(session);
    this.#closes.forget(member);
    if (ended.reason === "session_expired") this.#expired += 1;
    else this.#closed += 1;
    const listeners = this.#endedListeners.get(id) ?? [];
    this.#endedListeners.delete(id);
    for (const listener of listeners) listener(ended);
  }
}

function tooManyTokens(count: number): KeeperError {
  return new KeeperError(
    "too_many_operations",
    `One request can keep at most ${keepaliveTokensMax} sessions alive; this one names ${count}.`,
    { limit: "keepaliveTokensMax", limitValue: keepaliveTokensMax, size: count },
  );
}
