// Looks at the end of the log now and then, whatever is heard of it: a watch may be dead and say nothing, and whether
// anybody answers at all is seen here first.

import type { Clock } from "../../clock.ts";
import type { Lsn } from "../commit-log.ts";
import type { LogConnection } from "../log-connection.ts";
import type { EntriesHeard } from "./entries-heard.ts";
import type { EtcdCalls } from "./etcd-calls.ts";
import type { LogTail } from "./log-tail.ts";
import type { Usage } from "./usage.ts";

/** Probes between two looks at how many entries there are: to count them takes etcd longer than to say where the end is. */
const probesPerCount = 10;

interface ProbesParts {
  readonly client: EtcdCalls;
  readonly clock: Clock;
  readonly connection: LogConnection;
  readonly heard: EntriesHeard;
  readonly tail: LogTail;
  readonly usage: Usage;
  /** Called with where the log was found to end while nobody listens, so that nobody is told of what comes. */
  readonly onUnheard: (end: Lsn) => void;
  /** Called with where the log was found to end. */
  readonly onEnd: (end: Lsn) => void;
}

export class Probes {
  readonly #parts: ProbesParts;
  #cancel: () => void = () => {};
  /** What the last look at the tail found, if it was not heard by then. */
  #unheard: Lsn = 0;
  #count = 0;

  constructor(parts: ProbesParts) {
    this.#parts = parts;
  }

  start(): void {
    const { clock, connection } = this.#parts;
    this.#cancel = clock.setTimer(connection.paces.probeEveryMs, () => {
      connection.look();
      void this.#probe().finally(() => {
        if (!connection.isOver) this.start();
      });
    });
  }

  stop(): void {
    this.#cancel();
  }

  async #probe(): Promise<void> {
    const { client, connection, tail, usage } = this.#parts;
    try {
      this.#compare(await tail.look());
      if (this.#count % probesPerCount === 0) await usage.count();
      this.#count += 1;
      if (connection.isFull && !(await client.isFull())) connection.setFull(null);
    } catch (error) {
      connection.notAnswered(error);
    }
  }

  #compare(end: Lsn): void {
    const { heard } = this.#parts;
    if (!heard.isListening) this.#parts.onUnheard(end);
    else if (this.#unheard > heard.last) heard.lose();
    this.#unheard = end;
    this.#parts.onEnd(end);
  }
}
