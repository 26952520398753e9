// How sessions come to be: what their clients wish is granted within bounds, a request with a key opens one session however
// often it is sent, and no client has more than its share.

import type { OpenSession } from "../core/command.ts";
import { KeeperError } from "../core/errors.ts";
import type { Session } from "../core/session.ts";
import type { Commit } from "../core/txn.ts";
import { type Asked, askedBy, followedBy, type Idempotency } from "../core/write-context.ts";
import { Shares } from "../shares.ts";
import type { Store } from "../store/store.ts";
import { hashToken, newSessionId, newToken, newTokenNonce, tokenFrom } from "./credentials.ts";
import type { Liveness } from "./liveness.ts";
import type { Members } from "./members.ts";

export interface OpeningOptions {
  readonly timeoutMsMin: number;
  readonly timeoutMsMax: number;
  readonly timeoutMsDefault: number;
  /** Sessions of one client, of those it has opened here. */
  readonly sessionsPerClientMax: number;
}

export const defaultOpeningOptions: OpeningOptions = {
  timeoutMsMin: 1000,
  timeoutMsMax: 3_600_000,
  timeoutMsDefault: 10_000,
  sessionsPerClientMax: Number.POSITIVE_INFINITY,
};

/** Characters of a session's name. */
export const sessionNameLengthMax = 255;

export interface OpenedSession {
  readonly session: Session;
  /** Shown this once; only its hash is kept. */
  readonly token: string;
  readonly validForMs: number;
  readonly zxid: number;
  /** It was opened before, by a request with the same key. */
  readonly replayed?: true;
}

export interface OpenRequest extends Asked {
  readonly timeoutMs?: number;
  readonly name?: string;
  /** Whose share of the sessions it takes; nobody's without. */
  readonly client?: string;
}

/** The key of a request to open a session, if it has one. */
export interface KeyedOpen {
  readonly key: string;
  idempotencyAt(): Idempotency;
}

interface OpeningParts {
  readonly store: Store;
  readonly members: Members;
  readonly liveness: Liveness;
}

export class Openings {
  readonly #store: Store;
  readonly #members: Members;
  readonly #liveness: Liveness;
  readonly #options: OpeningOptions;
  readonly #shares: Shares;

  constructor({ store, members, liveness }: OpeningParts, options: OpeningOptions) {
    this.#store = store;
    this.#members = members;
    this.#liveness = liveness;
    this.#options = options;
    this.#shares = new Shares({
      limit: "sessionsPerClientMax",
      limitValue: options.sessionsPerClientMax,
      what: "open sessions",
    });
  }

  /** Of the client that has opened most sessions here, and what one client may have; 0 for no bound. */
  get shares(): { readonly ofOneClient: number; readonly ofOneClientMax: number } {
    const { sessionsPerClientMax: max } = this.#options;
    return { ofOneClient: this.#shares.largest, ofOneClientMax: Number.isFinite(max) ? max : 0 };
  }

  /**
   * Resolves once the session is durable: it may be used from then on (N2). With a key it is opened once.
   * @throws KeeperError `throttled` when its client has enough
   */
  async open(request: OpenRequest, keyed?: KeyedOpen): Promise<OpenedSession> {
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
    const member = this.#members.byTokenHash(session.tokenHash);
    if (member !== undefined && !member.closing) await this.#liveness.confirm(member);
    return { session, token, validForMs: session.timeoutMs, zxid, replayed };
  }
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

function assertNameLength(name: string): void {
  if (name.length <= sessionNameLengthMax) return;
  throw new KeeperError(
    "bad_request",
    `A session's name has at most ${sessionNameLengthMax} characters; this one has ${name.length}.`,
    { limit: "sessionNameLengthMax", limitValue: sessionNameLengthMax, size: name.length },
  );
}
