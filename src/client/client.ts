// The client: how programs, on Node and in browsers, use a treekeeper service. It needs web APIs and nothing else,
// and decides nothing that the service decides.

import type { InstanceView } from "../core/coordination/instances.ts";
import { AccessPolicies } from "./access/policies.ts";
import { AccessTokens } from "./access/tokens.ts";
import { type Backup, takeBackup } from "./backup.ts";
import type { AccessTokenSource } from "./calls/bearer.ts";
import { type Caller, type CallOptions, Calls } from "./calls/calls.ts";
import { type ClientClock, systemClock } from "./calls/clock.ts";
import { segmentOf } from "./calls/names.ts";
import { createTransport, type Transport } from "./calls/transport.ts";
import { Listing, type ListingOptions } from "./coordination/listing.ts";
import {
  type BarrierSummary,
  type CounterSummary,
  type ElectionSummary,
  type ListOptions,
  type LockState,
  type LockSummary,
  listResources,
} from "./coordination/resource-lists.ts";
import { type Instance, listInstances, listServices, type ServiceSummary } from "./coordination/services.ts";
import type { DrainPlan } from "./service/drain.ts";
import { type EndedSession, listEndedSessions, readEndedSession } from "./service/ended-sessions.ts";
import { type Readiness, readReadiness } from "./service/readiness.ts";
import type { ServiceStats } from "./service/stats.ts";
import { Session, type SessionOptions } from "./sessions/session.ts";
import { type OpenedSession, SessionKeeper } from "./sessions/session-keeper.ts";
import {
  listSessions,
  readSession,
  type SessionDescription,
  type SessionSummary,
} from "./sessions/session-list.ts";
import type { WatchOptions } from "./watches/follow.ts";
import type { WatchMessage } from "./watches/messages.ts";
import { ServiceCopy, type ServiceFilter, type ServiceOptions } from "./watches/service-copy.ts";
import { TreeCopy, type TreeOptions } from "./watches/tree-copy.ts";
import { type WatchRequest, watch } from "./watches/watch.ts";
import { type DeleteProgress, type DeleteTreeOptions, deleteTree } from "./znodes/delete-tree.ts";
import { type ImportOptions, type ImportProgress, importLines } from "./znodes/import.ts";
import { Znodes } from "./znodes/znodes.ts";

export interface ClientOptions {
  /**
   * The service's URL, such as `http://127.0.0.1:2281`, or where a proxy has put it. Several lead to the same service:
   * when one does not answer, the next is tried.
   */
  readonly endpoint: string | readonly string[];
  /**
   * Who asks, where the service wants to know: a token's secret, or a function that gives it and is asked before each
   * request, so that it may be renewed. It goes to the endpoint alone.
   */
  readonly token?: AccessTokenSource | undefined;
  /** How long an answer may take before the request counts as lost. */
  readonly requestTimeoutMs?: number | undefined;
  /** How often a request is sent at most, where it is safe to send it again. */
  readonly attemptsMax?: number | undefined;
  /** `user:password` of each identity that requests show: the access control lists of znodes take them for these. */
  readonly aclIdentities?: readonly string[] | undefined;
  /**
   * Gives the `traceparent` (W3C Trace Context) of what goes on where it is called, if any: it goes with each call that is
   * made there, and the changes of that call are told with it. What is no traceparent is not sent.
   */
  readonly traceparent?: (() => string | undefined) | undefined;
  /** For a service that needs more than the platform's own, such as a proxy or a certificate. */
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: ClientClock | undefined;
  /** From 0 up to 1; spreads reconnects. */
  readonly chance?: (() => number) | undefined;
}

/** Whom the service takes a client for. */
export interface Identity {
  /** As events name it, such as `token:web`; null where access control is off. */
  readonly by: string | null;
  /** When it ends, epoch milliseconds; absent for never. */
  readonly validUntilMs?: number;
}

export interface Limits {
  /** Each bound by the name errors call it. */
  readonly bounds: Readonly<Record<string, number>>;
  /** How far back a watch can resume. */
  readonly history: {
    readonly zxid: number;
    readonly oldestZxid: number;
    /** What can be told again; shown to an admin. */
    readonly messages?: number;
    readonly bytes?: number;
  };
}

/** By what a session is known to the service, and to nobody else. */
export interface SessionCredentials {
  readonly id: string;
  readonly token: string;
}

const requestTimeoutMsDefault = 10_000;
const attemptsMaxDefault = 6;
const expiringShareDefault = 1 / 3;

export class Client extends Znodes {
  /** Who may ask at all; for admins. */
  readonly tokens: AccessTokens;
  /** What they may do; for admins. */
  readonly policies: AccessPolicies;
  readonly #transport: Transport;
  readonly #service: Caller;

  /** @throws TypeError when the endpoint is no absolute URL, or the token could be none */
  constructor({
    endpoint,
    token,
    requestTimeoutMs = requestTimeoutMsDefault,
    attemptsMax = attemptsMaxDefault,
    aclIdentities = [],
    traceparent = () => undefined,
    fetch = platformFetch,
    clock = systemClock,
    chance = Math.random,
  }: ClientOptions) {
    const world = { fetch, token, clock, chance, traceparent };
    const transport = createTransport(endpoint, aclIdentities, world);
    const service = new Calls(transport, { requestTimeoutMs, attemptsMax });
    super(service);
    this.tokens = new AccessTokens(service);
    this.policies = new AccessPolicies(service);
    this.#transport = transport;
    this.#service = service;
  }

  /**
   * What happens to znodes, each change once and in order, over as many connections as it takes. It connects when it
   * is iterated and reads as fast as it is; leaving the loop, or the signal, ends it.
   * @throws RequestError when the service refuses the request
   */
  watch(request: WatchRequest, options?: WatchOptions): AsyncIterable<WatchMessage> {
    return watch(this.#transport, request, options);
  }

  /** A local copy of a znode and everything below it, which follows the service until the signal ends it. */
  tree(path: string, options: TreeOptions = {}): TreeCopy {
    return new TreeCopy(this.#transport, path, options);
  }

  /** A session, kept alive in the background until it is closed or lost. */
  async openSession(options: SessionOptions = {}): Promise<Session> {
    const { timeoutMs, name, signal } = options;
    const expiringShare = expiringShareOf(options);
    const { body, sentAt } = await this.#service.send({
      method: "POST",
      path: "v1/sessions",
      json: { timeoutMs, name },
      repeat: "keyed",
      signal,
    });
    const opened = body as OpenedSession;
    const keeper = new SessionKeeper(this.#transport, opened, { sentAt, expiringShare });
    return new Session(this.#transport, keeper, this.#service);
  }

  /**
   * A session that was opened elsewhere, by whoever was told its token. It is kept alive from here too, until it is
   * closed, lost or left. The service takes all claims of a session on one lock or election for one, whoever makes them:
   * what another keeper of the session claims must not be claimed here, or both act, and who ends first ends it for both.
   * @throws RequestError `session_expired` when there is no such session, or the token is another's
   */
  async joinSession(
    { id, token }: SessionCredentials,
    options: Pick<SessionOptions, "expiringShare" | "signal"> = {},
  ): Promise<Session> {
    const expiringShare = expiringShareOf(options);
    const { body, sentAt } = await this.#service.send({
      method: "PUT",
      path: `v1/sessions/${segmentOf(id)}`,
      headers: { "Session-Token": token },
      repeat: "harmless",
      signal: options.signal,
    });
    const joined = { ...(body as Omit<OpenedSession, "token">), token };
    const keeper = new SessionKeeper(this.#transport, joined, { sentAt, expiringShare });
    return new Session(this.#transport, keeper, this.#service);
  }

  /**
   * Brings in a tree that was exported, from its lines; tells how far it is, and ends when all of it is in. Not sent
   * again: after a failure what was done stays, and `onConflict: "skip"` goes on.
   * @throws RequestError with the `line` that was refused among its details
   */
  importLines(
    lines: AsyncIterable<Uint8Array>,
    options: ImportOptions = {},
  ): AsyncGenerator<ImportProgress, void, undefined> {
    return importLines(this.#transport, lines, options);
  }

  /**
   * Deletes a subtree of any size, leaves first and in many transactions; tells how far it is, and ends when it is gone.
   * Leave the loop, and it stops. Not sent again: what is gone stays gone after a failure, and asking again goes on.
   * @throws RequestError with the number of znodes `deleted` before it among its details
   */
  deleteTree(path: string, options: DeleteTreeOptions = {}): AsyncGenerator<DeleteProgress, void, undefined> {
    return deleteTree(this.#transport, path, options);
  }

  /**
   * Lists an instance of a service for as long as this process lives and has not removed it: when the session it is
   * listed on is lost, it is listed again on another one. To end it with a session of one's own there is
   * `session.register`.
   * @throws RequestError `not_holder` when another session has an instance of that id, unless `whenTaken` says otherwise
   */
  register(service: string, instance: Instance, options: ListingOptions = {}): Promise<Listing> {
    const openSession = (asked: SessionOptions) => this.openSession(asked);
    const parts = { transport: this.#transport, openSession };
    return Listing.begin(parts, { service, instance, options });
  }

  /** A local copy of the instances of a service, all or some, which follows the service until the signal ends it. */
  service(name: string, options: ServiceOptions = {}): ServiceCopy {
    return new ServiceCopy(this.#transport, name, options);
  }

  /** The instances of a service as they are now, all or some, in order of their ids; none where nobody offers it. */
  instances(
    service: string,
    options: ServiceFilter & CallOptions = {},
  ): AsyncGenerator<InstanceView, void, undefined> {
    return listInstances(this.#service, service, options);
  }

  /** The services there are, in order of their names. */
  services(options: CallOptions = {}): AsyncGenerator<ServiceSummary, void, undefined> {
    return listServices(this.#service, options);
  }

  /** The locks there are, in order of their names. */
  locks(options: ListOptions = {}): AsyncGenerator<LockSummary, void, undefined> {
    return listResources(this.#service, "locks", options);
  }

  /** Who holds a lock, and who waits for it. One that nobody ever claimed is free. */
  lockState(name: string, options: CallOptions = {}): Promise<LockState> {
    return this.#read<LockState>(`v1/locks/${segmentOf(name)}`, options);
  }

  /** The elections there are, in order of their names. */
  elections(options: ListOptions = {}): AsyncGenerator<ElectionSummary, void, undefined> {
    return listResources(this.#service, "elections", options);
  }

  /** The counters there are, in order of their names. */
  counters(options: ListOptions = {}): AsyncGenerator<CounterSummary, void, undefined> {
    return listResources(this.#service, "counters", options);
  }

  /** The barriers there are, in order of their names. */
  barriers(options: ListOptions = {}): AsyncGenerator<BarrierSummary, void, undefined> {
    return listResources(this.#service, "barriers", options);
  }

  /** All sessions there are, page by page, in order of their ids. */
  sessions(options: CallOptions = {}): AsyncGenerator<SessionSummary, void, undefined> {
    return listSessions(this.#service, options);
  }

  /** @throws RequestError `session_expired` when there is no such session */
  session(id: string, options: CallOptions = {}): Promise<SessionDescription> {
    return readSession(this.#service, id, options);
  }

  /**
   * Resolves with a zxid when a server has all that was answered before, to anyone and by any server. What this client
   * asks from then on is not answered from an older state.
   */
  async sync({ signal, timeoutMs }: CallOptions = {}): Promise<number> {
    const call = { method: "POST", path: "v1/sync", repeat: "harmless", signal, timeoutMs } as const;
    return ((await this.#service.send(call)).body as { zxid: number }).zxid;
  }

  /**
   * The whole store as one file, as of one moment; for admins. Resolves when the server has made it. Not sent again.
   * @throws RequestError `throttled` while another is taken, `no_room` when the server's disk has none for it
   */
  backup(options: CallOptions = {}): Promise<Backup> {
    return takeBackup(this.#transport, options);
  }

  /** Whom the service takes this client for. @throws UnauthenticatedError where it knows nobody by its token */
  async whoAmI(options: CallOptions = {}): Promise<Identity> {
    return await this.#read<Identity>("v1/whoami", options);
  }

  /** Whether the service is ready, and what it has looked at; a service that is not is no failure. */
  readiness(options: CallOptions = {}): Promise<Readiness> {
    return readReadiness(this.#service, options);
  }

  /**
   * Sends that share of the server's clients elsewhere, before it is stopped; 0 takes it back. For admins. It is about the
   * server that answers: give the client the one endpoint that is meant.
   */
  async drain(percent = 100, { signal, timeoutMs }: CallOptions = {}): Promise<DrainPlan> {
    const call = { method: "POST", path: "v1/admin/drain", query: { percent: String(percent) } } as const;
    return (await this.#service.send({ ...call, repeat: "never", signal, timeoutMs })).body as DrainPlan;
  }

  /** How the service is, in figures; for admins. */
  async stats(options: CallOptions = {}): Promise<ServiceStats> {
    return await this.#read<ServiceStats>("v1/stats", options);
  }

  /** Sessions that have ended, the last first, as far as the server remembers; for admins. */
  endedSessions(options: CallOptions = {}): AsyncGenerator<EndedSession, void, undefined> {
    return listEndedSessions(this.#service, options);
  }

  /** Why a session ended; for admins. @throws RequestError `no_route` for one that is not remembered */
  endedSession(id: string, options: CallOptions = {}): Promise<EndedSession> {
    return readEndedSession(this.#service, id, options);
  }

  /** Every bound in force. */
  async limits(options: CallOptions = {}): Promise<Limits> {
    return await this.#read<Limits>("v1/limits", options);
  }

  async #read<T>(path: string, { signal, timeoutMs }: CallOptions): Promise<T> {
    const call = { method: "GET", path, repeat: "harmless", signal, timeoutMs } as const;
    return (await this.#service.send(call)).body as T;
  }
}

function expiringShareOf({ expiringShare = expiringShareDefault }: SessionOptions): number {
  if (expiringShare >= 0 && expiringShare < 1) return expiringShare;
  throw new RangeError("expiringShare is from 0 up to 1.");
}

/** A browser's fetch must be called as a function of the window, not of what holds it. */
const platformFetch: typeof fetch = (input, init) => fetch(input, init);
