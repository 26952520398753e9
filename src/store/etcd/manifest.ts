// What says which snapshot there is: one small value, exchanged for the next when all of that is there.

import { NewerVersionError } from "../../core/newer-version-error.ts";
import type { Covering } from "../commit-log.ts";
import { bytesOf, textOf } from "./keys.ts";

/** What a snapshot is of: all that entries up to `lsn` led to. */
export interface SnapshotFacts extends Covering {
  /** Version of the evaluation that whoever reads it must have. */
  readonly machineVersion: number;
  /** Of the file. */
  readonly bytes: number;
}

export interface Manifest extends SnapshotFacts {
  readonly format: number;
  /** Names this attempt: two that took the same are two. */
  readonly id: string;
  /** Hashes of the lists that name its pieces. */
  readonly lists: readonly string[];
  /** The one before, whose pieces stay as well: somebody may be reading them. */
  readonly previous: { readonly lists: readonly string[]; readonly revision: string } | null;
}

export interface Snapshot extends Manifest {
  /** When its manifest was put. */
  readonly revision: bigint;
}

export const manifestFormat = 1;

export function encodeManifest(manifest: Manifest): Uint8Array {
  return bytesOf(JSON.stringify(manifest));
}

/** @throws NewerVersionError | Error */
export function decodeManifest(value: Uint8Array): Manifest {
  const manifest = parsed(value);
  const { format, lsn, zxid, bytes, machineVersion, digest, lists } = manifest;
  if (typeof format === "number" && format > manifestFormat)
    throw new NewerVersionError(`a later version put the snapshot into etcd (format ${format})`);
  const numbers = [format, lsn, zxid, bytes, machineVersion];
  if (!numbers.every(Number.isSafeInteger) || typeof digest !== "string" || !Array.isArray(lists))
    throw damaged();
  return manifest as Manifest;
}

function parsed(value: Uint8Array): Partial<Manifest> {
  try {
    return JSON.parse(textOf(value)) as Partial<Manifest>;
  } catch {
    throw damaged();
  }
}

function damaged(): Error {
  return new Error("the manifest of the snapshot in etcd is damaged");
}
