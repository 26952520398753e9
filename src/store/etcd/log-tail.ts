// Where the log in etcd ends, as etcd says when it is asked, and whether it is the log that was opened, of the past that is
// known here. Where it is not, the log fails: nothing can be appended to another past, or read from it.

import { type Lsn, OutcomeUnknownError } from "../commit-log.ts";
import type { LogConnection } from "../log-connection.ts";
import { endIn } from "./entries-read.ts";
import type { EtcdCalls, KeyValue, Step } from "./etcd-calls.ts";
import { isOutOfSpace } from "./etcd-errors.ts";
import { bytesOf, type Keys } from "./keys.ts";
import { notTheSame } from "./log-format.ts";
import { restoredFromOlder } from "./own-entries.ts";

/** A look at the tail that is not answered by then has another member asked, before the log is said to be out of reach. */
const lookTimeoutMs = 1000;

interface TailParts {
  readonly client: EtcdCalls;
  readonly keys: Keys;
  readonly connection: LogConnection;
  /** Of the log that was opened. */
  readonly formatRevision: bigint;
}

export class LogTail {
  readonly #parts: TailParts;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  /** Asked by a write, which no member answers from before. @throws GivenUpError | Error when it is another log by now */
  async ask(): Promise<Lsn> {
    const { client, keys, connection } = this.#parts;
    const ranges = this.#ranges();
    let success: Step[] = [{ put: { key: keys.question, value: bytesOf("") } }, ...ranges];
    const answer = await connection.insist(
      () => client.txn({ compare: [], success }),
      (error) => {
        // Where nothing can be written it is read.
        if (isOutOfSpace(error)) success = ranges;
      },
    );
    const [tails, formats] = answer.ranges;
    this.#assertSame(formats?.kvs[0]);
    return endIn(tails?.kvs, keys);
  }

  /** Asked once, and answered from before at times. @throws Error when nobody answers, or it is another log by now */
  async look(): Promise<Lsn> {
    const { client, keys, connection } = this.#parts;
    const { ranges } = await client.txn({ compare: [], success: this.#ranges(), timeoutMs: lookTimeoutMs });
    connection.answered();
    this.#assertSame(ranges[1]?.kvs[0]);
    return endIn(ranges[0]?.kvs, keys);
  }

  #ranges(): Step[] {
    const { tail, format } = this.#parts.keys;
    return [{ range: { key: tail, keysOnly: true } }, { range: { key: format } }];
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
  async doubt(known: Lsn): Promise<void> {
    const end = await this.ask();
    if (end < known)
      this.#parts.connection.fail(
        `the log ends at ${end}, and ${known} was there already: ${restoredFromOlder} (docs/cluster.md)`,
      );
  }

  failAsAnotherPast(lsn: Lsn): OutcomeUnknownError {
    this.#parts.connection.fail(
      `the log has another entry at ${lsn} than was there: ${restoredFromOlder} (docs/cluster.md)`,
    );
    return new OutcomeUnknownError("The log is of another past.");
  }
}
