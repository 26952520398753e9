// The one key that says whose log it is. Each append and each trimming is done on condition that it stands as it stood when
// the log was opened: so whoever writes it again has ended the log for all who write to it, at one place in its order. By
// that a log is moved away, and nothing that was acknowledged is behind that place.

import { randomBytes } from "node:crypto";
import type { Lsn } from "../commit-log.ts";
import type { EtcdCalls, KeyValue } from "./etcd-calls.ts";
import { bytesOf, Keys, textOf } from "./keys.ts";

export interface Format {
  readonly format: number;
  readonly clusterId: string;
  /** Names this log among those that its cluster has had; absent in one that began in etcd, which has the cluster's name. */
  readonly logId?: string;
  /** Its first entry comes after this position; what was before is in the snapshot that it began with. */
  readonly before?: Lsn;
  /** Absent while it is served here. */
  readonly move?: Move;
}

export interface Move {
  /** Into etcd, out of it, or gone from it for good. */
  readonly state: "coming" | "going" | "gone";
  /** Names the attempt. */
  readonly id: string;
  /** The other side, as its operator names it. */
  readonly place: string;
}

/** The key as it was found. */
export interface FoundFormat {
  readonly format: Format;
  readonly revision: bigint;
}

export const formatVersion = 1;

/** The log is somewhere else, on its way to somewhere else, or not here yet. */
export class MovedLogError extends Error {}

export function encodeFormat(format: Format): Uint8Array {
  return bytesOf(JSON.stringify(format));
}

function found({ value, modRevision: revision }: KeyValue): FoundFormat {
  const format = JSON.parse(textOf(value)) as Format;
  if (format.format !== formatVersion)
    throw new Error(`the log in etcd has format ${format.format}, which is unknown here`);
  return { format, revision };
}

export function logIdOf({ logId, clusterId }: Format): string {
  return logId ?? clusterId;
}

/** Null where there is no log. @throws Error when it is of another format */
export async function readFormat(
  client: Pick<EtcdCalls, "range">,
  prefix: string,
): Promise<FoundFormat | null> {
  const { kvs } = await client.range({ key: new Keys(prefix).format });
  return kvs[0] === undefined ? null : found(kvs[0]);
}

/**
 * Begins a log where there is none.
 * @throws MovedLogError where it is not to be served; Error when it is of another format
 */
export async function openFormat(client: Pick<EtcdCalls, "txn">, prefix: string): Promise<FoundFormat> {
  const { format: key } = new Keys(prefix);
  const made: Format = { clusterId: randomBytes(16).toString("hex"), format: formatVersion };
  const range = { range: { key } };
  const { ranges } = await client.txn({
    compare: [{ key, version: 0n }],
    success: [{ put: { key, value: encodeFormat(made) } }, range],
    failure: [range],
  });
  const [kv] = ranges[0]?.kvs ?? [];
  if (kv === undefined) throw new Error("etcd does not keep what is put into it");
  const opened = found(kv);
  const refusal = refusalOf(opened.format, prefix);
  if (refusal !== null) throw new MovedLogError(refusal);
  return opened;
}

/** Why it is not served; null where it is. */
export function refusalOf({ move }: Format, prefix: string): string | null {
  switch (move?.state) {
    case undefined:
      return null;
    case "coming":
      return (
        `what ${move.place} holds is on its way to ${prefix} in etcd, or was broken off: run the same treekeeper migrate ` +
        "again, which finishes it, or with --undo, which leaves nothing of it here"
      );
    case "going":
      return (
        `the log is on its way to ${move.place}, or was broken off: run the same treekeeper migrate again, which finishes it, ` +
        "or with --undo, and the log is served here again"
      );
    case "gone":
      return `the log was moved to ${move.place}, and goes on there (docs/cluster.md)`;
  }
}

function refusalIn(kv: KeyValue, prefix: string): string | null {
  try {
    return refusalOf(found(kv).format, prefix);
  } catch {
    // It is of another kind altogether.
    return null;
  }
}

const anotherLog =
  "the log is not the one that was opened: it was made anew, another was put in its place, or a move of it was taken back";

/** What is said of the key when it is not as it was. */
export function notTheSame(kv: KeyValue | undefined, prefix: string): string {
  const moved = kv === undefined ? null : refusalIn(kv, prefix);
  return moved ?? anotherLog;
}
