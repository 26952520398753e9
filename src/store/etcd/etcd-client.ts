// The conversation with etcd: the few calls that are used here, and who we are there. It asks nothing again by itself: whoever
// calls knows whether that does harm. Which member is asked is said in `members.ts`.

import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type CallOptions, messagesOf } from "./grpc-calls.ts";
import { type Member, Members, type Tls } from "./members.ts";
import { serviceNamed } from "./messages.ts";

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** Writes since the key was made. */
  readonly version: bigint;
}

interface Header {
  readonly clusterId: bigint;
  readonly revision: bigint;
}

export interface Range {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly limit?: bigint;
  readonly revision?: bigint;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: bigint;
  readonly sortOrder?: number;
  readonly sortTarget?: number;
}

export interface RangeAnswer {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: bigint;
}

/** Oldest write first, for a range. */
export const byModRevision = { sortOrder: 1, sortTarget: 3 };

/** One of the steps of a transaction. */
export type Step =
  | { readonly range: Range }
  | { readonly put: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly deleteRange: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } };

/** That a key was written so often, or made at that revision. */
export type Condition = { readonly key: Uint8Array } & (
  | { readonly version: bigint }
  | { readonly createRevision: bigint }
  | { readonly modRevision: bigint }
);

export interface Txn {
  readonly compare: readonly Condition[];
  readonly success: readonly Step[];
  readonly failure?: readonly Step[];
  /** Within which it is answered; the usual one unless it is given. By a short one a member that stands still is found soon. */
  readonly timeoutMs?: number;
}

export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  /** Of each range among the steps that were taken, in their order. */
  readonly ranges: readonly RangeAnswer[];
}

export interface WatchAnswer {
  readonly header: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  readonly compactRevision: bigint;
  readonly fragment: boolean;
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[];
}

export interface WatchFrom {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: bigint;
}

export interface EtcdOptions {
  /** Of the members, such as `http://10.0.0.1:2379`. */
  readonly endpoints: readonly string[];
  /** For `https`. */
  readonly tls?: Tls;
  readonly user?: { readonly name: string; readonly password: string };
}

/** What is asked of etcd, for whoever need not know who answers. */
export type EtcdCalls = Pick<
  EtcdClient,
  "range" | "txn" | "remove" | "compact" | "isFull" | "status" | "watch"
>;

/** How much room a member has left, as it says itself. */
export interface MemberStatus {
  readonly endpoint: string;
  readonly version: string;
  /** Of its file, with pages that hold nothing. Its quota is a bound of this. */
  readonly dbSize: bigint;
  /** Of the pages that hold something. */
  readonly dbSizeInUse: bigint;
}

/** What is asked of etcd about itself. */
export type EtcdHealthCalls = Pick<EtcdClient, "statuses" | "alarms">;

/** A call that is not answered in this time is as good as lost. */
const callTimeoutMs = 5000;
const statusTimeoutMs = 2000;
/** A member that has lost its leader says so instead of keeping silent. */
const needsLeader = { hasleader: "true" };
const equal = 0;
const targets = { version: 0, createRevision: 1, modRevision: 2 };
const withoutDeletes = 1;

export class EtcdClient {
  readonly #members: Members;
  readonly #user: EtcdOptions["user"];
  /** Null where it has to be asked for. */
  #token: string | null = null;
  /** Once for all who need it. */
  #authenticating: Promise<string> | null = null;

  constructor({ endpoints, tls, user }: EtcdOptions) {
    this.#members = new Members(endpoints, tls, isOfTheRequest);
    this.#user = user;
  }

  range(range: Range): Promise<RangeAnswer> {
    return this.#call(({ kv }, options) => kv.range?.(range, options) as Promise<RangeAnswer>);
  }

  async txn({ compare, success, failure = [], timeoutMs }: Txn): Promise<TxnAnswer> {
    const request = {
      compare: compare.map(toCompare),
      success: success.map(toRequest),
      failure: failure.map(toRequest),
    };
    const answer = await this.#call(
      ({ kv }, options) => kv.txn?.(request, options) as Promise<EncodedTxnAnswer>,
      timeoutMs,
    );
    const ranges = answer.responses.flatMap(({ choice }) => (choice.case === "range" ? [choice.value] : []));
    return { header: answer.header, succeeded: answer.succeeded, ranges };
  }

  /** Also where there is no room for any write. Answers what was there; null for nothing. */
  async remove(key: Uint8Array): Promise<KeyValue | null> {
    const request = { key, prevKv: true };
    const { prevKvs } = await this.#call(
      ({ kv }, options) => kv.deleteRange?.(request, options) as Promise<{ prevKvs: readonly KeyValue[] }>,
    );
    return prevKvs[0] ?? null;
  }

  async compact(revision: bigint): Promise<void> {
    await this.#call(({ kv }, options) => kv.compact?.({ revision }, options) as Promise<unknown>);
  }

  /** Whether a member has no room any more, and therefore none takes writes. */
  async isFull(): Promise<boolean> {
    return (await this.alarms()).includes(noSpaceAlarm);
  }

  /** Of all members, by their numbers. */
  async alarms(): Promise<readonly number[]> {
    const { alarms } = await this.#call(
      ({ maintenance }, options) =>
        maintenance.alarm?.({}, options) as Promise<{ alarms: readonly { alarm: number }[] }>,
    );
    return alarms.map(({ alarm }) => alarm);
  }

  /** Of the members that answer, asked all at once. Who does not is asked for other things elsewhere. */
  async statuses(): Promise<readonly MemberStatus[]> {
    const options = { timeoutMs: statusTimeoutMs, headers: headersWith(await this.#tokenIfAsked()) };
    const asked = this.#members.all.map(async ({ endpoint, maintenance }) => {
      const answer = maintenance.status?.({}, options) as Promise<Omit<MemberStatus, "endpoint">>;
      const { version, dbSize, dbSizeInUse } = await answer;
      return { endpoint, version, dbSize, dbSizeInUse };
    });
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }

  /** Of the member that answers. */
  async status(): Promise<{
    readonly version: string;
    readonly dbSize: bigint;
    readonly dbSizeInUse: bigint;
    /** What it may grow to; 0 where etcd is older than 3.6, and does not say. */
    readonly dbSizeQuota: bigint;
  }> {
    return await this.#call(
      ({ maintenance }, options) => maintenance.status?.({}, options) as ReturnType<EtcdClient["status"]>,
    );
  }

  /** What is put from a revision on; deletions are left out. It ends with the signal alone. @throws ConnectError */
  async *watch(from: WatchFrom, signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    const creation = { ...from, filters: [withoutDeletes], fragment: true };
    const request = { choice: { case: "creation", value: creation } };
    const token = await this.#tokenIfAsked();
    const headers = headersWith(token);
    try {
      yield* this.#members.listen(
        ({ connections }, ending) =>
          messagesOf(watchMethod, connections, request, {
            signal: ending,
            headers,
          }) as AsyncGenerator<WatchAnswer>,
        signal,
      );
    } catch (error) {
      this.#heed(error, token);
      throw error;
    }
  }

  async #call<T>(
    ask: (member: Member, options: CallOptions) => Promise<T>,
    timeoutMs = callTimeoutMs,
  ): Promise<T> {
    const token = await this.#tokenIfAsked();
    const options = { timeoutMs, headers: headersWith(token) };
    try {
      return await this.#members.ask((member) => ask(member, options));
    } catch (error) {
      this.#heed(error, token);
      throw error;
    }
  }

  /** Null where nobody asks who we are. */
  async #tokenIfAsked(): Promise<string | null> {
    const user = this.#user;
    if (user === undefined) return null;
    if (this.#token !== null) return this.#token;
    this.#authenticating ??= this.#authenticate(user).finally(() => {
      this.#authenticating = null;
    });
    return await this.#authenticating;
  }

  async #authenticate(user: NonNullable<EtcdOptions["user"]>): Promise<string> {
    const { token } = await this.#members.ask(
      ({ auth }) => auth.authenticate?.(user, { timeoutMs: callTimeoutMs }) as Promise<{ token: string }>,
    );
    this.#token = token;
    return token;
  }

  /** Whoever asks next shows who they are anew, unless somebody has done so since. */
  #heed(error: unknown, shown: string | null): void {
    if (isOfToken(error) && this.#token === shown) this.#token = null;
  }
}

function headersWith(token: string | null): Record<string, string> {
  return token === null ? needsLeader : { ...needsLeader, token };
}

export const noSpaceAlarm = 1;
const watchMethod = serviceNamed("Watch").method.watch as DescMethod;

/** Whether a token is taken no more: it has expired, or users were changed since it was made. */
function isOfToken(error: unknown): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  return code === Code.Unauthenticated || rawMessage.includes(oldRevision);
}

const oldRevision = "revision of auth store is old";

/** Whether another member would say the same. */
function isOfTheRequest(error: unknown): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.PermissionDenied) return rawMessage.includes(notPermitted);
  return ofTheRequest.has(code) || isOutOfSpace(error);
}

/** By etcd itself, and not by something on the way there. */
const notPermitted = "permission denied";

const ofTheRequest = new Set([Code.InvalidArgument, Code.OutOfRange, Code.Unauthenticated]);

/** Whether a call failed at etcd, or on the way to it. */
export function isOfTheWay(error: unknown): boolean {
  return error instanceof ConnectError;
}

/** Whether history is gone that far already. */
export function isCompacted(error: unknown): boolean {
  return ConnectError.from(error).code === Code.OutOfRange;
}

/** Whether etcd has answered, and will not have us: asking again changes nothing. */
export function isRefused(error: unknown): boolean {
  return error instanceof ConnectError && refusals.has(error.code);
}

/** A wrong name or password is an argument that is invalid. */
const refusals = new Set([
  ...[Code.InvalidArgument, Code.FailedPrecondition],
  ...[Code.PermissionDenied, Code.Unauthenticated],
]);

/** Whether there is no room for a write; it may have been done all the same. Not whether there is too much to do at once. */
export function isOutOfSpace(error: unknown): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  return code === Code.ResourceExhausted && rawMessage.includes(noSpace);
}

const noSpace = "database space exceeded";

/** Of one that was paused, in the place of what it said. */
export function answeredFromBefore(): Error {
  return new ConnectError("it answers from before", Code.Unavailable);
}

interface EncodedTxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly {
    readonly choice:
      | { readonly case: "range"; readonly value: RangeAnswer }
      | { readonly case: "put" | "deleteRange" };
  }[];
}

function toCompare({ key, ...expected }: Condition): object {
  const [[name, value]] = Object.entries(expected) as [[keyof typeof targets, bigint]];
  return { result: equal, target: targets[name], key, choice: { case: name, value } };
}

function toRequest(step: Step): object {
  const [[name, value]] = Object.entries(step) as [[string, object]];
  return { choice: { case: name, value } };
}
