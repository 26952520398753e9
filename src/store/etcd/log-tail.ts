// Where the log in etcd ends, as etcd says when it is asked, and whether it is the log that was opened, of the past that is
// known here. Where it is not, the log fails: nothing can be appended to another past, or read from it.

import { type Lsn, OutcomeUnknownError } from "../commit-log.ts";
import type { LogConnection } from "../log-connection.ts";
import { endIn, type KnownEntry } from "./entries-read.ts";
import type { EtcdCalls, KeyValue, Step, TxnAnswer } from "./etcd-calls.ts";
import { answeredFromBefore, isOutOfSpace } from "./etcd-errors.ts";
import { bytesOf, type Keys, textOf } from "./keys.ts";
import { notTheSame } from "./log-format.ts";
import { restoredFromOlder } from "./own-entries.ts";

/** A look at the tail that is not answered by then has another member asked, before the log is said to be out of reach. */
const lookTimeoutMs = 1000;
/** So many reads that say that the log ends too early are believed where nothing can be written. */
const readsBelieved = 5;

interface TailParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  readonly connection: LogConnection;
  /** Of the log that was opened. */
  readonly formatRevision: bigint;
  readonly known: () => KnownEntry;
}

export class LogTail {
  readonly #parts: TailParts;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  /** The last entry that is known to have been there. */
  get known(): KnownEntry {
    return this.#parts.known();
  }

  /**
   * Asked by a write, which no member answers from before.
   * @throws GivenUpError | Error when it is another log by now, or one that was put back: who goes by its end would take what
   * is lost for the newest
   */
  async ask(): Promise<Lsn> {
    // Of what is heard while it is asked the answer may not know.
    return await this.#askBehind(this.known);
  }

  async #askBehind(known: KnownEntry): Promise<Lsn> {
    const { client, keys, connection } = this.#parts;
    const ranges = this.#ranges();
    let success: Step[] = [{ put: { key: keys.question, value: bytesOf("") } }, ...ranges];
    let early = 0;
    return await connection.insist(
      async () => {
        const end = this.#endIn(await client.txn({ compare: [], success }), known);
        if (end >= known.lsn) return end;
        early += 1;
        if (success === ranges && early < readsBelieved) throw answeredFromBefore();
        throw this.#failAsEnded(end, known.lsn);
      },
      (error) => {
        // Where nothing can be written it is read.
        if (isOutOfSpace(error)) success = ranges;
      },
    );
  }

  /**
   * Asked once, and answered from before at times: where that is too early it is asked by a write.
   * @throws Error when nobody answers, or it is another log by now, or of another past
   */
  async look(): Promise<Lsn> {
    const { client, connection } = this.#parts;
    const { known } = this;
    const answer = await client.txn({ compare: [], success: this.#ranges(), timeoutMs: lookTimeoutMs });
    connection.answered();
    const end = this.#endIn(answer, known);
    return end < known.lsn ? await this.#askBehind(known) : end;
  }

  #ranges(): Step[] {
    const { tail, format } = this.#parts.keys;
    return [{ range: { key: tail } }, { range: { key: format } }];
  }

  /** At one place there is one entry, from whenever the answer is. */
  #endIn({ ranges: [tails, formats] }: TxnAnswer, known: KnownEntry): Lsn {
    this.#assertSame(formats?.kvs[0]);
    const end = endIn(tails?.kvs, this.#parts.keys);
    const name = tails?.kvs[0]?.value;
    if (end === known.lsn && known.name !== "" && name !== undefined && textOf(name) !== known.name)
      throw this.failAsAnotherPast(end);
    return end;
  }

  /** Where the log goes on somewhere else, what is here is the past. */
  #assertSame(format: KeyValue | undefined): void {
    const { connection, formatRevision, keys } = this.#parts;
    if (format?.modRevision === formatRevision) return;
    const cause = notTheSame(format, keys.prefix);
    connection.fail(cause);
    throw new Error(cause);
  }

  /** A member of an etcd that was paused may answer from before. One that answers to a write does not. */
  async doubt(lsn: Lsn): Promise<void> {
    const { known } = this;
    await this.#askBehind(known.lsn < lsn ? { lsn, name: "" } : known);
  }

  #failAsEnded(end: Lsn, known: Lsn): OutcomeUnknownError {
    this.#parts.connection.fail(
      `the log ends at ${end}, and ${known} was there already: ${restoredFromOlder} (docs/cluster.md)`,
    );
    return new OutcomeUnknownError("The log is of another past.");
  }

  failAsAnotherPast(lsn: Lsn): OutcomeUnknownError {
    this.#parts.connection.fail(
      `the log has another entry at ${lsn} than was there: ${restoredFromOlder} (docs/cluster.md)`,
    );
    return new OutcomeUnknownError("The log is of another past.");
  }
}
