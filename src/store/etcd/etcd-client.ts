// The conversation with etcd: the few calls that are used here, and who we are there. It asks nothing again by itself: whoever
// calls knows whether that does harm. Which member is asked is said in `members.ts`.

import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Condition,
  type EtcdCalls,
  type EtcdHealthCalls,
  type Header,
  type KeyValue,
  type MemberStatus,
  noSpaceAlarm,
  type OwnStatus,
  type Range,
  type RangeAnswer,
  type Step,
  type Txn,
  type TxnAnswer,
  type WatchAnswer,
  type WatchFrom,
} from "./etcd-calls.ts";
import { isOutOfSpace } from "./etcd-errors.ts";
import { type CallOptions, messagesOf } from "./grpc-calls.ts";
import { type Member, Members, type Tls } from "./members.ts";
import { serviceNamed } from "./messages.ts";

export interface EtcdOptions {
  /** Of the members, such as `http://10.0.0.1:2379`. */
  readonly endpoints: readonly string[];
  /** For `https`. */
  readonly tls?: Tls;
  readonly user?: { readonly name: string; readonly password: string };
}

/** A call that is not answered in this time is as good as lost. */
const callTimeoutMs = 5000;
const statusTimeoutMs = 2000;
/** A member that has lost its leader says so instead of keeping silent. */
const needsLeader = { hasleader: "true" };
const equal = 0;
const targets = { version: 0, createRevision: 1, modRevision: 2 };
const withoutDeletes = 1;

export class EtcdClient implements EtcdCalls, EtcdHealthCalls {
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
  async status(): Promise<OwnStatus> {
    return await this.#call(
      ({ maintenance }, options) => maintenance.status?.({}, options) as Promise<OwnStatus>,
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
