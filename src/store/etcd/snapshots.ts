// Snapshots that all servers share: the file of one server's tables, in pieces. A snapshot is there when its manifest is,
// and until then nobody sees it. Any number of servers may try at once, and one of them has its way:
//
// - Each piece is put on condition that the manifest is the one that was there when this began. Whoever comes too late hears
//   of it with the next piece.
// - A piece is taken to be there if that manifest names it, or if it was put since then, and if it is read and is whole. All
//   others are put again, so that they are of a later time than the manifest.
// - Pieces go (`prune.ts`) that neither the manifest nor the one before it names, and that are older than the manifest. So
//   what anybody counts on who may still have his way stays.

import { randomUUID } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Condition, EtcdCalls, RangeAnswer, Step, Txn } from "./etcd-calls.ts";
import { isOfTheWay } from "./etcd-errors.ts";
import { bytesOf, Keys } from "./keys.ts";
import {
  decodeManifest,
  encodeManifest,
  manifestFormat,
  type Snapshot,
  type SnapshotFacts,
} from "./manifest.ts";
import { restoredFromOlder } from "./own-entries.ts";
import { patiently } from "./patience.ts";
import { prune } from "./prune.ts";
import { hashesIn, hashOf, listsOf, packed, piecesOf, unpacked } from "./snapshot-chunks.ts";
import { SupersededError } from "./superseded-error.ts";

/** It was there, and gave way to another. */
export class SnapshotGoneError extends Error {}

/** What is done with the manifest or not at all, and on which conditions. */
type Together = Pick<Txn, "compare" | "success">;

interface PutOptions {
  /**
   * Name of the last entry that it covers: where that is not in the log any more, the log was put back, and what is here is
   * of a past that is lost. Empty where it is not known.
   */
  readonly behind?: string;
  /** Asked for when all pieces are there. */
  readonly together?: () => Together;
  /** Called with the length of each piece of the file that is there. */
  readonly onPiece?: (bytes: number) => void;
}

const alone: Together = { compare: [], success: [] };

/** Pieces whose names are asked for at once: etcd reads what is in them as well. */
const namesAtOnce = 32n;

export class Snapshots {
  readonly #client: EtcdCalls;
  readonly #keys: Keys;
  readonly #hasRoomFor: (bytes: number) => boolean;

  /**
   * @param prefix as that of the log; ends with a slash
   * @param hasRoomFor whether etcd can take a piece of so many bytes
   */
  constructor(client: EtcdCalls, prefix: string, hasRoomFor: (bytes: number) => boolean = () => true) {
    this.#client = client;
    this.#keys = new Keys(prefix);
    this.#hasRoomFor = hasRoomFor;
  }

  /** @throws NewerVersionError, or Error when it is damaged */
  async latest(): Promise<Snapshot | null> {
    return snapshotIn(await patiently(() => this.#client.range({ key: this.#keys.manifest })));
  }

  /**
   * Puts all of a file there; it is the snapshot when this resolves.
   * @throws SupersededError, the signal's reason, Error where there is no room for it or the log was put back, and what etcd
   * says
   */
  async put(
    file: FileHandle,
    facts: SnapshotFacts,
    signal: AbortSignal,
    { behind = "", onPiece = () => {}, together = () => alone }: PutOptions = {},
  ): Promise<Snapshot> {
    const before = await this.latest();
    if (before !== null && before.lsn >= facts.lsn) throw superseded();
    const expected = before?.revision ?? 0n;
    const conditions = this.#conditionsOf(behind);
    await this.#assertNotPutBack(expected, conditions);
    const present = await this.#present(before);
    const hashes: string[] = [];
    for await (const piece of piecesOf(file, facts.bytes)) {
      signal.throwIfAborted();
      hashes.push(await this.#putPiece(piece, { present, expected }));
      onPiece(piece.byteLength);
    }
    const lists: string[] = [];
    for (const list of listsOf(hashes)) lists.push(await this.#putPiece(list, { present, expected }));
    const previous = before === null ? null : { lists: before.lists, revision: String(before.revision) };
    const { compare, success } = together();
    return await this.#putManifest(
      { ...facts, lists, previous },
      { expected, conditions, together: { compare: [...compare, ...conditions], success } },
    );
  }

  /** Before all of it is sent for nothing. Asked by a write, which no member answers from before. */
  async #assertNotPutBack(expected: bigint, conditions: readonly Condition[]): Promise<void> {
    if (conditions.length === 0) return;
    const { manifest: key, question } = this.#keys;
    const txn = {
      compare: [{ key, modRevision: expected }, ...conditions],
      success: [{ put: { key: question, value: bytesOf("") } }],
      failure: [{ put: { key: question, value: bytesOf("") } }, { range: { key, keysOnly: true } }],
    };
    const { succeeded, ranges } = await patiently(() => this.#client.txn(txn));
    if (succeeded) return;
    throw (ranges[0]?.kvs[0]?.modRevision ?? 0n) === expected ? putBack() : superseded();
  }

  #conditionsOf(entryName: string): Condition[] {
    const [writer = "", seq = ""] = entryName.split("/");
    return entryName === "" ? [] : [{ key: this.#keys.entry(writer, Number(seq)), version: 1n }];
  }

  /** Hashes of what may be counted on. */
  async #present(before: Snapshot | null): Promise<Set<string>> {
    const present = new Set(before === null ? [] : await this.#namesIfWhole(before.lists));
    for await (const { key, modRevision } of this.#pieces())
      if (modRevision > (before?.revision ?? 0n)) present.add(this.#keys.hashAt(key));
    return present;
  }

  async *#pieces() {
    const { rangeEnd } = this.#keys.chunks;
    let { key } = this.#keys.chunks;
    for (;;) {
      const from = key;
      const { kvs, more } = await patiently(() =>
        this.#client.range({ key: from, rangeEnd, keysOnly: true, limit: namesAtOnce }),
      );
      yield* kvs;
      const last = kvs.at(-1)?.key;
      if (!more || last === undefined) return;
      key = Buffer.concat([last, Buffer.of(0)]);
    }
  }

  async #putPiece(
    piece: Uint8Array,
    { present, expected }: { readonly present: Set<string>; readonly expected: bigint },
  ): Promise<string> {
    const hash = hashOf(piece);
    // Entries will be trimmed on the strength of it.
    if (present.has(hash) && (await this.#isWhole(hash))) return hash;
    const value = await packed(piece);
    if (!this.#hasRoomFor(value.byteLength)) throw new Error(noRoomForSnapshot);
    const put = { put: { key: this.#keys.chunk(hash), value } };
    if (!(await this.#putIfStill(expected, put))) throw superseded();
    return hash;
  }

  async #isWhole(hash: string): Promise<boolean> {
    const { kvs } = await patiently(() => this.#client.range({ key: this.#keys.chunk(hash) }));
    const [kv] = kvs;
    if (kv === undefined) return false;
    return await unpacked(kv.value, hash).then(
      () => true,
      () => false,
    );
  }

  async #putIfStill(expected: bigint, put: Step): Promise<boolean> {
    const compare = [{ key: this.#keys.manifest, modRevision: expected }];
    return (await patiently(() => this.#client.txn({ compare, success: [put] }))).succeeded;
  }

  async #putManifest(
    content: SnapshotFacts & Pick<Snapshot, "lists" | "previous">,
    {
      expected,
      conditions,
      together,
    }: { readonly expected: bigint; readonly conditions: readonly Condition[]; readonly together: Together },
  ): Promise<Snapshot> {
    const { manifest: key } = this.#keys;
    const manifest = { format: manifestFormat, id: randomUUID(), ...content };
    const compare = [{ key, modRevision: expected }, ...together.compare];
    const success = [{ put: { key, value: encodeManifest(manifest) } }, ...together.success];
    const failure = [{ range: { key } }];
    const { header, succeeded, ranges } = await patiently(() =>
      this.#client.txn({ compare, success, failure }),
    );
    if (succeeded) return { ...manifest, revision: header.revision };
    // Where the answer got lost the second attempt is refused.
    const latest = snapshotIn(ranges[0]);
    if (latest?.id === manifest.id) return latest;
    throw conditions.length > 0 && (latest?.revision ?? 0n) === expected ? putBack() : superseded();
  }

  /** The file from its beginning to its end, each piece as it was put. @throws SnapshotGoneError, or Error when it is damaged */
  async *read({ lists }: Pick<Snapshot, "lists">): AsyncGenerator<Uint8Array> {
    for (const list of lists)
      for (const hash of hashesIn(await this.#piece(list))) yield await this.#piece(hash);
  }

  async #namesIn(lists: readonly string[]): Promise<string[]> {
    const names: string[] = [];
    for (const list of lists) names.push(list, ...hashesIn(await this.#piece(list)));
    return names;
  }

  /** A list that is damaged names nothing that can be counted on. */
  async #namesIfWhole(lists: readonly string[]): Promise<string[]> {
    return await this.#namesIn(lists).catch((error: unknown) => {
      if (isOfTheWay(error)) throw error;
      return [];
    });
  }

  async #piece(hash: string): Promise<Uint8Array> {
    const { kvs } = await patiently(() => this.#client.range({ key: this.#keys.chunk(hash) }));
    const [kv] = kvs;
    if (kv === undefined) throw new SnapshotGoneError(`the piece ${hash} of the snapshot is not in etcd`);
    return await unpacked(kv.value, hash);
  }

  /** Removes what neither it nor the one before needs, and what writers left that are gone. It must be the latest. */
  async prune(snapshot: Snapshot): Promise<void> {
    const kept = new Set([
      ...(await this.#namesIn(snapshot.lists)),
      // What cannot be read any more keeps nothing.
      ...(await this.#namesIfWhole(snapshot.previous?.lists ?? [])),
    ]);
    await prune({ client: this.#client, keys: this.#keys, pieces: this.#pieces() }, snapshot, kept);
  }

  /** Where etcd stands now. */
  async revision(): Promise<bigint> {
    const { manifest: key } = this.#keys;
    return (await patiently(() => this.#client.range({ key, keysOnly: true }))).header.revision;
  }
}

const noRoomForSnapshot =
  "etcd has no room for a snapshot beside the log: give it a larger quota (--quota-backend-bytes, and --etcd-quota-bytes " +
  "to match), or defragment it";

function snapshotIn(answer: Pick<RangeAnswer, "kvs"> | undefined): Snapshot | null {
  const kv = answer?.kvs[0];
  return kv === undefined ? null : { ...decodeManifest(kv.value), revision: kv.modRevision };
}

function superseded(): SupersededError {
  return new SupersededError("another server has put a snapshot there meanwhile");
}

function putBack(): Error {
  return new Error(
    `the entry that the snapshot would end with is not in the log any more: ${restoredFromOlder} (docs/cluster.md)`,
  );
}
