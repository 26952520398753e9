// The calls about znodes, for the service itself and on behalf of a session alike. It says what is asked and reads what
// is answered; it keeps nothing.

import type { Stat } from "../../core/tree/stat.ts";
import type { Answer, Caller, CallOptions, ReadOptions } from "../calls/calls.ts";
import { RequestError } from "../calls/errors.ts";
import { fenceHeaderOf } from "../calls/fences.ts";
import { isTooLong } from "../calls/names.ts";
import { Counter } from "../coordination/counters.ts";
import { type WatchedZnode, znodeIn } from "../watches/messages.ts";
import { conditionHeadersOf, tagIn } from "./conditions.ts";
import {
  type AclEntry,
  type BatchOperation,
  type BatchResultsOf,
  batchResultIn,
  type DataInput,
  type ResultsOf,
  resultIn,
  type TransactionOperation,
  wireModeOf,
  wireOf,
} from "./operations.ts";
import type {
  BatchOptions,
  ChangeOptions,
  ChildrenOptions,
  ChildZnodesOptions,
  CreateOptions,
  DeleteOptions,
  SetAclOptions,
  SetOptions,
  SubtreeOptions,
  WaitOptions,
  WriteOptions,
} from "./options.ts";
import { urlPathOf } from "./url-path.ts";
import type { ZnodeData } from "./znode-data.ts";

export interface Znode {
  readonly path: string;
  readonly data: ZnodeData;
  readonly stat: Stat;
  /** What to send as `ifMatch`; absent where the path is too long for a URL. */
  readonly etag?: string;
  /** The last transaction the server had done: to wait for what comes after it, or to watch from there. */
  readonly zxid: number;
}

/** A znode as a write left it. */
export interface WrittenZnode {
  /** With its number, where the server gave it one. */
  readonly path: string;
  readonly stat: Stat;
  /** What to send as `ifMatch`; absent where the path is too long for a URL. */
  readonly etag?: string;
  readonly zxid: number;
}

/** A znode of a listing; its data only where that was asked for. */
export type ListedZnode = WatchedZnode & {
  /** Where it was asked for and is not open to all. */
  readonly acl?: readonly AclEntry[];
};

/** The access control list of a znode. */
export interface ZnodeAcl {
  readonly path: string;
  readonly acl: readonly AclEntry[];
  /** How often it was set. */
  readonly aversion: number;
  readonly zxid: number;
}

export interface ChildrenPage {
  readonly path: string;
  /** The parent's. */
  readonly stat: Stat;
  /** In code-unit order. */
  readonly children: readonly string[];
  /** There are more, after this name. */
  readonly next?: string;
  readonly zxid: number;
}

export interface Transacted<Results> {
  readonly zxid: number;
  readonly results: Results;
}

const waitMsDefault = 30_000;

/** What an operation comes to that is sent by itself. */
type OneResult<Operation extends BatchOperation> = Exclude<
  BatchResultsOf<readonly [Operation]>[0],
  RequestError
> & { readonly zxid: number };

export class Znodes {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** @throws RequestError `no_node` when there is none */
  async get(path: string, options: WaitOptions = {}): Promise<Znode> {
    const { waitAfterZxid, waitMs } = options;
    const url = urlPathOf("v1/znodes", path);
    if (isTooLong(url) && waitAfterZxid === undefined) return await this.#alone({ op: "get", path }, options);
    const answer = await this.#read(url, { waitAfterZxid, waitMs }, options);
    return { ...znodeWithData(answer), ...etagIn(answer), zxid: answer.zxid };
  }

  /** The stat of the znode, undefined when there is none. */
  async exists(path: string, options: ReadOptions = {}): Promise<Stat | undefined> {
    const query = { depth: 0, include: "stat", limit: 1 };
    const url = urlPathOf("v1/tree", path);
    try {
      if (isTooLong(url)) return (await this.#alone({ op: "exists", path }, options)).stat;
      const { body } = await this.#read(url, query, options);
      return (body as { znodes: readonly ListedZnode[] }).znodes[0]?.stat;
    } catch (error) {
      if (error instanceof RequestError && error.code === "no_node") return undefined;
      throw error;
    }
  }

  /** Sent again without fear when an answer is lost: it is done once. */
  async create(path: string, data: DataInput = "", options: CreateOptions = {}): Promise<WrittenZnode> {
    const { mode, parents, acl } = options;
    const url = urlPathOf("v1/znodes", path);
    if (isTooLong(url) || acl !== undefined)
      return await this.#alone({ op: "create", path, data, mode, parents, acl }, options);
    const answer = await this.#caller.send({
      ...callOptionsOf(options),
      method: "POST",
      path: url,
      query: { ...wireModeOf(mode), parents },
      headers: fenceHeaderOf(options),
      data,
      repeat: "keyed",
    });
    return writtenIn(answer);
  }

  /**
   * Replaces the data. Not sent again when the answer is lost, as nobody could tell whose change then is there: the
   * error says `mayBeDone`. In a transaction it is sent again without fear.
   */
  async set(path: string, data: DataInput, options: SetOptions = {}): Promise<WrittenZnode> {
    const { create, version } = options;
    const url = urlPathOf("v1/znodes", path);
    if (isTooLong(url) && create !== "only") {
      const upsert = create === "upsert" && options.ifMatch === undefined;
      return await this.#alone({ op: "set", path, data, version, upsert }, options);
    }
    const answer = await this.#caller.send({
      ...callOptionsOf(options),
      method: "PUT",
      path: url,
      query: { version, ...(create === "upsert" && { upsert: true }) },
      headers: { ...conditionHeadersOf(options), ...(create === "only" && { "If-None-Match": "*" }) },
      data,
      repeat: "never",
    });
    return writtenIn(answer);
  }

  /** Not sent again when the answer is lost, as `set` is not. */
  async delete(path: string, options: DeleteOptions = {}): Promise<void> {
    const { recursive, version } = options;
    const url = urlPathOf("v1/znodes", path);
    if (isTooLong(url) && (recursive !== true || options.ifMatch === undefined)) {
      await this.#alone({ op: "delete", path, version, recursive }, options);
      return;
    }
    await this.#caller.send({
      ...callOptionsOf(options),
      method: "DELETE",
      path: url,
      query: { recursive, version },
      headers: conditionHeadersOf(options),
      repeat: "never",
    });
  }

  /** Who may do what with the znode; hashes are `x` unless the list gives `admin` to an identity of the client. */
  async getAcl(path: string, options: CallOptions = {}): Promise<ZnodeAcl> {
    const { body, zxid } = await this.#read(urlPathOf("v1/acl", path), {}, options);
    return { ...(body as Omit<ZnodeAcl, "zxid">), zxid };
  }

  /** Replaces the whole list. Not sent again when the answer is lost, as `set` is not. */
  async setAcl(path: string, acl: readonly AclEntry[], options: SetAclOptions = {}): Promise<WrittenZnode> {
    const answer = await this.#caller.send({
      ...callOptionsOf(options),
      method: "PUT",
      path: urlPathOf("v1/acl", path),
      query: { aversion: options.aversion },
      headers: fenceHeaderOf(options),
      json: { acl },
      repeat: "never",
    });
    return writtenIn(answer);
  }

  /** All children's names, page by page: between two pages children may come and go. */
  async *children(path: string, options: ChildrenOptions = {}): AsyncGenerator<string, void, undefined> {
    let { after } = options;
    do {
      const page = await this.childrenPage(path, { ...options, after });
      yield* page.children;
      after = page.next;
    } while (after !== undefined);
  }

  async childrenPage(path: string, options: ChildrenOptions & WaitOptions = {}): Promise<ChildrenPage> {
    const { prefix, after, limit, waitAfterZxid, waitMs } = options;
    const query = { prefix, after, limit, waitAfterZxid, waitMs };
    const url = urlPathOf("v1/children", path);
    if (isTooLong(url) && waitAfterZxid === undefined) {
      return await this.#alone({ op: "children", path, prefix, after, limit }, options);
    }
    const answer = await this.#read(url, query, options);
    return { ...(answer.body as Omit<ChildrenPage, "zxid">), zxid: answer.zxid };
  }

  /** All children as they stand at one zxid, whatever is written meanwhile, read as fast as they are taken. */
  childZnodes(
    path: string,
    { data = false, prefix, after, stale, signal }: ChildZnodesOptions = {},
  ): AsyncGenerator<ListedZnode, void, undefined> {
    const query = { include: includeOf(data), prefix, after, stale };
    return this.#list(urlPathOf("v1/children", path), query, signal);
  }

  /** The znode and everything below it, parents first, as it stands at one zxid: an export. */
  subtree(
    path: string,
    { data = true, acl = false, depth, after, stale, signal }: SubtreeOptions = {},
  ): AsyncGenerator<ListedZnode, void, undefined> {
    const query = { include: `${includeOf(data)}${acl ? ",acl" : ""}`, depth, after, stale };
    return this.#list(urlPathOf("v1/tree", path), query, signal);
  }

  /**
   * All of it, at one zxid, or nothing; done once even when it has to be sent again.
   * @throws RequestError with `failedOperation` and the fate of each among its details
   */
  async transaction<const Operations extends readonly TransactionOperation[]>(
    operations: Operations,
    options: WriteOptions = {},
  ): Promise<Transacted<ResultsOf<Operations>>> {
    const { zxid, results } = await this.#operate("v1/transactions", operations, options);
    return { zxid, results: results.map(resultIn) as unknown as ResultsOf<Operations> };
  }

  /** Each by itself: what is refused is a `RequestError` among the results. Reads see all of the writes. */
  async batch<const Operations extends readonly BatchOperation[]>(
    operations: Operations,
    options: BatchOptions = {},
  ): Promise<Transacted<BatchResultsOf<Operations>>> {
    const { zxid, results } = await this.#operate("v1/batch", operations, options);
    return { zxid, results: results.map(batchResultIn) as unknown as BatchResultsOf<Operations> };
  }

  /** A number that many add to, kept by a znode. */
  counter(name: string): Counter {
    return new Counter(this.#caller, name);
  }

  async #operate(
    path: string,
    operations: readonly BatchOperation[],
    options: BatchOptions,
  ): Promise<Transacted<unknown[]>> {
    const { body } = await this.#caller.send({
      ...callOptionsOf(options),
      method: "POST",
      path,
      query: { stale: options.stale },
      headers: fenceHeaderOf(options),
      json: { operations: operations.map(wireOf) },
      repeat: "keyed",
    });
    return body as Transacted<unknown[]>;
  }

  /**
   * One operation by itself whose path stands in the body. What a batch cannot expect of a znode is checked in the same
   * transaction.
   * @throws RequestError when it is refused
   */
  async #alone<const Operation extends BatchOperation>(
    operation: Operation,
    options: BatchOptions & Pick<ChangeOptions, "ifMatch">,
  ): Promise<OneResult<Operation>> {
    const { ifMatch } = options;
    if (ifMatch !== undefined) {
      const { czxid, version } = typeof ifMatch === "string" ? tagIn(ifMatch) : ifMatch;
      const check = { op: "check", path: operation.path, czxid, version };
      const {
        recursive: _,
        upsert: __,
        ...rest
      } = operation as Operation & { recursive?: false; upsert?: false };
      const { zxid, results } = await this.#operate(
        "v1/transactions",
        [check, rest] as BatchOperation[],
        options,
      );
      return { ...Object(resultIn(results[1])), zxid } as OneResult<Operation>;
    }
    const { zxid, results } = await this.batch([operation], options);
    const [result] = results as readonly unknown[];
    if (result instanceof RequestError) throw result;
    const { op: _, ...rest } = Object(result) as { op: string };
    return { zxid, ...rest } as OneResult<Operation>;
  }

  async #read(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    options: WaitOptions,
  ): Promise<Answer> {
    const { waitAfterZxid, waitMs = waitMsDefault, stale } = options;
    const heldMs = waitAfterZxid === undefined ? 0 : waitMs;
    return await this.#caller.send({
      ...callOptionsOf(options),
      method: "GET",
      path,
      query: { ...query, stale },
      repeat: "harmless",
      heldMs,
    });
  }

  async *#list(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListedZnode, void, undefined> {
    const lines = this.#caller.lines({ path, query, signal });
    for await (const line of lines) yield znodeIn(line);
  }
}

/** What there is to say of any call, without what is particular to one. */
function callOptionsOf({ signal, timeoutMs }: CallOptions): CallOptions {
  return { signal, timeoutMs };
}

function includeOf(data: boolean): string {
  return data ? "stat,data" : "stat";
}

function znodeWithData({ body }: Answer): Omit<Znode, "zxid"> {
  return znodeIn(body) as Omit<Znode, "zxid">;
}

function writtenIn(answer: Answer): WrittenZnode {
  const { path, stat } = answer.body as WrittenZnode;
  return { path, stat, ...etagIn(answer), zxid: answer.zxid };
}

function etagIn({ headers }: Answer): { readonly etag?: string } {
  const etag = headers.get("etag");
  return etag === null ? {} : { etag };
}
