// Streams of events that another server tells, and this one passes on. They end with this server, or when it sheds some of its
// clients, and without a `bye`: where one event of theirs ends and the next begins is not looked at here. Whoever reads them
// asks again, as after any loss of a connection.

import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { OpenStreams } from "./latest-streams.ts";

export class PassedStreams implements OpenStreams {
  readonly #open = new Set<() => void>();

  get count(): number {
    return this.#open.size;
  }

  /** From here on it is one of those that can be ended; until it is over. */
  add(answer: Readable, raw: ServerResponse): void {
    const end = () => {
      answer.unpipe(raw);
      raw.end();
    };
    this.#open.add(end);
    raw.once("close", () => this.#open.delete(end));
  }

  close(): void {
    for (const end of this.endings()) end();
  }

  endings(): (() => void)[] {
    return [...this.#open];
  }
}
