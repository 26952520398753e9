// What a move of a log has to do with, whichever way it goes: its two sides, how it is refused, and what is said of it.

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { EtcdCalls } from "../store/etcd/etcd-calls.ts";

/** A log in etcd, as its operator names it. */
export interface EtcdPlace {
  /** Such as `etcd://10.0.0.1:2379/treekeeper/`. */
  readonly name: string;
  readonly prefix: string;
  readonly client: EtcdCalls;
}

export interface MoveHooks {
  /** How far it is; `share` where the whole is known. */
  readonly onProgress: (count: number, unit: string, share?: number) => void;
  /** Something to know. */
  readonly onNote: (message: string) => void;
}

/** What was moved, and is the same on both sides. */
export interface MoveReport {
  readonly from: string;
  readonly to: string;
  readonly clusterId: string;
  readonly zxid: number;
  /** The last entry of the log. */
  readonly position: number;
  readonly znodes: number;
  readonly sessions: number;
  /** Of the rows. */
  readonly digest: string;
  /** Of the file that they are in. */
  readonly bytes: number;
}

const idBytes = 16;

/** Names an attempt, or a log. */
export function newMoveId(): string {
  return randomBytes(idBytes).toString("hex");
}

/** A directory as the key in etcd names it, for whoever reads it on another machine. */
export function placeHere(path: string): string {
  return `${hostname()}:${path}`;
}

/** What keeps a log from being moved, for whoever asked. */
export class MigrateError extends Error {
  readonly isUnreachable: boolean;

  constructor(
    message: string,
    { cause, isUnreachable = false }: ErrorOptions & { isUnreachable?: boolean } = {},
  ) {
    super(message, { cause });
    this.name = "MigrateError";
    this.isUnreachable = isUnreachable;
  }
}
