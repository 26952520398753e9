// The open streams of one kind of resource that tell the latest there is, so that a planned stop says goodbye on each.

import type { FastifyReply } from "fastify";
import type { Clock } from "../../clock.ts";
import type { ReadContext } from "../../core/reader.ts";
import type { RightsInUse } from "../../store/rights-in-use.ts";
import type { Suspension } from "../../store/suspension.ts";
import { type LatestSource, LatestStream } from "../../told/latest-stream.ts";
import { countStream } from "./connection-share.ts";
import { beginEventStream, connectReader } from "./sse.ts";

/** What can be told of through a stream while it is open. */
type Teller = Pick<LatestStream, "tell" | "finish">;

interface Subscription extends LatestSource {
  /** Whose rights it goes on by: it ends with them. */
  readonly context: ReadContext;
  /**
   * Listens to what there is to tell, before the first byte. Returns what ends it.
   * @throws KeeperError when it is refused
   */
  readonly subscribe: (teller: Teller) => () => void;
}

interface FollowedStore {
  readonly clock: Clock;
  readonly zxid: number;
  readonly rightsInUse: RightsInUse;
  readonly suspension: Suspension;
}

/** Streams that a server ends before its connections. */
export interface OpenStreams {
  readonly count: number;
  close(): void;
  /** What ends each that is open now, saying why. */
  endings(reason: string): readonly (() => void)[];
}

export class LatestStreams implements OpenStreams {
  readonly #store: FollowedStore;
  readonly #open = new Set<LatestStream>();

  /** @param store whose zxid is that of each stream's head (Z6) */
  constructor(store: FollowedStore) {
    this.#store = store;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @throws KeeperError `throttled` when there are too many, and what the subscription is refused for */
  begin(reply: FastifyReply, { subscribe, context, ...source }: Subscription): void {
    countStream(reply);
    const unsubscribe = subscribe({ tell: () => stream.tell(), finish: (frame) => stream.finish(frame) });
    const sink = beginEventStream(reply, this.#store);
    const stopHeedingRights = this.#store.rightsInUse.follow(context, () => stream.bye("unauthorised"));
    const stopHeedingReach = this.#store.suspension.follow(() => stream.tell());
    const stream = new LatestStream(sink, this.#store, source, () => {
      unsubscribe();
      stopHeedingRights();
      stopHeedingReach();
      this.#open.delete(stream);
    });
    this.#open.add(stream);
    connectReader(reply.raw, sink, stream);
    stream.tell();
  }

  close(): void {
    for (const end of this.endings("shutdown")) end();
  }

  endings(reason: string): (() => void)[] {
    return Array.from(this.#open, (stream) => () => stream.bye(reason));
  }
}
