// Removes what nobody needs once a snapshot is there: pieces of those before the last two, pieces of attempts that came to
// nothing, and fences of servers that are gone. All of it is older than the snapshot, and goes only as long as that is the
// latest: whoever is putting the next one counts on none of it (`snapshots.ts`).

import type { EtcdCalls, KeyValue, Step } from "./etcd-calls.ts";
import type { Keys } from "./keys.ts";
import type { Snapshot } from "./manifest.ts";
import { patiently } from "./patience.ts";

interface PruneParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  /** All there are, without what is in them. */
  readonly pieces: AsyncIterable<KeyValue>;
}

/** etcd allows 128 conditions and steps. */
const removedAtOnce = 100;
const fencesAtOnce = 500n;

/** @param kept hashes of what stays */
export async function prune(parts: PruneParts, snapshot: Snapshot, kept: ReadonlySet<string>): Promise<void> {
  const { keys, pieces } = parts;
  let gone: KeyValue[] = [];
  for await (const piece of pieces) {
    if (piece.modRevision > snapshot.revision || kept.has(keys.hashAt(piece.key))) continue;
    gone.push(piece);
    if (gone.length < removedAtOnce) continue;
    if (!(await remove(parts, snapshot, gone))) return;
    gone = [];
  }
  if (gone.length > 0 && !(await remove(parts, snapshot, gone))) return;
  if (snapshot.previous !== null) await pruneFences(parts, BigInt(snapshot.previous.revision));
}

/** Unless they were put again since they were seen. False when another snapshot is there, which has its own to say. */
async function remove(
  parts: PruneParts,
  { revision }: Pick<Snapshot, "revision">,
  gone: readonly KeyValue[],
): Promise<boolean> {
  const { manifest } = parts.keys;
  const compare = [
    { key: manifest, modRevision: revision },
    ...gone.map(({ key, modRevision }) => ({ key, modRevision })),
  ];
  const success: Step[] = gone.map(({ key }) => ({ deleteRange: { key } }));
  const failure: Step[] = [{ range: { key: manifest, keysOnly: true } }];
  const { succeeded, ranges } = await patiently(() => parts.client.txn({ compare, success, failure }));
  if (succeeded) return true;
  if (ranges[0]?.kvs[0]?.modRevision !== revision) return false;
  const half = Math.ceil(gone.length / 2);
  if (gone.length === 1) return true;
  const isFirstDone = await remove(parts, { revision }, gone.slice(0, half));
  return isFirstDone && (await remove(parts, { revision }, gone.slice(half)));
}

/**
 * Those of writers that wrote nothing since the snapshot before the last. A server that was idle for so long puts its fence
 * there anew with its next entry; what lingers of one that is gone comes to nothing without one.
 */
async function pruneFences({ client, keys }: PruneParts, before: bigint): Promise<void> {
  const { rangeEnd } = keys.fences;
  let { key } = keys.fences;
  for (;;) {
    const from = key;
    const { kvs, more } = await patiently(() =>
      client.range({ key: from, rangeEnd, keysOnly: true, limit: fencesAtOnce }),
    );
    for (const fence of kvs) if (fence.modRevision < before) await pruneFence(fence, { client, keys });
    const last = kvs.at(-1)?.key;
    if (!more || last === undefined) return;
    key = Buffer.concat([last, Buffer.of(0)]);
  }
}

/** With what it began to put and did not finish. */
async function pruneFence(
  { key, modRevision }: KeyValue,
  { client, keys }: Pick<PruneParts, "client" | "keys">,
): Promise<void> {
  const writer = keys.writerAt(key);
  const entries = { ...keys.entriesOf(writer), countOnly: true };
  // As long as the fence stands as it was seen, there are no new ones.
  if ((await patiently(() => client.range(entries))).count > 0n) return;
  const success: Step[] = [{ deleteRange: { key } }, { deleteRange: keys.partsOf(writer) }];
  await patiently(() => client.txn({ compare: [{ key, modRevision }], success }));
}
