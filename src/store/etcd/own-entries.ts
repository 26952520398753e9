// What this server puts into the log. Each entry is put in one transaction with the tail and with the server's fence, on
// condition that the fence is the one that was written last. So whatever was sent and not answered can be sent again, and a
// copy that lingered somewhere comes to nothing, however late it arrives: also when the entry was trimmed meanwhile.

import { type Lsn, NotAppendedError, OutcomeUnknownError } from "../commit-log.ts";
import type { LogConnection } from "../log-connection.ts";
import { type EntriesRead, endIn } from "./entries-read.ts";
import { partsOf, valueFor } from "./entry-value.ts";
import type { Condition, EtcdCalls, KeyValue, TxnAnswer } from "./etcd-calls.ts";
import { answeredFromBefore, isOutOfSpace } from "./etcd-errors.ts";
import { bytesOf, type Keys, textOf } from "./keys.ts";
import { notTheSame } from "./log-format.ts";

interface OwnEntriesParts {
  readonly writer: string;
  readonly client: EtcdCalls;
  readonly keys: Keys;
  readonly connection: LogConnection;
  readonly read: EntriesRead;
  /** Of the log that was opened. */
  readonly formatRevision: bigint;
  /** Called when the fence is not as it was left: what was heard counts no more, since etcd may be of another past by now. */
  readonly onFenceLost: () => void;
}

export class OwnEntries {
  readonly #parts: OwnEntriesParts;
  readonly #fence: Uint8Array;
  /** When the fence was last written; null while there is none. */
  #fenceRevision: bigint | null = null;

  constructor(parts: OwnEntriesParts) {
    this.#parts = parts;
    this.#fence = parts.keys.fence(parts.writer);
  }

  /** One at a time. @throws NotAppendedError | OutcomeUnknownError | GivenUpError */
  async put(seq: number, body: Uint8Array): Promise<Lsn> {
    try {
      for (;;) {
        const fenceRevision = this.#fenceRevision ?? (await this.#putFence(seq));
        this.#fenceRevision = fenceRevision;
        const lsn = await this.#putBehind(fenceRevision, seq, body);
        if (lsn !== null) return lsn;
        this.#fenceRevision = null;
        this.#parts.onFenceLost();
      }
    } catch (error) {
      if (error instanceof AlreadyThere) return await this.#placeOf(seq, error.revision);
      throw error;
    }
  }

  /** When it was written. A copy of this that comes late does no harm: nothing is put behind a fence of another time. */
  async #putFence(seq: number): Promise<bigint> {
    const key = this.#fence;
    const { header, succeeded, ranges } = await this.#insist(seq, () =>
      this.#parts.client.txn({
        compare: [{ key, version: 0n }],
        success: [{ put: { key, value: bytesOf("") } }],
        failure: [{ range: { key } }],
      }),
    );
    return succeeded ? header.revision : (ranges[0]?.kvs[0]?.modRevision ?? header.revision);
  }

  /** Null when the fence is gone, and the entry surely not in the log. */
  async #putBehind(fenceRevision: bigint, seq: number, body: Uint8Array): Promise<Lsn | null> {
    if (!(await this.#putParts(fenceRevision, seq, body))) return null;
    let sent = 0;
    const answer = await this.#insist(seq, () => {
      sent += 1;
      return this.#send(fenceRevision, seq, body);
    });
    const { header, succeeded, ranges } = answer;
    if (succeeded) {
      this.#fenceRevision = header.revision;
      return endIn(ranges[0]?.kvs, this.#parts.keys);
    }
    const fence = ranges[0]?.kvs[0];
    const isOlder = header.revision < fenceRevision || (fence?.modRevision ?? fenceRevision) < fenceRevision;
    if (isOf(seq, fence)) {
      this.#fenceRevision = fence.modRevision;
      throw new AlreadyThere(fence.modRevision);
    }
    this.#assertSameLog(ranges[1]?.kvs[0]);
    if (isOlder) this.#failAsRestored();
    if (sent > 1) throw new OutcomeUnknownError("etcd forgot this server before it answered.");
    return null;
  }

  #send(modRevision: bigint, seq: number, body: Uint8Array): Promise<TxnAnswer> {
    const { client, keys, writer } = this.#parts;
    const { format, tail } = keys;
    return client.txn({
      compare: this.#conditions(modRevision),
      success: [
        { put: { key: keys.entry(writer, seq), value: valueFor(body) } },
        { put: { key: tail, value: bytesOf(`${writer}/${seq}`) } },
        { put: { key: this.#fence, value: bytesOf(String(seq)) } },
        { range: { key: tail, keysOnly: true } },
      ],
      failure: [{ range: { key: this.#fence } }, { range: { key: format } }],
    });
  }

  /** That nobody has written our fence but ourselves, and that the log is the one that was opened. */
  #conditions(modRevision: bigint): Condition[] {
    const { keys, formatRevision } = this.#parts;
    return [
      { key: this.#fence, modRevision },
      { key: keys.format, modRevision: formatRevision },
    ];
  }

  /** Whether they are there: they are not where the fence is gone. Nor is anything put into a log that is another's by now. */
  async #putParts(modRevision: bigint, seq: number, body: Uint8Array): Promise<boolean> {
    const { client, keys, writer } = this.#parts;
    const { format } = keys;
    for (const [index, value] of partsOf(body).entries()) {
      const put = { put: { key: keys.part(writer, seq, index), value } };
      const { succeeded, ranges } = await this.#insist(seq, () =>
        client.txn({
          compare: this.#conditions(modRevision),
          success: [put],
          failure: [{ range: { key: format } }],
        }),
      );
      if (succeeded) continue;
      this.#assertSameLog(ranges[0]?.kvs[0]);
      return false;
    }
    return true;
  }

  #assertSameLog(format: KeyValue | undefined): void {
    const { connection, formatRevision, keys } = this.#parts;
    if (format?.modRevision === formatRevision) return;
    connection.fail(notTheSame(format, keys.prefix));
    throw new NotAppendedError("The log has failed.");
  }

  /** Neither revisions nor what a writer has put behind its fence ever go back. */
  #failAsRestored(): never {
    this.#parts.connection.fail(
      `what this server wrote is there no more: ${restoredFromOlder} (docs/cluster.md)`,
    );
    throw new OutcomeUnknownError("The log is of another past.");
  }

  #insist(seq: number, ask: () => Promise<TxnAnswer>): Promise<TxnAnswer> {
    return this.#parts.connection.insist(ask, (error) => this.#refuseWithoutRoom(seq, error));
  }

  /**
   * A write that was refused for want of room may have been done all the same, or may be yet. With the fence gone it never
   * will be, and what the fence said last tells whether it was.
   */
  async #refuseWithoutRoom(seq: number, error: unknown): Promise<void> {
    if (!isOutOfSpace(error)) return;
    const { client, connection } = this.#parts;
    const fenceRevision = this.#fenceRevision ?? 0n;
    this.#fenceRevision = null;
    const fence = await connection.insist(() => client.remove(this.#fence));
    if (isOf(seq, fence)) throw new AlreadyThere(fence.modRevision);
    // The answer that had it may have been lost.
    const entry = await this.#unlessFailed(() => this.#entryWithoutFence(seq, fenceRevision));
    if (entry !== undefined) throw new AlreadyThere(entry.modRevision);
    connection.setFull(quotaUsedUp);
    throw new NotAppendedError(quotaUsedUp);
  }

  /** As it is once the fence is gone that was written then. @throws ConnectError where it is answered from before that */
  async #entryWithoutFence(seq: number, fenceRevision: bigint): Promise<KeyValue | undefined> {
    const { client, keys, writer } = this.#parts;
    const { header, ranges } = await client.txn({
      compare: [],
      success: [
        { range: { key: this.#fence, keysOnly: true } },
        { range: { key: keys.entry(writer, seq), keysOnly: true } },
      ],
    });
    if (header.revision < fenceRevision || ranges[0]?.kvs[0] !== undefined) throw answeredFromBefore();
    return ranges[1]?.kvs[0];
  }

  /** Asks until it is answered; a log that was put back may never come as far as what was there. */
  #unlessFailed<T>(ask: () => Promise<T>): Promise<T> {
    const { connection } = this.#parts;
    return connection.insist(ask, () => {
      if (connection.state.state === "failed") throw new OutcomeUnknownError("The log has failed.");
    });
  }

  /** Of an entry that was put before it was known to be. */
  async #placeOf(seq: number, revision: bigint): Promise<Lsn> {
    const { client, keys, read, writer } = this.#parts;
    const lsn = await this.#unlessFailed(() => read.lsnAt(revision));
    const key = keys.entry(writer, seq);
    const { kvs } = await this.#unlessFailed(async () => {
      const answer = await client.range({ key, keysOnly: true });
      if (answer.header.revision < revision) throw answeredFromBefore();
      return answer;
    });
    // With it others may have gone that were to be counted.
    if (kvs.length === 0) throw new OutcomeUnknownError("The entry was trimmed before its place was known.");
    return lsn;
  }
}

export const restoredFromOlder = "etcd was restored from an older copy";
export const quotaUsedUp = "etcd has no room: its quota is used up";

class AlreadyThere extends Error {
  readonly revision: bigint;

  constructor(revision: bigint) {
    super("it is in the log already");
    this.revision = revision;
  }
}

function isOf(seq: number, fence: KeyValue | null | undefined): fence is KeyValue {
  return fence !== null && fence !== undefined && textOf(fence.value) === String(seq);
}
