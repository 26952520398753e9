// Which sessions are alive. That a session exists is in the store; that somebody still speaks for it is heard here. What
// that costs, and when it counts, is up to its liveness. A session ends only by a transaction: until that is in the log it
// is there, and nothing here may say otherwise of its znodes.

import { isAdmin } from "../core/access/ask.ts";
import { openPermits, type Permits } from "../core/access/permits.ts";
import type { OpenSession } from "../core/command.ts";
import { type Standing, standingsOf } from "../core/coordination/claim-view.ts";
import { type Registered, registeredAt } from "../core/coordination/instances.ts";
import { KeeperError } from "../core/errors.ts";
import { type Reader, systemContext } from "../core/reader.ts";
import { isOwnedBy, type Session, sessionExpired } from "../core/session.ts";
import { SortedNames } from "../core/tree/sorted-names.ts";
import type { Cause, Commit, Note, Txn } from "../core/txn.ts";
import { type Asked, askedBy, followedBy, type Idempotency, type Traced } from "../core/write-context.ts";
import type { Histogram } from "../histogram.ts";
import { Shares } from "../shares.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import { hashToken, newSessionId, newToken, newTokenNonce, tokenFrom } from "./credentials.ts";
import { EndedSessions, endedSession } from "./ended-sessions.ts";
import type { Alive, Liveness, Silence } from "./liveness.ts";
import { defaultLoggedLivenessOptions, LoggedLiveness } from "./logged-liveness.ts";
import { MemoryLiveness } from "./memory-liveness.ts";
import { defaultReaperOptions, type ReaperOptions } from "./reaper.ts";
import { Timeouts } from "./timeouts.ts";

export interface SessionsOptions extends ReaperOptions {
  readonly timeoutMsMin: number;
  readonly timeoutMsMax: number;
  readonly timeoutMsDefault: number;
  /** Sessions of one client, of those it has opened here. */
  readonly sessionsPerClientMax: number;
}

const defaultSessionsOptions: SessionsOptions = {
  ...defaultReaperOptions,
  timeoutMsMin: 1000,
  timeoutMsMax: 3_600_000,
  timeoutMsDefault: 10_000,
  sessionsPerClientMax: Number.POSITIVE_INFINITY,
};

/** Characters of a session's name. */
export const sessionNameLengthMax = 255;
/** Tokens in one request that keeps many sessions alive. */
export const keepaliveTokensMax = 1000;
/** A close the store refused is asked for again after this long. */
const closeRetryMs = 1000;
/** A log that answers later than this may have been out of reach meanwhile. */
const logAnswerMsMax = 500;

export interface OpenedSession {
  readonly session: Session;
  /** Shown this once; only its hash is kept. */
  readonly token: string;
  readonly validForMs: number;
  readonly zxid: number;
  /** It was opened before, by a request with the same key. */
  readonly replayed?: true;
}

interface OpenRequest extends Asked {
  readonly timeoutMs?: number;
  readonly name?: string;
  /** Whose share of the sessions it takes; nobody's without. */
  readonly client?: string;
}

/** Of what was asked what the command says of who asks, and nothing else. */
function whose({ principal, client, traceparent, [followedBy]: follower }: OpenRequest) {
  return {
    ...(principal !== undefined && { principal }),
    ...(client !== undefined && { [askedBy]: client }),
    ...(traceparent !== undefined && { traceparent }),
    ...(follower !== undefined && { [followedBy]: follower }),
  };
}

/** The key of a request to open a session, if it has one. */
interface KeyedOpen {
  readonly key: string;
  idempotencyAt(): Idempotency;
}

export interface Keepalive {
  readonly id: string;
  readonly timeoutMs: number;
  /** Counts from when the client sent the request, which was earlier than the touch it made. */
  readonly validForMs: number;
  readonly zxid: number;
}

export interface SessionSummary {
  readonly id: string;
  readonly name: string;
  readonly state: "open" | "closing";
  readonly timeoutMs: number;
  /** 0 once it is overdue. */
  readonly remainingMs: number;
  readonly openedAtMs: number;
  readonly openedZxid: number;
  readonly ephemeralCount: number;
}

export interface SessionDescription extends SessionSummary {
  /** In code-unit order. */
  readonly ephemerals: readonly string[];
  /** Those of them that are claims on locks or candidates of elections. */
  readonly claims: readonly Standing[];
  /** Those of them that are instances of services. */
  readonly instances: readonly Registered[];
  /** There are more ephemerals, after this one; null at the end. */
  readonly next: string | null;
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

interface Member extends Alive {
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

export class Sessions {
  readonly #store: Store;
  readonly #options: SessionsOptions;
  readonly #timeouts: Timeouts;
  readonly #liveness: Liveness;
  readonly #members = new Map<string, Member>();
  readonly #membersByTokenHash = new Map<string, Member>();
  readonly #ids = new SortedNames();
  readonly #shares: Shares;
  readonly #endedListeners = new Map<string, Set<(ended: Ended) => void>>();
  readonly #restored: number;
  /** What is remembered of those that are gone. */
  readonly ended: EndedSessions;
  #opened = 0;
  #closed = 0;
  #expired = 0;
  /** Who came due while the log did not answer, and was not heard of since. */
  readonly #spared = new Set<Member>();
  #closesRefused = 0;

  /** Every session of the store has its full timeout, which does not run before `start` (N13). */
  constructor(store: Store, options: Partial<SessionsOptions> = {}) {
    this.#store = store;
    this.#options = { ...defaultSessionsOptions, ...options };
    this.#shares = new Shares({
      limit: "sessionsPerClientMax",
      limitValue: this.#options.sessionsPerClientMax,
      what: "open sessions",
    });
    this.ended = new EndedSessions(store.clock.wallMs());
    this.#timeouts = new Timeouts(store.clock, this.#options, (id) => void this.#expire(this.#member(id)));
    this.#liveness = store.isShared
      ? new LoggedLiveness(store, defaultLoggedLivenessOptions)
      : new MemoryLiveness(({ deadline }) => this.#timeouts.touch(deadline));
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
  async open(request: OpenRequest = {}, keyed?: KeyedOpen): Promise<OpenedSession> {
    const { timeoutMs: wishedMs = this.#options.timeoutMsDefault, name = "" } = request;
    assertNameLength(name);
    const timeoutMs = Math.min(Math.max(wishedMs, this.#options.timeoutMsMin), this.#options.timeoutMsMax);
    const base = {
      type: "openSession",
      sessionId: newSessionId(),
      timeoutMs,
      name,
      ...whose(request),
    } as const;
    if (keyed !== undefined) return await this.#openOnce(base, keyed);
    const token = newToken();
    const commit = await this.#submit({ ...base, tokenHash: hashToken(token) });
    return { session: commit.outcome.session, token, validForMs: timeoutMs, zxid: commit.zxid };
  }

  /** The share is taken before the session is there, so that no burst gets past it. */
  async #submit(open: OpenSession): Promise<Commit<"openSession">> {
    const client = open[askedBy];
    // Whoever lost the answer is told it again, how many sessions it may have.
    const isCounted = client !== undefined && (this.#shares.hasRoom(client) || !this.#store.isRepeated(open));
    const giveBack = isCounted ? this.#shares.take(client) : () => {};
    try {
      const commit = await this.#store.submit(open);
      const member = this.#members.get(commit.outcome.session.id);
      if (isCounted && member !== undefined && member.giveBack === undefined) {
        member.giveBack = giveBack;
        member.openedBy = client;
      } else giveBack();
      return commit;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** The token is made of the key and of what is kept, so that whoever lost the answer is told it again (D19). */
  async #openOnce(base: Omit<OpenSession, "tokenHash">, keyed: KeyedOpen): Promise<OpenedSession> {
    const tokenNonce = newTokenNonce();
    const tokenHash = hashToken(tokenFrom(tokenNonce, keyed.key));
    const open = { ...base, tokenHash, tokenNonce, idempotency: keyed.idempotencyAt() };
    const { outcome, zxid, replayed } = await this.#submit(open);
    const { session } = outcome;
    const token = tokenFrom(outcome.tokenNonce ?? tokenNonce, keyed.key);
    if (replayed !== true) return { session, token, validForMs: session.timeoutMs, zxid };
    // What is answered counts from this request, so this request must count for the session, if it is still there.
    const member = this.#membersByTokenHash.get(session.tokenHash);
    if (member !== undefined && !member.closing) await this.#liveness.confirm(member);
    return { session, token, validForMs: session.timeoutMs, zxid, replayed };
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
    return !this.#membersByTokenHash.has(hashToken(token));
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
    return await this.#end(member, "session_closed", traced);
  }

  /**
   * Who looks at a session that is not their own must be an admin.
   * @throws KeeperError `session_expired`, as for one that is gone
   */
  refuseOthers(id: string, permits: Permits): void {
    if (!isOwnedBy(this.#member(id).session, permits) && !isAdmin(permits)) throw sessionExpired();
  }

  /** @throws KeeperError `session_expired` when there is no such session */
  summary(id: string, reader: Reader): SessionSummary {
    return this.#summaryOf(this.#member(id), reader);
  }

  /**
   * With a page of what it owns, after this path; `next` is where to go on.
   * @throws KeeperError `session_expired` when there is no such session
   */
  describe(
    id: string,
    reader: Reader,
    { after = "", limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {},
  ): SessionDescription {
    const summary = this.summary(id, reader);
    const owned = [...reader.ephemeralsOf(id)].filter((path) => path > after).sort();
    const ephemerals = owned.slice(0, limit);
    const [claims, instances] = [standingsOf(reader, ephemerals), registeredAt(reader, ephemerals)];
    const next = owned.length > limit ? (ephemerals.at(-1) ?? null) : null;
    return { ...summary, ephemerals, claims, instances, next };
  }

  /** Sessions in order of their ids; `next` is where to go on, null at the end. */
  list(reader: Reader, { after = "", limit }: { after?: string; limit: number }) {
    const sessions: SessionSummary[] = [];
    for (const id of this.#ids.from(after)) {
      if (id === after) continue;
      if (sessions.length === limit) return { sessions, next: sessions.at(-1)?.id ?? null };
      sessions.push(this.#summaryOf(this.#member(id), reader));
    }
    return { sessions, next: null };
  }

  /**
   * Calls back once, when the session's end is durable. Listening does not keep the session alive (N7).
   * Returns a function that stops listening.
   * @throws KeeperError `session_expired` when there is no such session
   */
  onEnded(id: string, listener: (ended: Ended) => void): () => void {
    this.#member(id);
    const listeners = this.#endedListeners.get(id) ?? new Set();
    this.#endedListeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#endedListeners.delete(id);
    };
  }

  /** That which was opened first, of those there are. */
  get oldest(): Session | undefined {
    // Each is admitted when it is opened: they are in the order in which they were.
    const [first] = this.#members.values();
    return first?.session;
  }

  stats(): SessionsStats {
    const { latenessMsMax, freshCount, stalls } = this.#timeouts;
    const { sessionsPerClientMax: max } = this.#options;
    return {
      ...{ ofOneClient: this.#shares.largest, ofOneClientMax: Number.isFinite(max) ? max : 0 },
      ...{ open: this.#members.size, restored: this.#restored, freshTimeoutsTotal: freshCount },
      ...{ openedTotal: this.#opened, closedTotal: this.#closed, expiredTotal: this.#expired },
      refusedClosesTotal: this.#closesRefused,
      expiryLatenessMsMax: latenessMsMax,
      ...{ stallsTotal: stalls.count, stalledMsTotal: stalls.totalMs },
    };
  }

  /** How late it was noticed that timeouts had ended. */
  get expiryLatenessMs(): Histogram {
    return this.#timeouts.latenessMs;
  }

  /** Another's session is as one that is gone, whoever has its token. */
  #findBy(token: string, by: Permits): Member {
    const member = this.#membersByTokenHash.get(hashToken(token));
    if (member === undefined || !isOwnedBy(member.session, by)) throw sessionExpired();
    if (member.closing) {
      member.toldExpired = true;
      throw sessionExpired();
    }
    return member;
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

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw sessionExpired();
    return member;
  }

  #keptAlive(member: Member): Keepalive | Promise<Keepalive> {
    const confirmed = this.#liveness.confirm(member);
    return confirmed === null ? this.#keepaliveOf(member) : confirmed.then(() => this.#keepaliveOf(member));
  }

  #keepaliveOf({ session: { id, timeoutMs } }: Member): Keepalive {
    return { id, timeoutMs, validForMs: timeoutMs, zxid: this.#store.zxid };
  }

  #summaryOf({ session, deadline, closing }: Member, reader: Reader): SessionSummary {
    const { id, name, timeoutMs, openedAtMs, openedZxid } = session;
    const remainingMs = this.#timeouts.remainingMs(deadline);
    const ephemeralCount = reader.ephemeralsOf(id).size;
    const state = closing ? "closing" : "open";
    return { id, name, state, timeoutMs, remainingMs, openedAtMs, openedZxid, ephemeralCount };
  }

  /** A refusal is not the end of it: the session waits to be looked at again. */
  async #expire(member: Member): Promise<void> {
    const { id } = member.session;
    const session = this.#store.reader(systemContext).session(id) as Session;
    const silence = this.#liveness.silenceOf(session);
    try {
      if (silence.ifTouchedAt === undefined) await this.#end(member, "session_expired");
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
    if (this.#members.get(member.session.id) !== member) return false;
    const isSlow = clock.monotonicMs() - askedMs > logAnswerMsMax;
    if (!isSlow || this.#spared.delete(member)) return true;
    this.#spared.add(member);
    this.#timeouts.touch(member.deadline);
    this.#timeouts.putBack(member.deadline);
    return false;
  }

  /** What others have heard of counts from when it is known here. */
  #hear(notes: readonly Note[]): void {
    for (const note of notes) {
      const member = note.type === "sessionTouched" ? this.#members.get(note.session.id) : undefined;
      if (member === undefined) continue;
      this.#spared.delete(member);
      this.#timeouts.touch(member.deadline);
    }
  }

  /** From here on its requests are refused and no second close is asked for (N9). */
  async #end(
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
    if (this.#members.get(member.session.id) !== member) return;
    this.#closesRefused += 1;
    member.closing = member.toldExpired;
    if (member.toldExpired) this.#timeouts.cutShort(member.deadline);
    this.#timeouts.putBack(member.deadline, closeRetryMs);
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
    const member = {
      session,
      deadline: this.#timeouts.add(session.id, session.timeoutMs),
      closing: false,
      toldExpired: false,
    };
    this.#members.set(session.id, member);
    this.#membersByTokenHash.set(session.tokenHash, member);
    this.#ids.add(session.id);
  }

  #remember(session: Session, { cause, zxid, timeMs, changes }: Txn): void {
    const { deadline, openedBy, closedBy } = this.#member(session.id);
    const reason = cause === "session_expired" ? "expired" : "closed";
    const ephemeralCount = changes.filter(({ type }) => type === "deleted").length;
    const silentMs = this.#timeouts.silentMs(deadline);
    const facts = { reason, zxid, endedAtMs: timeMs, ephemeralCount, silentMs, openedBy } as const;
    // A close that was refused leaves a session that may still expire.
    this.ended.add(endedSession(session, { ...facts, closedBy: reason === "closed" ? closedBy : undefined }));
  }

  #dismiss({ id, tokenHash }: Session, ended: Ended): void {
    const member = this.#member(id);
    this.#timeouts.remove(member.deadline);
    member.giveBack?.();
    this.#members.delete(id);
    this.#spared.delete(member);
    this.#membersByTokenHash.delete(tokenHash);
    this.#ids.delete(id);
    if (ended.reason === "session_expired") this.#expired += 1;
    else this.#closed += 1;
    const listeners = this.#endedListeners.get(id) ?? [];
    this.#endedListeners.delete(id);
    for (const listener of listeners) listener(ended);
  }
}

function assertNameLength(name: string): void {
  if (name.length <= sessionNameLengthMax) return;
  throw new KeeperError(
    "bad_request",
    `A session's name has at most ${sessionNameLengthMax} characters; this one has ${name.length}.`,
    { limit: "sessionNameLengthMax", limitValue: sessionNameLengthMax, size: name.length },
  );
}

function tooManyTokens(count: number): KeeperError {
  return new KeeperError(
    "too_many_operations",
    `One request can keep at most ${keepaliveTokensMax} sessions alive; this one names ${count}.`,
    { limit: "keepaliveTokensMax", limitValue: keepaliveTokensMax, size: count },
  );
}
