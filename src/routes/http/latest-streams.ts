// The open streams of one kind of resource that tell the latest there is, so that a planned stop says goodbye on each.

import type { FastifyReply } from "fastify";
import type { Clock } from "../../clock.ts";
import { type LatestSource, LatestStream } from "../../told/latest-stream.ts";
import { countStream } from "./connection-share.ts";
import { beginEventStream, connectReader } from "./sse.ts";

/** What can be told of through a stream while it is open. */
type Teller = Pick<LatestStream, "tell" | "finish">;

interface Subscription extends LatestSource {
  /**
   * Listens to what there is to tell, before the first byte. Returns what ends it.
   * @throws KeeperError when it is refused
   */
  readonly subscribe: (teller: Teller) => () => void;
}

/** Streams that a server ends before its connections. */
export interface OpenStreams {
  close(): void;
}

export class LatestStreams implements OpenStreams {
  readonly #store: { readonly clock: Clock; readonly zxid: number };
  readonly #open = new Set<LatestStream>();

  /** @param store whose zxid is that of each stream's head (Z6) */
  constructor(store: { readonly clock: Clock; readonly zxid: number }) {
    this.#store = store;
  }

  /** @throws KeeperError `throttled` when there are too many, and what the subscription is refused for */
  begin(reply: FastifyReply, { subscribe, ...source }: Subscription): void {
    countStream(reply);
    const unsubscribe = subscribe({ tell: () => stream.tell(), finish: (frame) => stream.finish(frame) });
    const sink = beginEventStream(reply, { Zxid: String(this.#store.zxid) });
    const stream = new LatestStream(sink, this.#store.clock, source, () => {
      unsubscribe();
      this.#open.delete(stream);
    });
    this.#open.add(stream);
    connectReader(reply.raw, sink, stream);
    stream.tell();
  }

  close(): void {
    for (const stream of [...this.#open]) stream.bye("shutdown");
  }
}
