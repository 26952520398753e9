// The operations of transactions and batches: how a program writes them down, how they stand on the wire, and what
// comes back for each. Nothing here sends anything.

import type { Permission } from "../../core/acl/acl.ts";
import type { Stat } from "../../core/tree/stat.ts";
import { base64Of } from "../calls/base64.ts";
import { problemIn, type RequestError, refusalOf } from "../calls/errors.ts";
import type { WatchedZnode } from "../watches/messages.ts";
import { type WireData, ZnodeData } from "./znode-data.ts";

/** Text is sent as UTF-8, bytes as they are. */
export type DataInput = string | Uint8Array;

/** What a new znode is to be; a plain persistent one when nothing is said. */
export type NewZnodeMode =
  | {
      readonly kind?: "persistent" | undefined;
      readonly sequential?: boolean | undefined;
      readonly ttlMs?: number | undefined;
    }
  | { readonly kind: "ephemeral"; readonly sequential?: boolean | undefined }
  | { readonly kind: "container" };

/** What an entry of an access control list gives, and to whom. */
export interface AclEntry {
  readonly perms: readonly Permission[];
  /** In a list that is sent, `auth` stands for `digest` with each identity that the client shows. */
  readonly scheme: "world" | "auth" | "digest" | "ip";
  /** `anyone`; `user:base64(SHA1(user:password))`; an address or a network. Of `auth` it may be absent. */
  readonly id?: string | undefined;
}

interface Create {
  readonly op: "create";
  /** For a sequential znode, the prefix its number is added to. */
  readonly path: string;
  readonly data?: DataInput | undefined;
  readonly mode?: NewZnodeMode | undefined;
  /** Who may do what with it; everybody everything unless given. */
  readonly acl?: readonly AclEntry[] | undefined;
}

interface SetData {
  readonly op: "set";
  readonly path: string;
  readonly data?: DataInput | undefined;
  readonly version?: number | undefined;
}

interface Delete {
  readonly op: "delete";
  readonly path: string;
  readonly version?: number | undefined;
}

/** Adds to the decimal text the znode holds. */
interface Increment {
  readonly op: "increment";
  readonly path: string;
  readonly by: number;
}

/** Changes nothing, and fails what is not so. */
interface Check {
  readonly op: "check";
  readonly path: string;
  readonly exists?: boolean | undefined;
  readonly version?: number | undefined;
  readonly czxid?: number | undefined;
}

export type TransactionOperation = Create | SetData | Delete | Increment | Check;

type BatchWrite =
  | (Create & { readonly parents?: boolean | undefined })
  | (SetData & { readonly upsert?: boolean | undefined })
  | (Delete & { readonly recursive?: boolean | undefined })
  | Increment
  | Check;

type BatchRead =
  | { readonly op: "get" | "exists"; readonly path: string }
  | {
      readonly op: "children";
      readonly path: string;
      readonly limit?: number | undefined;
      readonly after?: string | undefined;
      readonly prefix?: string | undefined;
    };

export type BatchOperation = BatchWrite | BatchRead;

interface Told {
  create: { readonly stat: Stat };
  set: { readonly stat: Stat };
  delete: object;
  /** The value is decimal text, as the znode holds it. */
  increment: { readonly stat: Stat; readonly value: string };
  check: { readonly stat?: Stat };
  get: { readonly stat: Stat; readonly data: ZnodeData };
  exists: { readonly stat: Stat };
  children: { readonly stat: Stat; readonly children: readonly string[]; readonly next?: string };
}

type ResultOf<Operation extends { readonly op: keyof Told }> = Operation extends { readonly op: infer Op }
  ? Op extends keyof Told
    ? { readonly op: Op /** As it came to be, its number included. */; readonly path: string } & Told[Op]
    : never
  : never;

/** One result for each operation, in their order. */
export type ResultsOf<Operations extends readonly { readonly op: keyof Told }[]> = {
  readonly [Index in keyof Operations]: ResultOf<Operations[Index]>;
};

/** What was refused stands among the results: the others do not depend on it. */
export type BatchResultsOf<Operations extends readonly BatchOperation[]> = {
  readonly [Index in keyof Operations]: ResultOf<Operations[Index]> | RequestError;
};

/** An operation as JSON. */
export function wireOf(operation: BatchOperation): object {
  const { op } = operation;
  if (op === "create") {
    const { data, mode, ...rest } = operation;
    return { ...rest, ...wireDataOf(data), ...wireModeOf(mode) };
  }
  if (op === "set") {
    const { data, ...rest } = operation;
    return { ...rest, ...wireDataOf(data) };
  }
  return operation;
}

/** The members of a create, in JSON and in a query alike. */
export function wireModeOf(mode: NewZnodeMode = {}) {
  if (mode.kind === "container") return { container: true };
  const { sequential } = mode;
  const numbered = sequential === true ? { sequential } : {};
  if (mode.kind === "ephemeral") return { ephemeral: true, ...numbered };
  return { ...numbered, ...(mode.ttlMs !== undefined && { ttlMs: mode.ttlMs }) };
}

function wireDataOf(data: DataInput | undefined): WireData {
  if (data === undefined) return {};
  return typeof data === "string" ? { data } : { dataBase64: base64Of(data) };
}

/** One entry of an answer, with its data in place of how it stands on the wire. */
export function resultIn(entry: unknown): unknown {
  const { data, dataBase64, ...rest } = Object(entry) as WireData & WatchedZnode;
  const znodeData = ZnodeData.from({ data, dataBase64 });
  return znodeData === undefined ? rest : { ...rest, data: znodeData };
}

export function batchResultIn(entry: unknown): unknown {
  const { status, ...rest } = Object(resultIn(entry)) as Record<string, unknown>;
  const problem = Number(status) >= 400 ? problemIn({ status, ...rest }) : null;
  return problem === null ? rest : refusalOf(problem);
}
