// A log that moves into etcd or out of it, as far as etcd is concerned. The key that says whose log it is says so first, and
// is written at each step on condition that it stands as it was seen: of two that move the same, one has its way. While it
// says so no server begins, and none that was there before appends anything.

import type { FileHandle } from "node:fs/promises";
import type { EtcdCalls } from "./etcd-calls.ts";
import { Keys } from "./keys.ts";
import { encodeFormat, type Format, type FoundFormat, readFormat } from "./log-format.ts";
import type { Snapshot, SnapshotFacts } from "./manifest.ts";
import { patiently } from "./patience.ts";
import { Snapshots } from "./snapshots.ts";
import { SupersededError } from "./superseded-error.ts";

interface Beginning {
  readonly format: Format;
  /** As it was said that it comes. */
  readonly coming: FoundFormat;
  readonly onPiece: (bytes: number) => void;
  /** Called before the last step. */
  readonly onAllThere: () => void;
}

/** Somebody has written the key meanwhile. */
export class MoveConflictError extends Error {}

export class Moves {
  readonly prefix: string;
  readonly #client: EtcdCalls;
  readonly #keys: Keys;

  /** @param prefix of all keys; ends with a slash */
  constructor(client: EtcdCalls, prefix: string) {
    this.prefix = prefix;
    this.#client = client;
    this.#keys = new Keys(prefix);
  }

  /** Null where no log is. @throws Error when it is of a format that is unknown here */
  async look(): Promise<FoundFormat | null> {
    return await patiently(() => readFormat(this.#client, this.prefix));
  }

  /** Keys below the prefix, whosever they are. */
  async keyCount(): Promise<number> {
    return Number((await patiently(() => this.#client.range({ ...this.#keys.all, countOnly: true }))).count);
  }

  /** Writes the key if it stands as it was found. @throws MoveConflictError */
  async say(format: Format, before: FoundFormat | null): Promise<FoundFormat> {
    const { format: key } = this.#keys;
    const compare = [before === null ? { key, version: 0n } : { key, modRevision: before.revision }];
    const value = encodeFormat(format);
    await patiently(() => this.#client.txn({ compare, success: [{ put: { key, value } }] }));
    // Where the answer got lost the second attempt is refused.
    const now = await this.look();
    if (now !== null && Buffer.from(encodeFormat(now.format)).equals(value)) return now;
    throw conflict();
  }

  /**
   * Puts the file there as what the log begins with, and in the same step the log. What earlier attempts left that came to
   * nothing goes with what the first server does for it. @throws MoveConflictError, what etcd says
   */
  async begin(
    file: FileHandle,
    facts: SnapshotFacts,
    { format, coming, onPiece, onAllThere }: Beginning,
  ): Promise<Snapshot> {
    const { format: key } = this.#keys;
    const together = () => {
      onAllThere();
      return {
        compare: [{ key, modRevision: coming.revision }],
        success: [{ put: { key, value: encodeFormat(format) } }],
      };
    };
    const snapshots = new Snapshots(this.#client, this.prefix);
    try {
      return await snapshots.put(file, facts, new AbortController().signal, { together, onPiece });
    } catch (error) {
      throw error instanceof SupersededError ? conflict() : error;
    }
  }

  /** Leaves nothing below the prefix, if the key stands as it was found. Takes no room. @throws MoveConflictError */
  async clear({ revision }: FoundFormat): Promise<void> {
    const compare = [{ key: this.#keys.format, modRevision: revision }];
    const success = [{ deleteRange: this.#keys.all }];
    const { succeeded } = await patiently(() => this.#client.txn({ compare, success }));
    if (!succeeded && (await this.look()) !== null) throw conflict();
  }
}

function conflict(): MoveConflictError {
  return new MoveConflictError("somebody else moves a log there, or has begun one, at this moment");
}
